package learn

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

// calibrationBins is the number of equal bins of probability for the expected calibration error.
const calibrationBins = 15

// Interval is a 95 % confidence interval.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// LabelScore is how well one label is told from the others.
type LabelScore struct {
	Label     string  `json:"label"`
	Examples  int     `json:"examples"` // with this label in the evaluated texts
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

// Miss is a text that was predicted wrong.
type Miss struct {
	Text        string  `json:"text"`
	Want        string  `json:"want"`
	Got         string  `json:"got"`
	Probability float64 `json:"probability"`
}

// Confused is a pair of labels with texts of Want that were taken for Got.
type Confused struct {
	Want     string   `json:"want"`
	Got      string   `json:"got"`
	Count    int      `json:"count"`
	Examples []string `json:"examples"` // at most 3
}

// Bin is one bin of the reliability diagram: of Count texts predicted with about Confidence, the share Accuracy was right.
type Bin struct {
	Count      int     `json:"count"`
	Confidence float64 `json:"confidence"`
	Accuracy   float64 `json:"accuracy"`
}

// Evaluation holds figures about predictions whose right answers are known.
type Evaluation struct {
	Examples         int          `json:"examples"`
	Accuracy         float64      `json:"accuracy"`
	AccuracyInterval Interval     `json:"accuracy_interval"` // Wilson
	MacroF1          float64      `json:"macro_f1"`          // over the labels that occur in the evaluated texts
	MacroF1Interval  Interval     `json:"macro_f1_interval"` // bootstrap, 200 resamples
	ECE              float64      `json:"ece"`               // expected calibration error of the probabilities, 15 bins
	Refused          float64      `json:"refused"`           // share of the texts that the model says it doesn't know
	AccuracyKnown    float64      `json:"accuracy_known"`    // accuracy over the others
	PredictMicros    float64      `json:"predict_us"`        // median time of a prediction in µs; 0 where it wasn't measured
	PerLabel         []LabelScore `json:"per_label"`         // by F1, worst first
	Misses           []Miss       `json:"misses"`            // the first 100
	MissCount        int          `json:"miss_count"`
	Confused         []Confused   `json:"confused"` // most frequent first, at most 20
	Reliability      []Bin        `json:"reliability"`

	Labels    []string `json:"labels"`    // of the rows and columns of Confusion, sorted
	Confusion [][]int  `json:"confusion"` // [want][got] counts

	Replies       int     `json:"replies"`        // evaluated questions with a reply
	ReplyAccuracy float64 `json:"reply_accuracy"` // share whose reply was the right one
	OOS           int     `json:"oos,omitempty"`  // out-of-scope texts
	OOSAUROC      float64 `json:"oos_auroc"`      // area under the ROC curve of telling the texts from out-of-scope ones
	OOSRefused    float64 `json:"oos_refused"`    // share of the out-of-scope texts that the model says it doesn't know

	Predictions []Outcome `json:"-"` // every evaluated text, in order
}

// Outcome is one evaluated text.
type Outcome struct {
	Text, Want, Got string
	Probability     float64
	KnownScore      float64
	Known           bool
}

// outcome is an Outcome by numbers of labels.
type outcome struct {
	text      string
	want, got int
	p, known  float64
	refused   bool
}

// Evaluate runs m on examples that it wasn't trained on, and on texts outside of its subject, and measures how well it
// does. Examples with labels count for the classifier, those with replies only for the replies. oos may be nil.
func Evaluate(m *Model, examples []record.Example, oos []string) Evaluation {
	ev, _ := EvaluateWith(m, func(text string) (Prediction, error) { return m.Predict(text), nil }, examples, oos)
	return ev
}

// EvaluateWith is Evaluate with predictions that come from predict, which knows the labels of m. It ends with the first
// error of predict.
func EvaluateWith(m *Model, predict func(text string) (Prediction, error), examples []record.Example, oos []string) (Evaluation, error) {
	names := map[string]int{}
	labels := slices.Clone(m.meta.Labels)
	for _, e := range examples {
		if e.Label != "" {
			labels = append(labels, e.Label)
		}
	}
	slices.Sort(labels)
	labels = slices.Compact(labels)
	for i, l := range labels {
		names[l] = i
	}
	var outcomes []outcome
	var times []time.Duration
	var known, replyKnown []float64
	replies, right := 0, 0
	for _, e := range examples {
		began := time.Now()
		p, err := predict(e.Text)
		if err != nil {
			return Evaluation{}, err
		}
		times = append(times, time.Since(began))
		if e.Label != "" && len(m.meta.Labels) > 0 {
			outcomes = append(outcomes, outcome{text: e.Text, want: names[e.Label], got: names[p.Label], p: p.Probability, known: p.KnownScore, refused: !p.LabelKnown})
			known = append(known, p.KnownScore)
		}
		if e.Reply != "" && (len(m.meta.Questions) > 0 || p.Reply != "") {
			replies++
			if p.Reply == e.Reply {
				right++
			}
			replyKnown = append(replyKnown, p.ReplyScore)
		}
	}
	ev := evaluate(labels, outcomes)
	if len(times) > 0 {
		slices.Sort(times)
		ev.PredictMicros = float64(times[len(times)/2].Nanoseconds()) / 1e3
	}
	ev.Replies = replies
	if replies > 0 {
		ev.ReplyAccuracy = float64(right) / float64(replies)
	}
	if len(oos) > 0 {
		var oosScores []float64
		for _, text := range oos {
			p, err := predict(text)
			if err != nil {
				return Evaluation{}, err
			}
			if !p.Known {
				ev.OOSRefused += 1 / float64(len(oos))
			}
			if len(known) > 0 {
				oosScores = append(oosScores, p.KnownScore)
			} else {
				oosScores = append(oosScores, p.ReplyScore)
			}
		}
		ev.OOS = len(oos)
		if len(known) == 0 {
			known = replyKnown
		}
		ev.OOSAUROC = AUROC(known, oosScores)
	}
	return ev, nil
}

// AUROC is the probability that a random one of in scores higher than a random one of out, ties counted half.
func AUROC(in, out []float64) float64 {
	if len(in) == 0 || len(out) == 0 {
		return 0
	}
	a, b := slices.Clone(in), slices.Clone(out)
	slices.Sort(a)
	slices.Sort(b)
	wins, lo, hi := 0.0, 0, 0
	for _, v := range a {
		for lo < len(b) && b[lo] < v {
			lo++
		}
		for hi < len(b) && b[hi] <= v {
			hi++
		}
		wins += float64(lo) + float64(hi-lo)/2
	}
	return wins / float64(len(a)) / float64(len(b))
}

// evaluate computes the figures of the classifier.
func evaluate(labels []string, outcomes []outcome) Evaluation {
	ev := Evaluation{Examples: len(outcomes), Labels: labels, Confusion: make([][]int, len(labels))}
	for i := range ev.Confusion {
		ev.Confusion[i] = make([]int, len(labels))
	}
	right, refused, rightKnown := 0, 0, 0
	bins := make([]Bin, calibrationBins)
	type pair struct{ want, got int }
	confused := map[pair]*Confused{}
	for _, o := range outcomes {
		ev.Predictions = append(ev.Predictions, Outcome{Text: o.text, Want: labels[o.want], Got: labels[o.got], Probability: o.p, KnownScore: o.known, Known: !o.refused})
		ev.Confusion[o.want][o.got]++
		b := &bins[min(int(o.p*calibrationBins), calibrationBins-1)]
		b.Count++
		b.Confidence += o.p
		if o.refused {
			refused++
		}
		if o.want == o.got {
			right++
			b.Accuracy++
			if !o.refused {
				rightKnown++
			}
			continue
		}
		if ev.MissCount++; len(ev.Misses) < maxReported {
			ev.Misses = append(ev.Misses, Miss{o.text, labels[o.want], labels[o.got], o.p})
		}
		c := confused[pair{o.want, o.got}]
		if c == nil {
			c = &Confused{Want: labels[o.want], Got: labels[o.got]}
			confused[pair{o.want, o.got}] = c
		}
		if c.Count++; len(c.Examples) < 3 {
			c.Examples = append(c.Examples, o.text)
		}
	}
	if len(outcomes) == 0 {
		return ev
	}
	n := float64(len(outcomes))
	ev.Accuracy = float64(right) / n
	ev.AccuracyInterval = wilson(right, len(outcomes))
	ev.Refused = float64(refused) / n
	if refused < len(outcomes) {
		ev.AccuracyKnown = float64(rightKnown) / float64(len(outcomes)-refused)
	}
	for _, b := range bins {
		if b.Count > 0 {
			b.Confidence /= float64(b.Count)
			b.Accuracy /= float64(b.Count)
			ev.ECE += float64(b.Count) / n * math.Abs(b.Confidence-b.Accuracy)
		}
		ev.Reliability = append(ev.Reliability, b)
	}
	for _, c := range confused {
		ev.Confused = append(ev.Confused, *c)
	}
	slices.SortFunc(ev.Confused, func(a, b Confused) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Want, b.Want), cmp.Compare(a.Got, b.Got))
	})
	ev.Confused = ev.Confused[:min(len(ev.Confused), 20)]
	ev.perLabel()
	ev.MacroF1 = macroF1(len(labels), outcomes, nil)
	ev.MacroF1Interval = bootstrapF1(len(labels), outcomes)
	return ev
}

