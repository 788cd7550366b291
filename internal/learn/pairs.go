package learn

import (
	"slices"

	"github.com/mynahbot/mynah/internal/record"
)

// Pair is a question with its reply, as a model keeps it. Which of them answers a question is decided
// elsewhere: package evidence.
type Pair struct {
	Question, Reply string
	File            string // of the workspace that it comes from; "" = the store keeps the example
}

// Pairs returns the questions with replies that the model was trained on, in their order.
func (m *Model) Pairs() []Pair {
	out := make([]Pair, len(m.meta.Questions))
	for i, q := range m.meta.Questions {
		out[i] = Pair{Question: q, Reply: m.meta.Replies[m.meta.QuestionReply[i]]}
		if i < len(m.meta.QuestionFile) && m.meta.QuestionFile[i] > 0 {
			out[i].File = m.meta.Files[m.meta.QuestionFile[i]-1]
		}
	}
	return out
}

// keepPairs puts the questions with replies into the model. A reply of an example that has a label too
// is a response text of that label.
func (t *training) keepPairs() {
	t.progress("replies", 0.9)
	m := &t.model.meta
	m.Responses = map[string][]string{}
	reply, file := map[string]int{}, map[string]int{}
	for _, e := range t.examples {
		if e.Reply == "" {
			continue
		}
		if e.Label != "" && !slices.Contains(m.Responses[e.Label], e.Reply) {
			m.Responses[e.Label] = append(m.Responses[e.Label], e.Reply)
		}
		m.Questions = append(m.Questions, e.Text)
		m.QuestionReply = append(m.QuestionReply, number(reply, &m.Replies, e.Reply))
		from := 0
		if e.ID == 0 && e.Origin.Kind == record.OriginFile && e.Origin.Author == 0 {
			from = 1 + number(file, &m.Files, e.Origin.File)
		}
		m.QuestionFile = append(m.QuestionFile, from)
	}
}

// number is the place of a text in a list, which grows where it isn't there yet.
func number(known map[string]int, list *[]string, text string) int {
	n, ok := known[text]
	if !ok {
		n = len(*list)
		known[text] = n
		*list = append(*list, text)
	}
	return n
}
