package learn

import (
	"cmp"
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

// Prediction is what a model says about a text. Without labels in its training Label is empty, without replies Reply is.
type Prediction struct {
	Label       string   // the most probable label
	Probability float64  // its probability, calibrated on held-out texts
	Labels      []Scored // the TopK most probable labels, best first
	LabelKnown  bool     // false: the text is unlike what was taught, and Label only a guess
	KnownScore  float64  // what LabelKnown is decided by; larger is more like the examples

	Reply      string  // the reply to the nearest question, or a response text of the label
	ReplyScore float64 // how near, 0 to 1
	ReplyKnown bool    // false: no taught question is near enough, and Reply only a guess
	Nearest    string  // the taught question that is nearest

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

	Questions      []string `json:"questions,omitempty"`
	Replies        []string `json:"replies,omitempty"`        // distinct
	QuestionReply  []int    `json:"question_reply,omitempty"` // by question, index into Replies
	ReplyThreshold float64  `json:"reply_threshold"`
	ReplyBlend     float64  `json:"reply_blend"` // weight of the margins of the replies' machines beside the cosine
}

// Model predicts labels and replies. It doesn't change once trained or loaded and is safe for concurrent use.
type Model struct {
	meta   modelMeta
	vocab  *vocabulary
	weight []float32 // by feature: power of the inverse document frequency, for the labels
	labels linear

	index replyIndex

	labelWeighting, replyWeighting *weighting

	pool *sync.Pool // of *scratch
}

type scratch struct {
	question         extractor // the nearest question
	z                *vectorizer
	scores           []float32
	p                []float64
	near             []float32 // by question
	replies, margins []float32 // by reply
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

// ReplyThreshold is the reply score under which the model refuses to reply.
func (m *Model) ReplyThreshold() float64 { return m.meta.ReplyThreshold }

// WithThresholds returns a model that shares everything with m but refuses below other scores.
func (m *Model) WithThresholds(label, reply float64) *Model {
	c := *m
	c.meta.Threshold, c.meta.ReplyThreshold = label, reply
	if m.meta.Dense != nil {
		dense := *m.meta.Dense
		dense.Threshold = label
		c.meta.Dense = &dense
	}
	return &c
}

// WithResponses returns a model that shares everything with m, but answers what belongs to a label of responses with one
// of the texts listed there, where no taught question is near. Of several, the asked text decides which, so that the
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
	m.replyWeighting = newWeighting(replyBlocks, m.index.idf)
	m.pool = &sync.Pool{New: func() any {
		return &scratch{
			z:        newVectorizer(m.meta.Features, m.vocab),
			question: extractor{cfg: m.meta.Features},
			scores:   make([]float32, len(m.meta.Labels)),
			p:        make([]float64, len(m.meta.Labels)),
			near:     make([]float32, len(m.meta.Questions)),
			replies:  make([]float32, len(m.meta.Replies)),
			margins:  make([]float32, len(m.meta.Replies)),
		}
	}}
}

// Predict says which label and which reply belong to text.
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
	if len(m.meta.Questions) > 0 {
		m.predictReply(s, &p)
	}
	if responses := m.meta.Responses[p.Label]; len(responses) > 0 && p.LabelKnown && !p.ReplyKnown {
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

// nearest is one taught question with how near it is.
type nearest struct {
	question int
	score    float64
}

// Neighbour is a taught question near a text.
type Neighbour struct {
	Question, Reply string
	Score           float64 // 0 to 1
}

// Neighbours returns at most k taught questions nearest to text, nearest first: the context that a chat server gets.
func (m *Model) Neighbours(text string, k int) []Neighbour {
	if len(m.meta.Questions) == 0 || k <= 0 {
		return nil
	}
	s := m.pool.Get().(*scratch)
	defer m.pool.Put(s)
	s.z.extract(text)
	s.z.weigh(m.replyWeighting)
	m.index.near(s.z.idx, s.z.val, s.near)
	all := make([]nearest, len(s.near))
	for i, v := range s.near {
		all[i] = nearest{i, float64(v)}
	}
	slices.SortStableFunc(all, func(a, b nearest) int { return cmp.Compare(b.score, a.score) })
	var out []Neighbour
	for _, n := range all[:min(k, len(all))] {
		if n.score > 0 {
			out = append(out, Neighbour{m.meta.Questions[n.question], m.meta.Replies[m.meta.QuestionReply[n.question]], min(n.score, 1)})
		}
	}
	return out
}
