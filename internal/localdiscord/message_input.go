package localdiscord

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits on a message, as in Discord.
const (
	maxContent      = 2000 // characters of a bot's message
	maxNitroContent = 4000 // of a person's with Nitro, which everybody has here
	maxEmbeds       = 10
	maxEmbedChars   = 6000 // in all embeds of a message
	maxFiles        = 10
	maxNonce        = 25
	maxRows         = 5
	maxComponentsV2 = 40
	maxWaveform     = 256 // points of a voice message
	maxWaveformText = 400
)

// Message flags.
const (
	flagSuppressEmbeds        = 1 << 2
	flagEphemeral             = 1 << 6
	flagLoading               = 1 << 7
	flagSuppressNotifications = 1 << 12
	flagVoiceMessage          = 1 << 13
	flagHasSnapshot           = 1 << 14
	flagComponentsV2          = 1 << 15
)

// optional is a JSON value that may be absent or null.
type optional[T any] struct {
	set   bool
	null  bool
	value T
}

// UnmarshalJSON is called only for a field that is there.
func (o *optional[T]) UnmarshalJSON(b []byte) error {
	o.set = true
	if string(b) == "null" {
		o.null = true
		return nil
	}
	return json.Unmarshal(b, &o.value)
}

// messageInput is the body of what makes or edits a message: POST and PATCH of messages, interaction responses and
// follow-ups.
type messageInput struct {
	Content         optional[string]            `json:"content"`
	Nonce           json.RawMessage             `json:"nonce"`
	EnforceNonce    bool                        `json:"enforce_nonce"`
	TTS             bool                        `json:"tts"`
	Embeds          optional[[]json.RawMessage] `json:"embeds"`
	AllowedMentions *allowedMentions            `json:"allowed_mentions"`
	Reference       *referenceInput             `json:"message_reference"`
	Components      optional[[]json.RawMessage] `json:"components"`
	Attachments     optional[[]attachmentInput] `json:"attachments"`
	Flags           optional[int]               `json:"flags"`
	Poll            json.RawMessage             `json:"poll"`
	StickerIDs      []ID                        `json:"sticker_ids"`

	forwarded *wireSnapshot // what Reference forwards
	longest   int           // characters that Content may have
	largest   int64         // bytes that a file may have
	files     []*file       // uploaded, by number
	numbers   []string      // n of files[n]
	filesFor  ID            // channel
}

type allowedMentions struct {
	Parse       []string `json:"parse"`
	Roles       []ID     `json:"roles"`
	Users       []ID     `json:"users"`
	RepliedUser bool     `json:"replied_user"`
}

type referenceInput struct {
	Type            int   `json:"type"`
	MessageID       ID    `json:"message_id"`
	ChannelID       ID    `json:"channel_id"`
	GuildID         ID    `json:"guild_id"`
	FailIfNotExists *bool `json:"fail_if_not_exists"`
}

// attachmentInput is an entry of attachments: a file of this request by its number, or one that the message has already.
type attachmentInput struct {
	ID          flexibleNumber    `json:"id"`
	Filename    string            `json:"filename"`
	Title       string            `json:"title"`
	Description string            `json:"description"`
	Duration    optional[float64] `json:"duration_secs"`
	Waveform    optional[string]  `json:"waveform"`
}

// flexibleNumber is a number written as a JSON number or string.
type flexibleNumber string

// UnmarshalJSON reads either.
func (n *flexibleNumber) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if _, err := strconv.ParseUint(text, 10, 63); err != nil {
		return formError("attachments", "NUMBER_TYPE_COERCE", fmt.Sprintf("Value %.40q is not snowflake.", text))
	}
	*n = flexibleNumber(text)
	return nil
}

// readMessage reads a message from JSON or from a form with files. wrap, when set, is called with the JSON instead
// of decoding it as a message, and returns the message's part of it; interaction responses hold it under "data".
// The files must be given to a message or discarded.
func (c *call) readMessage(channel ID, wrap func([]byte) (json.RawMessage, error)) (in *messageInput, err error) {
	in = &messageInput{filesFor: channel, longest: maxContent, largest: c.s.uploadTo(channel)}
	if c.account != nil && !c.account.bot {
		in.longest = maxNitroContent
	}
	defer func() {
		if err != nil {
			c.s.store.discard(in.files)
		}
	}()
	decode := func(b []byte) error {
		if wrap != nil {
			part, err := wrap(b)
			if err != nil || len(part) == 0 {
				return err
			}
			b = part
		}
		return decodeJSON(b, in)
	}
	if !c.isMultipart() {
		if err := decode(c.body); err != nil {
			return in, err
		}
		return in, in.matchFiles()
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, in.largest*maxFiles+maxJSONBody)
	parts, err := c.r.MultipartReader()
	if err != nil {
		return in, bodyError(err)
	}
	var payload []byte
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return in, bodyError(err)
		}
		if err := c.readPart(part, in, &payload); err != nil {
			return in, err
		}
	}
	if payload != nil {
		if err := decode(payload); err != nil {
			return in, err
		}
	} else if wrap != nil {
		return in, errBadBody
	}
	return in, in.matchFiles()
}

