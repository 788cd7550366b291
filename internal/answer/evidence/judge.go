package evidence

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
)

//go:generate go run ./train

//go:embed judges/*.json
var judgeFiles embed.FS

// Weights are what a judge has learned, as train/ writes them.
type Weights struct {
	Encoder string `json:"encoder"` // whose vectors it was trained with; "" = words alone

	// Of texts, by their vectors: how much one looks like a question to a helper and not like chat, and
	// not like a question of general interest.
	Chat    Linear `json:"chat"`
	General Linear `json:"general"`
	// Of pairs of vectors: how much each of their numbers counts when a question is compared with a
	// wording, and with a reply.
	Wording Vector `json:"wording"`
	Reply   Vector `json:"reply"`

	Mean      Vector    `json:"mean"`      // of each piece of evidence
	Deviation Vector    `json:"deviation"` // likewise, never 0
	Fit       []Network `json:"fit"`       // from the evidence for a candidate to its score
	None      []Network `json:"none"`      // from all evidence to the score of no candidate, and of being a question

	Thresholds Thresholds `json:"thresholds"`
}

// Thresholds are where an answer is given and where it is only suggested.
type Thresholds struct {
	Answer   float64 `json:"answer"`   // probability of the best candidate that answers
	Question float64 `json:"question"` // and how surely it must be a question
	Suggest  float64 `json:"suggest"`  // how surely it must be a question for candidates to be offered
}

// Vector is a list of numbers; in JSON, the standard base64 of their little-endian float32 bytes.
type Vector []float32

// Linear is a weighted sum.
type Linear struct {
	Weights Vector  `json:"weights"`
	Bias    float64 `json:"bias"`
}

// Network has one hidden layer, whose negative values count as 0.
type Network struct {
	Hidden []Linear `json:"hidden"`
	Out    []Linear `json:"out"`
}

// Judge weighs evidence. Safe for concurrent use.
type Judge struct{ w Weights }

// NewJudge checks weights and makes a judge of them.
func NewJudge(w Weights) (*Judge, error) {
	size := w.size()
	switch {
	case len(w.Mean) != size || len(w.Deviation) != size:
		return nil, fmt.Errorf("weights of %d pieces of evidence, there are %d", len(w.Mean), size)
	case len(w.Fit) == 0 || len(w.Fit) != len(w.None):
		return nil, errors.New("weights without networks")
	}
	for i := range w.Fit {
		if !w.Fit[i].takes(size, 1) || !w.None[i].takes(2*size, 2) {
			return nil, errors.New("a network of another shape")
		}
	}
	return &Judge{w}, nil
}

// learned is how many pieces of evidence the judge itself adds where there are vectors.
const learned = 5

func (w *Weights) size() int {
	if w.Encoder == "" {
		return Features()
	}
	return Features() + learned
}

func (n Network) takes(in, out int) bool {
	if len(n.Out) != out {
		return false
	}
	for _, h := range n.Hidden {
		if len(h.Weights) != in {
			return false
		}
	}
	for _, o := range n.Out {
		if len(o.Weights) != len(n.Hidden) {
			return false
		}
	}
	return true
}

