package discord

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/disgo/rest"
	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/spoken"
)

// Post sends a message to a channel.
func (c *Client) Post(ctx context.Context, channel record.ChannelID, r bot.Reply) (record.MessageID, error) {
	return c.post(ctx, snowflake.ID(channel), r, 0, nil)
}

// Edit replaces the text of a message of Mynah's own, and adds files to it. What
// doesn't fit into one message is sent after it.
func (c *Client) Edit(ctx context.Context, channel record.ChannelID, message record.MessageID, r bot.Reply) error {
	parts := parts(r)
	first := parts[0]
	_, err := c.disgo.Rest.UpdateMessage(snowflake.ID(channel), snowflake.ID(message), discord.MessageUpdate{
		Content: &first.text, Files: first.files, AllowedMentions: mentions(0),
	}, rest.WithCtx(ctx))
	if err := errors.Join(err, closeFiles(first.files)); err != nil {
		return err
	}
	for _, p := range parts[1:] {
		m, err := c.create(ctx, snowflake.ID(channel), p, 0, nil)
		if err != nil {
			return err
		}
		sent(r, record.MessageID(m.ID))
	}
	return nil
}

// Delete deletes a message of Mynah's own.
func (c *Client) Delete(ctx context.Context, channel record.ChannelID, message record.MessageID) error {
	err := c.disgo.Rest.DeleteMessage(snowflake.ID(channel), snowflake.ID(message), rest.WithCtx(ctx))
	switch errorCode(err) {
	case codeUnknownMessage, codeUnknownChannel:
		return nil
	}
	return err
}

// Writable reports whether Mynah may write in a channel and that is one of the server's.
func (c *Client) Writable(ctx context.Context, server record.ServerID, channel record.ChannelID) (bool, error) {
	found, err := c.disgo.Rest.GetChannel(snowflake.ID(channel), rest.WithCtx(ctx))
	if refused, ok := errors.AsType[*apiError](err); ok && refused.status < 500 {
		return false, nil // there is no such channel, or Mynah may not see it
	}
	if err != nil {
		return false, err
	}
	room, ok := found.(discord.GuildMessageChannel)
	if !ok || room.GuildID() != snowflake.ID(server) {
		return false, nil
	}
	me, err := c.disgo.Rest.GetMember(room.GuildID(), c.self, rest.WithCtx(ctx))
	if err != nil {
		return false, err
	}
	me.GuildID = room.GuildID()
	may := c.disgo.Caches.MemberPermissionsInChannel(room, *me)
	return may.Has(discord.PermissionAdministrator) || may.Has(discord.PermissionViewChannel|discord.PermissionSendMessages), nil
}

// Member implements [bot.Members].
func (c *Client) Member(ctx context.Context, server record.ServerID, user record.UserID) (p bot.Person, is bool, err error) {
	guild := snowflake.ID(server)
	m, err := c.disgo.Rest.GetMember(guild, snowflake.ID(user), rest.WithCtx(ctx))
	switch errorCode(err) {
	case codeUnknownServer, codeUnknownMember, codeUnknownUser, codeMissingAccess:
		return bot.Person{}, false, nil
	}
	if err != nil {
		return bot.Person{}, false, err
	}
	return c.person(&guild, m.User, m), true, nil
}

// part is one message of a reply.
type part struct {
	text    string
	files   []*discord.File
	buttons []discord.LayoutComponent
}

// parts divides a reply into messages. Files and buttons go with the last text.
func parts(r bot.Reply) []part {
	var out []part
	for _, text := range bot.Split(r.Text, bot.MaxMessageRunes) {
		out = append(out, part{text: text})
	}
	for at := 0; at < len(r.Files); at += bot.MaxFilesPerMessage {
		var files []*discord.File
		for _, f := range r.Files[at:min(at+bot.MaxFilesPerMessage, len(r.Files))] {
			files = append(files, discord.NewFile(fileName(f.Name), "", &lazyFile{open: f.Open}))
		}
		if at == 0 && len(out) > 0 {
			out[len(out)-1].files = files
			continue
		}
		out = append(out, part{files: files})
	}
	if len(out) == 0 {
		out = append(out, part{text: "\u200b"}) // Discord takes no empty message
	}
	out[len(out)-1].buttons = buttons(r.Buttons)
	return out
}

// fileName is a name that can stand in a multipart header.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == '"' || r == '\\' || r == '/' || r == 0x7f {
			return '_'
		}
		return r
	}, name)
	return clip(name, 100)
}

// clip cuts s to at most n characters.
func clip(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n])
	}
	return s
}

// lazyFile opens its file when it is read first.
type lazyFile struct {
	open func() (io.ReadCloser, error)
	r    io.ReadCloser
}

func (f *lazyFile) Read(p []byte) (int, error) {
	if f.r == nil {
		r, err := f.open()
		if err != nil {
			return 0, err
		}
		f.r = r
	}
	return f.r.Read(p)
}

func closeFiles(files []*discord.File) error {
	var err error
	for _, f := range files {
		if l, ok := f.Reader.(*lazyFile); ok && l.r != nil {
			err = errors.Join(err, l.r.Close())
		}
	}
	return err
}