// uploadTo is how large a file for the channel may be, bytes.
func (s *Server) uploadTo(channel ID) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ch := s.channels[channel]; ch != nil {
		return s.limitOf(ch.guild)
	}
	return s.limitOf(nil)
}

// limitOf is how large a file in the guild may be, bytes: the world's limit, or what the guild's boosts have brought.
// nil means direct messages. Called with mu held.
func (s *Server) limitOf(g *guild) int64 {
	switch {
	case s.cfg.World.UploadLimit != 0:
		return s.cfg.World.UploadLimit
	case g != nil && g.tier == 2:
		return 50 << 20
	case g != nil && g.tier == 3:
		return 100 << 20
	}
	return DefaultUploadLimit
}

// readValid reads a message and checks it. done discards those of its files that no message took.
func (c *call) readValid(channel ID, edit bool) (in *messageInput, done func(), err error) {
	in, err = c.readMessage(channel, nil)
	if err != nil {
		return nil, nil, err
	}
	done = func() { c.s.store.discard(in.files) }
	if err := in.validate(edit); err != nil {
		done()
		return nil, nil, err
	}
	return in, done, nil
}

func (c *call) readPart(part *multipart.Part, in *messageInput, payload *[]byte) error {
	name := part.FormName()
	if part.FileName() == "" {
		text, err := io.ReadAll(io.LimitReader(part, maxJSONBody+1))
		if err != nil {
			return bodyError(err)
		}
		if len(text) > maxJSONBody {
			return errTooLargeEntity
		}
		switch name {
		case "payload_json":
			*payload = text
		case "content":
			in.Content = optional[string]{set: true, value: string(text)}
		case "nonce":
			in.Nonce = mustJSON(string(text))
		case "tts":
			in.TTS, _ = strconv.ParseBool(strings.ToLower(string(text)))
		}
		return nil
	}
	if len(in.files) >= maxFiles {
		return formError("attachments", "BASE_TYPE_MAX_LENGTH", fmt.Sprintf("Must be %d or fewer in length.", maxFiles))
	}
	number := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(name, "files["), "file"), "]")
	if number == "" {
		number = "0" // the old form of a single file
	}
	if _, err := strconv.ParseUint(number, 10, 63); err != nil || slices.Contains(in.numbers, number) {
		return formError("files", "BASE_TYPE_BAD", fmt.Sprintf("%.40q: files are to be named files[n], each n once", name))
	}
	c.s.mu.Lock()
	id := c.s.newID()
	c.s.mu.Unlock()
	contentType := part.Header.Get("Content-Type")
	if len(contentType) > 200 {
		contentType = ""
	}
	f, err := c.s.store.save(id, part.FileName(), contentType, in.largest, part)
	if err != nil {
		if errors.Is(err, errTooLarge) {
			return errTooLargeEntity
		}
		var large *http.MaxBytesError
		if errors.As(err, &large) || errors.Is(err, io.ErrUnexpectedEOF) {
			return bodyError(err)
		}
		return err
	}
	f.channel = in.filesFor
	in.files = append(in.files, f)
	in.numbers = append(in.numbers, number)
	return nil
}

// matchFiles takes what attachments say about the files of this request.
func (in *messageInput) matchFiles() error {
	for i, a := range in.Attachments.value {
		k := slices.Index(in.numbers, string(a.ID))
		if k < 0 {
			continue
		}
		f := in.files[k]
		if a.Filename != "" {
			if clean := cleanFilename(a.Filename); clean != f.name {
				f.name = clean
			}
		}
		if a.Title != "" {
			f.title = a.Title
		}
		if utf8.RuneCountInString(a.Description) > 1024 {
			return formError(fmt.Sprintf("attachments.%d.description", i), "BASE_TYPE_MAX_LENGTH", "Must be 1024 or fewer in length.")
		}
		f.description = a.Description
		if a.Duration.set && !a.Duration.null {
			d := a.Duration.value
			f.duration = &d
		}
		f.waveform = a.Waveform.value
	}
	return nil
}

