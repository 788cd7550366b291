package learn

import (
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxTextRunes is the longest text (in runes) that becomes an example. Longer ones are documents, not messages; a
// quadratic reader of one of them could hold up a training.
const MaxTextRunes = 10_000

// Example is one thing that people taught: a text with the label that it belongs to, a question with its reply, or a
// text with both, in which case the reply is also a response text of the label.
type Example struct {
	Text   string // what somebody may say; never empty
	Label  string // the class of the text, or empty
	Reply  string // the answer to the text, or empty
	Origin Origin // where the example comes from
}

// Kinds of origin.
const (
	KindFile       = "file"
	KindMessage    = "message"
	KindCorrection = "correction"
	KindFeedback   = "feedback"
	KindVoice      = "voice"
	KindBuiltin    = "builtin"
)

// Origin says where an example comes from, so that it can be listed, found and removed.
type Origin struct {
	Kind      string    `json:"kind,omitempty"`    // one of the Kind constants
	File      string    `json:"file,omitempty"`    // path inside the dataset, with / between folders
	Line      int       `json:"line,omitempty"`    // 1-based line (or element of a JSON list) in File; 0 if unknown
	MessageID string    `json:"message,omitempty"` // the message that taught it
	AuthorID  string    `json:"author,omitempty"`  // who taught it
	At        time.Time `json:"at,omitzero"`       // when it was taught
}

// ErrNoText and its siblings say what a single example lacks.
var (
	ErrNoText      = errors.New("the example has no text")
	ErrNoAnswer    = errors.New("the example has neither a label nor a reply")
	ErrTextTooLong = errors.New("the text is longer than 10,000 characters")
)

// Validate reports what makes the example unusable, or nil.
func (e Example) Validate() error {
	switch {
	case strings.TrimSpace(e.Text) == "":
		return ErrNoText
	case e.Label == "" && e.Reply == "":
		return ErrNoAnswer
	case utf8.RuneCountInString(e.Text) > MaxTextRunes || utf8.RuneCountInString(e.Reply) > MaxTextRunes || utf8.RuneCountInString(e.Label) > MaxTextRunes:
		return ErrTextTooLong
	}
	return nil
}

// Normalize returns the form in which two texts count as the same one: Unicode NFKC, lower case, ё as е, every run of
// anything but letters, digits and marks as one space. A text without letters and digits keeps its signs ("?!").
func Normalize(text string) string {
	text = norm.NFKC.String(text)
	var b strings.Builder
	b.Grow(len(text))
	space := false
	for _, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			// An apostrophe inside a word is part of it for people who type it, and absent for those who don't.
			if r != '\'' && r != '’' {
				space = true
			}
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(foldRune(r))
	}
	if b.Len() == 0 {
		return strings.ToLower(strings.Join(strings.Fields(text), " "))
	}
	return b.String()
}

// foldRune is the letter under which r is counted.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	r = unicode.ToLower(r)
	if r == 'ё' {
		return 'е'
	}
	return r
}
