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
	Asker      UserID       `json:"asker,omitempty"`   // whose question it was; 0 = not known
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
