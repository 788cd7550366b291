package record

import "time"

// Source says where an answer came from.
type Source string

const (
	SourceModel      Source = "model"      // the trained model in use
	SourceCorrection Source = "correction" // somebody's correction
	SourceBuiltin    Source = "builtin"    // what Mynah knows about itself
	SourceChat       Source = "chat"       // a configured chat server
	SourceUnknown    Source = "unknown"    // "I don't know"
)

// Exchange is one question and the answer that Mynah gave. It is kept for every
// answer, so that a correction, a reaction and a privacy request know what was said.
type Exchange struct {
	ID         ExchangeID  `json:"id"`
	Server     ServerID    `json:"server"`
	Channel    ChannelID   `json:"channel"`
	Asker      UserID      `json:"asker"`
	AskedIn    MessageID   `json:"asked_in,omitempty"`    // 0 where the question was no message (a slash command, speech)
	AnsweredIn MessageID   `json:"answered_in,omitempty"` // Mynah's message; 0 where there is none
	Parts      []MessageID `json:"parts,omitempty"`       // the other messages of an answer that is longer than one
	Question   string      `json:"question"`
	Answer     string      `json:"answer"`
	Label      string      `json:"label,omitempty"`
	Source     Source      `json:"source"`
	Score      float64     `json:"score"` // the answer's probability, 0 to 1
	At         time.Time   `json:"at"`
}

// Correction is what a person said would have been the right answer.
type Correction struct {
	ID         CorrectionID `json:"id"`
	Server     ServerID     `json:"server"`
	Question   string       `json:"question"`
	Given      string       `json:"given"`
	Right      string       `json:"right"`
	By         UserID       `json:"by"`
	Message    MessageID    `json:"message,omitempty"` // Mynah's message that was wrong; 0 = none
	At         time.Time    `json:"at"`
	AbsorbedBy ModelID      `json:"absorbed_by,omitempty"` // the first model trained with it; 0 = none yet
}

// Feedback is a text of a person about Mynah, or a vote under one of its messages.
type Feedback struct {
	ID      FeedbackID `json:"id"`
	Server  ServerID   `json:"server"`
	User    UserID     `json:"user"`
	Message MessageID  `json:"message,omitempty"` // voted on; 0 for a text
	Vote    int        `json:"vote,omitempty"`    // +1, -1; 0 for a text
	Text    string     `json:"text,omitempty"`
	At      time.Time  `json:"at"`
}

// FeedbackSummary counts a server's feedback.
type FeedbackSummary struct {
	Up    int `json:"up"`    // votes of +1 that stand
	Down  int `json:"down"`  // votes of -1 that stand
	Texts int `json:"texts"` // feedback in words
}

// OriginKind says how an example came to be.
type OriginKind string

const (
	OriginFile       OriginKind = "file"       // a file of the workspace or an attachment
	OriginMessage    OriginKind = "message"    // typed in a command
	OriginCorrection OriginKind = "correction" // somebody's correction
	OriginVoice      OriginKind = "voice"      // said in a voice channel
)

// Origin tells where an example came from.
type Origin struct {
	Kind    OriginKind `json:"kind"`
	File    string     `json:"file,omitempty"`    // name of the file as given
	Line    int        `json:"line,omitempty"`    // counted from 1; 0 = no line
	Message MessageID  `json:"message,omitempty"` // 0 = none
	Author  UserID     `json:"author,omitempty"`  // 0 = nobody known
	At      time.Time  `json:"at,omitzero"`
}

// Example is one taught text with its label, its reply, or both.
type Example struct {
	ID       ExampleID `json:"id"`
	Server   ServerID  `json:"server"`
	Dataset  string    `json:"dataset,omitempty"` // "" = the server's own; others have a purpose that their user knows
	Text     string    `json:"text"`
	Label    string    `json:"label,omitempty"`
	Reply    string    `json:"reply,omitempty"`
	Origin   Origin    `json:"origin"`
	Disabled bool      `json:"disabled,omitempty"` // kept, but left out of trainings
}

// Untaught says that a person had taught a server something that was removed
// since. Models from between may have learned it.
type Untaught struct {
	Server ServerID  `json:"server"`
	First  time.Time `json:"first"` // when the oldest of it was taught
	Last   time.Time `json:"last"`  // when the last of it was removed
}

// ExampleFilter chooses examples of one server. Fields that are set must all
// hold; a filter without any chooses nothing, so that none can empty a server
// by accident.
type ExampleFilter struct {
	IDs     []ExampleID
	Dataset *string
	Label   string
	Text    string // exactly
	Reply   string // exactly
	Author  UserID
	File    string
	All     bool // everything that the server has
}
