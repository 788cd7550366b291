package record

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxTextRunes is the longest text, label or reply of an example, in runes. Longer ones are
// documents, not messages; work that grows faster than a text's length could hold up a training.
const MaxTextRunes = 10_000

// What a single example lacks.
var (
	ErrNoText      = errors.New("the example has no text")
	ErrNoAnswer    = errors.New("the example has neither a label nor a reply")
	ErrTextTooLong = errors.New("the text is longer than 10,000 characters")
)

// OriginKind says how an example came to be.
type OriginKind string

const (
	OriginFile       OriginKind = "file"       // a file of the workspace or an attachment
	OriginMessage    OriginKind = "message"    // typed in a command
	OriginCorrection OriginKind = "correction" // somebody's correction
	OriginVoice      OriginKind = "voice"      // said in a voice channel
	OriginBuiltin    OriginKind = "builtin"    // what Mynah knows about itself
)

// Origin says where an example comes from, so that it can be listed, found and removed.
type Origin struct {
	Kind    OriginKind `json:"kind,omitempty"`
	File    string     `json:"file,omitempty"`    // as given; inside a folder or archive with slashes
	Line    int        `json:"line,omitempty"`    // line, or element of a list, from 1; 0 = unknown
	Message MessageID  `json:"message,omitempty"` // 0 = none
	Author  UserID     `json:"author,omitempty"`  // 0 = nobody known
	At      time.Time  `json:"at,omitzero"`
}

// Example is one thing that people taught: a text with the label that it belongs to, a question
// with its reply, or a text with both; then the reply is also a response text of the label.
type Example struct {
	ID       ExampleID `json:"id"`
	Server   ServerID  `json:"server"`
	Dataset  string    `json:"dataset,omitempty"` // "" = the server's own; others have a purpose that their user knows
	Text     string    `json:"text"`              // what somebody may say; never empty
	Label    string    `json:"label,omitempty"`   // the class of the text, or empty
	Reply    string    `json:"reply,omitempty"`   // the answer to the text, or empty
	Origin   Origin    `json:"origin"`
	Disabled bool      `json:"disabled,omitempty"` // kept, but left out of trainings
}

// Validate returns what makes the example unusable for a training: ErrNoText, ErrNoAnswer,
// ErrTextTooLong, or nil.
func (e Example) Validate() error {
	switch {
	case strings.TrimSpace(e.Text) == "":
		return ErrNoText
	case e.Label == "" && e.Reply == "":
		return ErrNoAnswer
	case utf8.RuneCountInString(e.Text) > MaxTextRunes, utf8.RuneCountInString(e.Reply) > MaxTextRunes,
		utf8.RuneCountInString(e.Label) > MaxTextRunes:
		return ErrTextTooLong
	}
	return nil
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