// mentions lets a message notify nobody but the one it answers.
func mentions(author snowflake.ID) *discord.AllowedMentions {
	m := &discord.AllowedMentions{Parse: []discord.AllowedMentionType{}, Roles: []snowflake.ID{}, Users: []snowflake.ID{}}
	if author != 0 {
		m.Users = append(m.Users, author)
		m.RepliedUser = true
	}
	return m
}

// post sends a reply as one or more messages and returns the id of the last.
func (c *Client) post(ctx context.Context, channel snowflake.ID, r bot.Reply, author snowflake.ID, to *snowflake.ID) (record.MessageID, error) {
	if r.Voice != nil {
		return c.postVoice(ctx, channel, r.Voice, author, to)
	}
	var id record.MessageID
	for _, p := range parts(r) {
		m, err := c.create(ctx, channel, p, author, to)
		if err != nil {
			return id, err
		}
		id, to = record.MessageID(m.ID), nil
		sent(r, id)
	}
	return id, nil
}

// sent tells a reply of a message that it became.
func sent(r bot.Reply, id record.MessageID) {
	if r.Sent != nil && id != 0 {
		r.Sent(id)
	}
}

// create sends one message. The nonce makes a repeated request harmless.
func (c *Client) create(ctx context.Context, channel snowflake.ID, p part, author snowflake.ID, to *snowflake.ID) (*discord.Message, error) {
	out := discord.MessageCreate{
		Content:         p.text,
		Files:           p.files,
		Components:      p.buttons,
		AllowedMentions: mentions(author),
		Nonce:           nonce(),
		EnforceNonce:    true,
	}
	if to != nil {
		out.MessageReference = &discord.MessageReference{MessageID: to}
	}
	m, err := c.disgo.Rest.CreateMessage(channel, out, rest.WithCtx(ctx))
	if err != nil && to != nil && errorCode(err) == codeInvalidForm {
		// What it answers is gone. disgo can't say fail_if_not_exists: false.
		out.MessageReference = nil
		out.Files = reopened(p.files)
		m, err = c.disgo.Rest.CreateMessage(channel, out, rest.WithCtx(ctx))
		err = errors.Join(err, closeFiles(out.Files))
	}
	if err := errors.Join(err, closeFiles(p.files)); err != nil {
		return nil, err
	}
	return m, nil
}

// reopened returns the same files, to be read again.
func reopened(files []*discord.File) []*discord.File {
	var out []*discord.File
	for _, f := range files {
		again := *f
		if l, ok := f.Reader.(*lazyFile); ok {
			again.Reader = &lazyFile{open: l.open}
		}
		out = append(out, &again)
	}
	return out
}

func nonce() string { return strconv.FormatUint(rand.Uint64(), 36) }

// maxWaveform is how many points of loudness Discord draws.
const maxWaveform = 256

// postVoice sends a Discord voice message
// (https://docs.discord.com/developers/resources/message, "Voice Messages").
// disgo can't describe its attachment, so the request is written here.
func (c *Client) postVoice(ctx context.Context, channel snowflake.ID, v *spoken.VoiceMessage, author snowflake.ID, to *snowflake.ID) (record.MessageID, error) {
	waveform := v.Waveform
	if len(waveform) > maxWaveform {
		waveform = waveform[:maxWaveform]
	}
	if len(waveform) == 0 {
		waveform = []byte{0}
	}
	payload := map[string]any{
		"flags":            int(discord.MessageFlagIsVoiceMessage),
		"allowed_mentions": mentions(author),
		"nonce":            nonce(),
		"enforce_nonce":    true,
		"attachments": []map[string]any{{
			"id": 0, "filename": voiceFile, "duration_secs": v.Duration.Seconds(), "waveform": base64.StdEncoding.EncodeToString(waveform),
		}},
	}
	if to != nil {
		payload["message_reference"] = map[string]any{"message_id": to.String(), "fail_if_not_exists": false}
	}
	body := &bytes.Buffer{}
	form := multipart.NewWriter(body)
	describe, err := json.Marshal(payload)
	if err != nil {
		return 0, err
	}
	for _, p := range []struct {
		header  textproto.MIMEHeader
		content []byte
	}{
		{textproto.MIMEHeader{"Content-Disposition": {`form-data; name="payload_json"`}, "Content-Type": {"application/json"}}, describe},
		{textproto.MIMEHeader{"Content-Disposition": {`form-data; name="files[0]"; filename="` + voiceFile + `"`}, "Content-Type": {"audio/ogg"}}, v.Ogg},
	} {
		w, err := form.CreatePart(p.header)
		if err != nil {
			return 0, err
		}
		if _, err := w.Write(p.content); err != nil {
			return 0, err
		}
	}
	if err := form.Close(); err != nil {
		return 0, err
	}
	var m discord.Message
	err = c.disgo.Rest.Do(rest.CreateMessage.Compile(nil, channel), &discord.MultipartBuffer{Buffer: body, ContentType: form.FormDataContentType()}, &m, rest.WithCtx(ctx))
	return record.MessageID(m.ID), err
}

// voiceFile is how Discord's own clients name the recording of a voice message.
const voiceFile = "voice-message.ogg"
