package learn

import (
	"hash/fnv"
	"maps"
	"slices"
	"sync"
)

// TopK is the most labels that a Prediction lists.
const TopK = 5

// Scored is a label with its probability.
type Scored struct {
	Label       string  `json:"label"`
	Probability float64 `json:"probability"`
}

// Prediction is what a model says about a text. Without labels in its training Label is empty.
type Prediction struct {
	Label       string   // the most probable label
	Probability float64  // its probability, calibrated on held-out texts
	Labels      []Scored // the TopK most probable labels, best first
	LabelKnown  bool     // false: the text is unlike what was taught, and Label only a guess
	KnownScore  float64  // what LabelKnown is decided by; larger is more like the examples

	Reply      string  // a response text of the label; or, from who decides by more than labels, another reply
	ReplyScore float64 // how likely it is right, 0 to 1
	ReplyKnown bool    // false: there is none, or it is only a guess

	Known bool // LabelKnown or ReplyKnown: false means that the honest answer is "I don't know"
}

// modelMeta is the part of a model that is saved as JSON.
type modelMeta struct {
	Features    featureConfig       `json:"features"`
	Labels      []string            `json:"labels,omitempty"`
	Responses   map[string][]string `json:"responses,omitempty"`
	Temperature float64             `json:"temperature"`
	Threshold   float64             `json:"threshold"`
	Dense       *denseLayer         `json:"dense,omitempty"`
	Hash        string              `json:"dataset"`
	Seed        uint64              `json:"seed"`

	Questions     []string `json:"questions,omitempty"`
	Replies       []string `json:"replies,omitempty"`        // distinct
	QuestionReply []int    `json:"question_reply,omitempty"` // by question, index into Replies
	Files         []string `json:"files,omitempty"`          // that questions come from, which the store doesn't keep
	QuestionFile  []int    `json:"question_file,omitempty"`  // by question, index into Files plus 1; 0 = the store keeps it
	Vectors       *Vectors `json:"vectors,omitempty"`
}

// Model predicts labels and replies. It doesn't change once trained or loaded and is safe for concurrent use.
type Model struct {
	meta   modelMeta
	vocab  *vocabulary
	weight []float32 // by feature: power of the inverse document frequency, for the labels
	labels linear

	labelWeighting *weighting

	pool *sync.Pool // of *scratch
}

type scratch struct {
	z      *vectorizer
	scores []float32
	p      []float64
}

// Labels returns the labels that the model tells apart, sorted. The caller must not change it.
func (m *Model) Labels() []string { return m.meta.Labels }

// Questions is the number of questions with replies.
func (m *Model) Questions() int { return len(m.meta.Questions) }

// DatasetHash is the Hash of the examples that the model was trained on.
func (m *Model) DatasetHash() string { return m.meta.Hash }

// Threshold is the known score under which the model refuses to name a label: with the encoder, where it has one.
func (m *Model) Threshold() float64 {
	if m.meta.Dense != nil {
		return m.meta.Dense.Threshold
	}
	return m.meta.Threshold
}

// WithThreshold returns a model that shares everything with m but refuses labels below another score.
func (m *Model) WithThreshold(label float64) *Model {
	c := *m
	c.meta.Threshold = label
	if m.meta.Dense != nil {
		dense := *m.meta.Dense
		dense.Threshold = label
		c.meta.Dense = &dense
	}
	return &c
}

// WithResponses returns a model that shares everything with m, but answers what belongs to a label of responses with one
// of the texts listed there. Of several, the asked text decides which, so that the
// same question gets the same answer.
func (m *Model) WithResponses(responses map[string][]string) *Model {
	c := *m
	c.meta.Responses = maps.Clone(m.meta.Responses)
	if c.meta.Responses == nil {
		c.meta.Responses = map[string][]string{}
	}
	maps.Copy(c.meta.Responses, responses)
	return &c
}

// ready prepares m for predicting once all fields are set.
func (m *Model) ready() {
	m.labelWeighting = newWeighting(m.meta.Features.BlockWeights, m.weight)
	m.pool = &sync.Pool{New: func() any {
		return &scratch{
			z:      newVectorizer(m.meta.Features, m.vocab),
			scores: make([]float32, len(m.meta.Labels)),
			p:      make([]float64, len(m.meta.Labels)),
		}
	}}
}

// Predict says which label belongs to text, and what is answered to it.
func (m *Model) Predict(text string) Prediction { return m.predict(text, nil) }

// predict uses the encoder's vector if it isn't nil.
func (m *Model) predict(text string, vector []float32) Prediction {
	s := m.pool.Get().(*scratch)
	defer m.pool.Put(s)
	s.z.extract(text)
	var p Prediction
	if len(m.meta.Labels) > 0 {
		m.predictLabel(s, vector, &p)
	}
	if responses := m.meta.Responses[p.Label]; len(responses) > 0 && p.LabelKnown {
		p.Reply, p.ReplyScore, p.ReplyKnown = pick(responses, text), p.Probability, true
	}
	p.Known = p.LabelKnown || p.ReplyKnown
	return p
}

// Response is the response text of a label for a text that somebody wrote; ok is false where the label has none.
func (m *Model) Response(label, text string) (response string, ok bool) {
	if responses := m.meta.Responses[label]; len(responses) > 0 {
		return pick(responses, text), true
	}
	return "", false
}

// pick chooses one of the responses by the text, the same each time.
func pick(responses []string, text string) string {
	h := fnv.New32a()
	h.Write([]byte(Normalize(text)))
	return responses[h.Sum32()%uint32(len(responses))]
}

func (m *Model) predictLabel(s *scratch, vector []float32, p *Prediction) {
	s.z.weigh(m.labelWeighting)
	temperature, threshold := m.meta.Temperature, m.meta.Threshold
	if vector == nil {
		m.labels.margins(s.z, nil, s.scores)
	} else {
		m.meta.Dense.margins(s.z, vector, s.scores)
		temperature, threshold = m.meta.Dense.Temperature, m.meta.Dense.Threshold
	}
	softmax(s.scores, temperature, s.p)
	p.KnownScore = knownScore(s.scores)
	p.LabelKnown = p.KnownScore >= threshold
	p.Labels = make([]Scored, 0, TopK+1)
	for l, v := range s.p {
		if len(p.Labels) == TopK && v <= p.Labels[TopK-1].Probability {
			continue
		}
		at, _ := slices.BinarySearchFunc(p.Labels, v, func(a Scored, v float64) int {
			if a.Probability >= v {
				return -1
			}
			return 1
		})
		p.Labels = slices.Insert(p.Labels, at, Scored{m.meta.Labels[l], v})
		p.Labels = p.Labels[:min(len(p.Labels), TopK)]
	}
	p.Label, p.Probability = p.Labels[0].Label, p.Labels[0].Probability
}

// knownScore is how sure the scores are that the text belongs to one of the labels.
func knownScore(scores []float32) float64 {
	return float64(slices.Max(scores))
}