func (ev *Evaluation) perLabel() {
	for l, row := range ev.Confusion {
		s := LabelScore{Label: ev.Labels[l]}
		predicted := 0
		for i, n := range row {
			s.Examples += n
			predicted += ev.Confusion[i][l]
		}
		if s.Examples == 0 {
			continue
		}
		hit := float64(row[l])
		s.Recall = hit / float64(s.Examples)
		if predicted > 0 {
			s.Precision = hit / float64(predicted)
		}
		s.F1 = 2 * hit / float64(s.Examples+predicted)
		ev.PerLabel = append(ev.PerLabel, s)
	}
	slices.SortStableFunc(ev.PerLabel, func(a, b LabelScore) int { return cmp.Compare(a.F1, b.F1) })
}

// macroF1 is the mean F1 over the labels that occur. pick selects outcomes with repetition; nil is all of them.
func macroF1(labels int, outcomes []outcome, pick []int32) float64 {
	count := make([][3]int, labels) // occurrences, predictions, hits
	add := func(o *outcome) {
		count[o.want][0]++
		count[o.got][1]++
		if o.want == o.got {
			count[o.want][2]++
		}
	}
	if pick == nil {
		for i := range outcomes {
			add(&outcomes[i])
		}
	}
	for _, i := range pick {
		add(&outcomes[i])
	}
	sum, n := 0.0, 0
	for _, c := range count {
		if c[0] > 0 {
			n++
			sum += 2 * float64(c[2]) / float64(c[0]+c[1])
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

func bootstrapF1(labels int, outcomes []outcome) Interval {
	const resamples = 200
	rng := rand.New(rand.NewPCG(1, 2))
	pick := make([]int32, len(outcomes))
	values := make([]float64, resamples)
	for k := range values {
		for i := range pick {
			pick[i] = rng.Int32N(int32(len(outcomes)))
		}
		values[k] = macroF1(labels, outcomes, pick)
	}
	slices.Sort(values)
	return Interval{values[resamples*25/1000], values[resamples*975/1000]}
}

// wilson is the Wilson score interval of k successes in n.
func wilson(k, n int) Interval {
	if n == 0 {
		return Interval{0, 1}
	}
	const z = 1.959963984540054
	p, m := float64(k)/float64(n), float64(n)
	centre := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return Interval{max(0, centre-half), min(1, centre+half)}
}