// flags returns the flags that were asked for.
func (in *messageInput) flags() int { return in.Flags.value }

// validate checks what does not depend on where the message goes. edit allows a message without anything.
func (in *messageInput) validate(edit bool) error {
	if n := utf8.RuneCountInString(in.Content.value); n > in.longest {
		return formError("content", "BASE_TYPE_MAX_LENGTH", fmt.Sprintf("Must be %d or fewer in length.", in.longest))
	}
	var nonceText string
	if len(in.Nonce) > 0 && string(in.Nonce) != "null" {
		var number int64
		if json.Unmarshal(in.Nonce, &nonceText) != nil && json.Unmarshal(in.Nonce, &number) != nil || len(nonceText) > maxNonce {
			return formError("nonce", "NONCE_TYPE_TOO_LONG", fmt.Sprintf("Nonce must be %d or fewer characters.", maxNonce))
		}
	} else {
		in.Nonce = nil
	}
	if err := errors.Join(in.validateEmbeds(), in.validatePoll()); err != nil {
		return err
	}
	if err := in.validateComponents(); err != nil {
		return err
	}
	if in.flags()&flagVoiceMessage != 0 && !edit {
		return in.validateVoice()
	}
	if !edit && strings.TrimSpace(in.Content.value) == "" && len(in.Embeds.value) == 0 && len(in.files) == 0 && len(in.Components.value) == 0 && len(in.Poll) == 0 && len(in.StickerIDs) == 0 &&
		(in.Reference == nil || in.Reference.Type == 0) {
		return errEmptyMessage
	}
	return nil
}

// validateVoice checks the rules of voice messages: one audio file with its length and waveform, and nothing else.
func (in *messageInput) validateVoice() error {
	if in.Content.value != "" || len(in.Embeds.value) > 0 || len(in.Components.value) > 0 {
		return errVoiceContent
	}
	if len(in.files) != 1 {
		return errVoiceFile
	}
	f := in.files[0]
	if t, _, err := mime.ParseMediaType(f.contentType); err != nil || !strings.HasPrefix(t, "audio/") {
		return errVoiceFile
	}
	if f.duration == nil || *f.duration <= 0 || f.waveform == "" || len(f.waveform) > maxWaveformText {
		return errVoiceMetadata
	}
	if points, err := base64.StdEncoding.DecodeString(f.waveform); err != nil || len(points) > maxWaveform {
		return errVoiceMetadata
	}
	return nil
}