// JudgeFor returns the judge that was trained with the vectors of an encoder; "" is the one for words
// alone. ok is false where there is none.
func JudgeFor(encoder string) (j *Judge, ok bool, err error) {
	name := encoder
	if name == "" {
		name = "words"
	}
	raw, err := judgeFiles.ReadFile("judges/" + name + ".json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	var w Weights
	if err := json.Unmarshal(raw, &w); err != nil {
		return nil, false, fmt.Errorf("the judge %s: %w", name, err)
	}
	j, err = NewJudge(w)
	return j, err == nil, err
}

// Thresholds returns where the judge was found to answer as it should.
func (j *Judge) Thresholds() Thresholds { return j.w.Thresholds }

// Verdict is what a judge makes of a question.
type Verdict struct {
	Candidates []Judged // likeliest first
	Question   float64  // how surely the text is a question to a helper, 0 to 1
}

// Judged is a candidate with the probability that it answers the question.
type Judged struct {
	Candidate
	Probability float64
}

// Judge weighs the evidence about a question.
func (j *Judge) Judge(asked Asked) Verdict {
	if len(asked.Candidates) == 0 {
		return Verdict{}
	}
	return j.w.Weigh(asked, j.w.Evidence(asked))
}

// Weigh makes a verdict of evidence on a common scale.
func (w *Weights) Weigh(asked Asked, evidence [][]float64) Verdict {
	n := len(asked.Candidates)
	v := Verdict{Candidates: make([]Judged, n)}
	for i, c := range asked.Candidates {
		v.Candidates[i].Candidate = c
	}
	scores := make([]float64, n)
	for k := range w.Fit {
		for i, e := range evidence {
			scores[i] = w.Fit[k].Run(e)[0]
		}
		none := w.None[k].Run(Pool(evidence, scores))
		most := none[0]
		for _, s := range scores {
			most = max(most, s)
		}
		sum := math.Exp(none[0] - most)
		for _, s := range scores {
			sum += math.Exp(s - most)
		}
		for i, s := range scores {
			v.Candidates[i].Probability += math.Exp(s-most) / sum / float64(len(w.Fit))
		}
		v.Question += 1 / (1 + math.Exp(-none[1])) / float64(len(w.Fit))
	}
	sortJudged(v.Candidates)
	return v
}

func sortJudged(all []Judged) {
	for i := 1; i < len(all); i++ {
		for k := i; k > 0 && all[k].Probability > all[k-1].Probability; k-- {
			all[k], all[k-1] = all[k-1], all[k]
		}
	}
}

// Raw is the evidence about each candidate before it is brought to a common scale: its features, and
// what the judge has learned of vectors.
func (w *Weights) Raw(asked Asked) [][]float64 {
	out := make([][]float64, len(asked.Candidates))
	for i, c := range asked.Candidates {
		for _, f := range c.Features {
			out[i] = append(out[i], float64(f))
		}
	}
	if w.Encoder == "" {
		return out
	}
	chat, general := w.Chat.run32(asked.Text), w.General.run32(asked.Text)
	likeness := make([]float64, len(out))
	for i, c := range asked.Candidates {
		likeness[i] = w.Likeness(asked.Text, c)
	}
	for i := range out {
		sum := out[i][featureSum] + likeness[i]
		out[i] = append(out[i], chat, general, likeness[i], min(lead(likeness, i), 3), sum)
	}
	return out
}

// featureSum is the place of the sum by which candidates are ordered.
const featureSum = 33

// Likeness is how much alike a question and a candidate are, by the learned weights of the numbers of
// their vectors.
func (w *Weights) Likeness(text []float32, c Candidate) float64 {
	sum := 0.0
	for i, x := range text {
		sum += float64(x) * (float64(c.wording[i])*float64(w.Wording[i]) + float64(c.reply[i])*float64(w.Reply[i]))
	}
	return sum
}

// Evidence is Raw on a common scale.
func (w *Weights) Evidence(asked Asked) [][]float64 {
	raw := w.Raw(asked)
	for _, r := range raw {
		w.Scale(r)
	}
	return raw
}

// Scale brings raw evidence to a common scale.
func (w *Weights) Scale(raw []float64) {
	for i := range raw {
		raw[i] = min(max((raw[i]-float64(w.Mean[i]))/float64(w.Deviation[i]), -4), 4)
	}
}

// Pool is all evidence as the networks that score no candidate take it: that of the candidate with the
// greatest score, and the greatest of each piece.
func Pool(evidence [][]float64, scores []float64) []float64 {
	best := 0
	for i, s := range scores {
		if s > scores[best] {
			best = i
		}
	}
	n := len(evidence[best])
	pooled := append(make([]float64, 0, 2*n), evidence[best]...)
	for k := range n {
		most := math.Inf(-1)
		for _, e := range evidence {
			most = max(most, e[k])
		}
		pooled = append(pooled, most)
	}
	return pooled
}

// Run returns the outputs of a network.
func (n Network) Run(in []float64) []float64 {
	hidden := make([]float64, len(n.Hidden))
	for i, h := range n.Hidden {
		hidden[i] = max(h.Run(in), 0)
	}
	out := make([]float64, len(n.Out))
	for i, o := range n.Out {
		out[i] = o.Run(hidden)
	}
	return out
}

// Run returns the weighted sum of in.
func (l Linear) Run(in []float64) float64 {
	sum := l.Bias
	for i, w := range l.Weights {
		sum += float64(w) * in[i]
	}
	return sum
}

func (l Linear) run32(in []float32) float64 {
	sum := l.Bias
	for i, w := range l.Weights {
		sum += float64(w) * float64(in[i])
	}
	return sum
}
