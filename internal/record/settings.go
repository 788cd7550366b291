package record

// ReplyMode says which messages that are no command Mynah answers in a channel.
type ReplyMode string

const (
	// ReplyMention answers when mentioned or replied to.
	ReplyMention ReplyMode = "mention"
	// ReplyAll answers every message of a person.
	ReplyAll ReplyMode = "all"
	// ReplyOff answers commands only.
	ReplyOff ReplyMode = "off"
)

// Valid reports whether m is one of the modes above.
func (m ReplyMode) Valid() bool { return m == ReplyMention || m == ReplyAll || m == ReplyOff }

// DatasetChoice is what `select_dataset` chose for the next training.
type DatasetChoice struct {
	Path     string `json:"path,omitempty"`     // inside the server's workspace, slash-separated; "" = none chosen
	Positive string `json:"positive,omitempty"` // the sub-folder or label that counts as positive; "" = labels as they are
}

// CallPlace is where Mynah is, or was when it was stopped: it returns there.
type CallPlace struct {
	Channel ChannelID `json:"channel,omitempty"` // voice channel; 0 = in none
	Text    ChannelID `json:"text,omitempty"`    // where it was called from, and what happens to the call is told
}

// DefaultRetentionDays is how long exchanges and transcripts are kept where a server chose nothing.
const DefaultRetentionDays = 30

// Settings is what one server has chosen. The zero value of a field means "not
// chosen": the configuration's default holds then.
type Settings struct {
	Server ServerID `json:"server"`

	Language string `json:"language,omitempty"` // "en", "ru", …; "" = from the interaction's or the server's locale
	Prefix   string `json:"prefix,omitempty"`   // of prefix commands; "" = the configuration's

	ReplyMode    ReplyMode               `json:"reply_mode,omitempty"`    // for channels without their own; "" = ReplyMention
	ChannelModes map[ChannelID]ReplyMode `json:"channel_modes,omitempty"` // per channel

	TrainRoles []RoleID `json:"train_roles,omitempty"` // may train beside those with Manage Server

	Dataset       DatasetChoice `json:"dataset,omitzero"`
	RefusalTarget float64       `json:"refusal_target,omitempty"` // share of known questions that may be refused, 0 < x < 1; 0 = the configuration's

	LabelThreshold *float64 `json:"label_threshold,omitempty"` // known score under which no label is named; nil = what the model's training chose
	ReplyThreshold *float64 `json:"reply_threshold,omitempty"` // reply score under which nothing is replied; nil = likewise

	Recognizer         string `json:"recognizer,omitempty"`          // "local", "google", "openai", "off"; "" = the configuration's
	RecognizerLanguage string `json:"recognizer_language,omitempty"` // BCP 47 such as "ru-RU"; "" = from Language
	Voice              string `json:"voice,omitempty"`               // name of a synthesizer or a voice; "" = the configuration's
	Chat               string `json:"chat,omitempty"`                // "openai" or "off"; "" = the configuration's
	Persona            string `json:"persona,omitempty"`             // how the chat server is to sound; "" = as usual
	ShowLabels         bool   `json:"show_labels,omitempty"`         // labels are named where there is no answer
	Grounded           *bool  `json:"grounded,omitempty"`            // the chat server may answer from examples only; nil = the configuration's

	Call CallPlace `json:"call,omitzero"`

	RequireE2EE       bool      `json:"require_e2ee,omitempty"`       // voice channels without end-to-end encryption are left
	VoiceOptIn        bool      `json:"voice_opt_in,omitempty"`       // true: people are heard only after they agreed
	TranscriptChannel ChannelID `json:"transcript_channel,omitempty"` // where transcripts go; 0 = nowhere
	RetentionDays     int       `json:"retention_days,omitempty"`     // how long exchanges and transcripts are kept, days; 0 = [DefaultRetentionDays]
	Vocabulary        []string  `json:"vocabulary,omitempty"`         // words that recognition should know, each "word" or "word=how it is said"
	Names             []string  `json:"names,omitempty"`              // further names and mis-hearings that Mynah listens to
	EndpointShort     int       `json:"endpoint_short,omitempty"`     // silence that ends a finished phrase, milliseconds; 0 = the configuration's
	EndpointLong      int       `json:"endpoint_long,omitempty"`      // silence that ends any other turn, milliseconds; 0 = the configuration's
}

// Mode returns the mode that holds in a channel.
func (s Settings) Mode(channel ChannelID) ReplyMode {
	if m, ok := s.ChannelModes[channel]; ok && m.Valid() {
		return m
	}
	if s.ReplyMode.Valid() {
		return s.ReplyMode
	}
	return ReplyMention
}