// validateEmbeds checks embeds and completes them as Discord does.
func (in *messageInput) validateEmbeds() error {
	if len(in.Embeds.value) > maxEmbeds {
		return formError("embeds", "BASE_TYPE_MAX_LENGTH", fmt.Sprintf("Must be %d or fewer in length.", maxEmbeds))
	}
	total := 0
	for i, raw := range in.Embeds.value {
		var e map[string]any
		if err := json.Unmarshal(raw, &e); err != nil || e == nil {
			return formError(fmt.Sprintf("embeds.%d", i), "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
		}
		for key, v := range e {
			if v == nil {
				delete(e, key)
			}
		}
		e["type"] = "rich"
		text := func(holder map[string]any, key string, limit int) error {
			v, _ := holder[key].(string)
			n := utf8.RuneCountInString(v)
			total += n
			if n > limit {
				return formError(fmt.Sprintf("embeds.%d.%s", i, key), "BASE_TYPE_MAX_LENGTH", fmt.Sprintf("Must be %d or fewer in length.", limit))
			}
			return nil
		}
		footer, _ := e["footer"].(map[string]any)
		author, _ := e["author"].(map[string]any)
		if err := errors.Join(text(e, "title", 256), text(e, "description", 4096), text(footer, "text", 2048), text(author, "name", 256)); err != nil {
			return err
		}
		fields, _ := e["fields"].([]any)
		if len(fields) > 25 {
			return formError(fmt.Sprintf("embeds.%d.fields", i), "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
		}
		for k, fv := range fields {
			field, _ := fv.(map[string]any)
			name, _ := field["name"].(string)
			value, _ := field["value"].(string)
			if name == "" || value == "" {
				return formError(fmt.Sprintf("embeds.%d.fields.%d", i, k), "BASE_TYPE_REQUIRED", "name and value are required")
			}
			if _, ok := field["inline"].(bool); !ok {
				field["inline"] = false
			}
			if err := errors.Join(text(field, "name", 256), text(field, "value", 1024)); err != nil {
				return err
			}
		}
		in.Embeds.value[i] = mustJSON(e)
	}
	if total > maxEmbedChars {
		return formError("embeds", "MAX_EMBED_SIZE_EXCEEDED", fmt.Sprintf("Embed size exceeds maximum size of %d", maxEmbedChars))
	}
	return nil
}

// validateComponents checks components and numbers those without an id, as Discord does.
func (in *messageInput) validateComponents() error {
	v2 := in.flags()&flagComponentsV2 != 0
	if v2 && (in.Content.value != "" || len(in.Embeds.value) > 0) {
		return formError("flags", "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", "content and embeds cannot be used with the components flag")
	}
	if n := len(in.Components.value); !v2 && n > maxRows {
		return formError("components", "BASE_TYPE_BAD_LENGTH", fmt.Sprintf("Must be between 1 and %d in length.", maxRows))
	}
	next, count := 1, 0
	for i, raw := range in.Components.value {
		var comp map[string]any
		if err := json.Unmarshal(raw, &comp); err != nil || comp == nil {
			return formError(fmt.Sprintf("components.%d", i), "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
		}
		if kind, _ := comp["type"].(float64); !v2 && kind != componentRow {
			return formError(fmt.Sprintf("components.%d.type", i), "BASE_TYPE_CHOICES", "Value must be one of (1,).")
		}
		if err := completeComponent(comp, fmt.Sprintf("components.%d", i), &next, &count); err != nil {
			return err
		}
		in.Components.value[i] = mustJSON(comp)
	}
	if count > maxComponentsV2 {
		return formError("components", "BASE_TYPE_MAX_LENGTH", fmt.Sprintf("At most %d components.", maxComponentsV2))
	}
	return nil
}

// Component types.
const (
	componentRow       = 1
	componentButton    = 2
	componentSelect    = 3
	componentTextInput = 4
	componentText      = 10
	componentSeparator = 14
	componentContainer = 17
	componentLabel     = 18
)

func withDefault(comp map[string]any, key string, value any) {
	if _, ok := comp[key]; !ok {
		comp[key] = value
	}
}

func completeComponent(comp map[string]any, key string, next, count *int) error {
	if *count++; *count > maxComponentsV2 {
		return nil // refused by the caller
	}
	for k, v := range comp {
		if v == nil {
			delete(comp, k)
		}
	}
	if id, _ := comp["id"].(float64); id == 0 {
		comp["id"] = *next
	}
	*next++
	kind, _ := comp["type"].(float64)
	if id, given := comp["custom_id"].(string); given && (id == "" || utf8.RuneCountInString(id) > 100) {
		return formError(key+".custom_id", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
	}
	switch int(kind) {
	case componentButton:
		style, _ := comp["style"].(float64)
		_, hasID := comp["custom_id"].(string)
		_, hasURL := comp["url"].(string)
		if style < 1 || style > 6 || style <= 4 && !hasID || style == 5 && !hasURL {
			return formError(key, "BUTTON_COMPONENT_INVALID", "A button needs a style, and a custom_id or, for a link, a url")
		}
	case componentText:
		if text, _ := comp["content"].(string); text == "" {
			return formError(key+".content", "BASE_TYPE_REQUIRED", "This field is required")
		}
	case componentSeparator:
		withDefault(comp, "divider", true)
		withDefault(comp, "spacing", 1)
	case componentContainer:
		withDefault(comp, "spoiler", false)
		if _, ok := comp["accent_color"]; !ok {
			comp["accent_color"] = nil
		}
	case componentSelect, 5, 6, 7, 8:
		if _, ok := comp["custom_id"].(string); !ok {
			return formError(key+".custom_id", "BASE_TYPE_REQUIRED", "This field is required")
		}
		for _, name := range []string{"min_values", "max_values"} {
			if _, ok := comp[name].(float64); !ok {
				comp[name] = 1
			}
		}
	case componentTextInput:
		if _, ok := comp["custom_id"].(string); !ok {
			return formError(key+".custom_id", "BASE_TYPE_REQUIRED", "This field is required")
		}
	}
	children, _ := comp["components"].([]any)
	if int(kind) == componentRow && (len(children) == 0 || len(children) > 5) {
		return formError(key+".components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
	}
	if one, ok := comp["component"].(map[string]any); ok {
		children = append(children, one)
	}
	if one, ok := comp["accessory"].(map[string]any); ok {
		children = append(children, one)
	}
	for i, child := range children {
		m, ok := child.(map[string]any)
		if !ok {
			return formError(fmt.Sprintf("%s.components.%d", key, i), "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
		}
		if err := completeComponent(m, fmt.Sprintf("%s.components.%d", key, i), next, count); err != nil {
			return err
		}
	}
	return nil
}
