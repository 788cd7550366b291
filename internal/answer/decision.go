package answer

import "github.com/mynahbot/mynah/internal/record"

// Decision is what Mynah makes of a question.
type Decision struct {
	Source record.Source // where the answer comes from; [record.SourceUnknown] where there is none
	// Text is the answer, word for word as it was taught. It is empty where the model only names a
	// label, and where nothing answers.
	Text        string
	Label       string  // that the model finds likeliest; "" where it tells none
	Probability float64 // 0 to 1
	Why         Reason  // of SourceUnknown
	Encoder     string  // with NoEncoder: the sentence encoder that the model in use needs
}

// Reason is why a question has no answer.
type Reason int

// The reasons.
const (
	Unknown   Reason = iota // nothing that was taught is near enough
	Untaught                // nothing was taught here yet
	Nowhere                 // a direct message, and no home server is configured
	Stale                   // what the model had learned was deleted; a training makes a new one
	NoEncoder               // the model needs a sentence encoder that isn't here
)
