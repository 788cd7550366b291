package record

import "time"

// Consent is a person's choice whether Mynah may hear them in voice channels.
type Consent struct {
	User   UserID    `json:"user"`
	Server ServerID  `json:"server,omitempty"` // 0 = everywhere
	Heard  bool      `json:"heard"`
	At     time.Time `json:"at"`
}

// VoicePreference is how a person wants to be spoken to.
type VoicePreference struct {
	User  UserID  `json:"user"`
	Voice string  `json:"voice,omitempty"` // name of a voice; "" = the server's
	Speed float64 `json:"speed,omitempty"` // 1 = as the voice speaks; 0 = not chosen
}

// Transcript is what a person said to Mynah in a voice channel, and what it answered.
type Transcript struct {
	ID      TranscriptID `json:"id"`
	Server  ServerID     `json:"server"`
	User    UserID       `json:"user"`
	Said    string       `json:"said"`
	Answer  string       `json:"answer,omitempty"`  // "" where a command was obeyed without a word
	Channel ChannelID    `json:"channel,omitempty"` // where it was posted
	Message MessageID    `json:"message,omitempty"` // 0 = not yet
	At      time.Time    `json:"at"`
}

// PostedMessage is a message of Mynah's own.
type PostedMessage struct {
	Channel ChannelID
	Message MessageID
}

// Personal is all that is kept about one person, as `privacy export` hands it over.
type Personal struct {
	User        UserID           `json:"user"`
	At          time.Time        `json:"at"`
	Exchanges   []Exchange       `json:"exchanges"`
	Corrections []Correction     `json:"corrections"`
	Feedback    []Feedback       `json:"feedback"`
	Examples    []Example        `json:"examples"`
	Untaught    []Untaught       `json:"untaught"`
	Consents    []Consent        `json:"consents"`
	Voice       *VoicePreference `json:"voice,omitempty"`
	Transcripts []Transcript     `json:"transcripts"`
	Jobs        []Job            `json:"jobs"`
	Files       []File           `json:"files"`
}

// File is a file of a server's workspace that somebody brought.
type File struct {
	Server ServerID  `json:"server"`
	Path   string    `json:"path"` // in the workspace
	By     UserID    `json:"by"`
	At     time.Time `json:"at"`
}
