package answer

import "github.com/mynahbot/mynah/internal/record"

// Kind is what Mynah does with a question.
type Kind int

// The kinds.
const (
	// Unknown: nothing that was taught answers it, which is said.
	Unknown Kind = iota
	// Answered: it is answered.
	Answered
	// Labelled: a label is named, on servers that want it.
	Labelled
	// Suggested: something may answer it, and the asker is offered a choice.
	Suggested
	// Chat: it is no question to a helper. Who addressed Mynah gets an answer all the same.
	Chat
)

// Decision is what Mynah makes of a question.
type Decision struct {
	Kind   Kind
	Source record.Source // where the answer comes from; [record.SourceUnknown] unless Answered or Labelled
	// Text is the answer, word for word as it was taught. It is empty unless Answered.
	Text        string
	Taught      string      // the question that was taught and gave the answer; "" where none did
	Label       string      // that the model finds likeliest; "" where it tells none
	Probability float64     // of the answer or label, 0 to 1
	Suggestions []Candidate // of Suggested, the likeliest first; at most three
	Why         Reason      // of Unknown and Chat
}

// Reason is why a question has no answer.
type Reason int

// The reasons.
const (
	NotNear  Reason = iota // nothing that was taught is near enough
	Untaught               // nothing was taught here yet
	Nowhere                // a direct message, and no home server is configured
	Stale                  // what the model had learned was deleted; a training makes a new one
)
