package learn

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

// Options configures Train. The zero value works.
type Options struct {
	Seed          uint64         // same examples and seed give the same model, byte for byte
	Budget        time.Duration  // how much work choosing hyperparameters may take; 0 is DefaultBudget. It is counted in operations, not by a clock, so that it doesn't change results between runs
	Threads       int            // goroutines that compute; 0 is one for each processor. Results don't depend on it
	TargetRefusal float64        // share of known texts that may be refused; 0 is DefaultTargetRefusal
	Progress      func(Progress) // called from Train's goroutine, or nil
	Encoder       Encoder        // sentence embeddings as further features, or nil
}

// Defaults of Options.
const (
	DefaultBudget        = 300 * time.Millisecond // sets of up to a few thousand texts choose among all candidates, larger ones take the usual best
	DefaultTargetRefusal = 0.05
)

// MinExamples is the fewest labelled examples that Train accepts.
const MinExamples = 4

// MaxLabels is the most labels that Train accepts.
const MaxLabels = 5000

// Progress tells how far a training is.
type Progress struct {
	Stage string        // "reading", "training", "replies" or "evaluating"
	Done  float64       // 0 to 1, of the whole training
	Left  time.Duration // estimate of the time left; 0 while unknown
}

// Errors of Train. They are wrapped with the numbers.
var (
	ErrOneLabel     = errors.New("a model needs examples of at least two labels")
	ErrTooFew       = errors.New("too few examples")
	ErrTooManyLabel = fmt.Errorf("more than %d labels", MaxLabels)
)

// Report says what a training found and how good its model is. The figures are of texts that the predicting model hadn't
// seen: every example was predicted by a model trained without it and without its near duplicates (cross-validation
// with Folds folds, stratified by label; of more than a few thousand examples only some of the folds are predicted).
type Report struct {
	Findings          // of the examples, after duplicates and contradictions were removed
	Hash       string // Hash of the examples that were trained on
	Examples   int    // examples trained on
	Questions  int    // of these, with replies
	Folds      int    // 0 where there were too few examples to hold any out
	HeldOut    Evaluation
	Candidates int // choices of hyperparameters that were compared
	Features   int
	Threshold  float64 // known score under which a label is refused
	Duration   time.Duration
	Encoder    bool   // the sentence encoder helps and is used; HeldOut is with it
	Notes      []Note // what else a person should know
}

// Train trains a model on examples: a classifier if they have labels. Questions with replies are kept in it. Examples
// are cleaned first, as Clean describes. It stops when ctx is done.
func Train(ctx context.Context, examples []record.Example, opt Options) (*Model, *Report, error) {
	t := &training{ctx: ctx, opt: opt, began: time.Now(), report: &Report{}}
	t.defaults()
	if len(examples) > MaxExamples {
		return nil, nil, ErrTooManyExamples
	}
	for i, e := range examples {
		if err := e.Validate(); err != nil {
			return nil, nil, fmt.Errorf("example %d: %w", i+1, err)
		}
	}
	t.progress("reading", 0)
	t.examples, t.report.Findings, t.near = cleanExamples(examples)
	t.report.Examples = len(t.examples)
	t.report.Hash = Hash(t.examples)
	t.model = &Model{meta: modelMeta{Features: defaultFeatures, Hash: t.report.Hash, Seed: opt.Seed}}
	if err := t.check(); err != nil {
		return nil, nil, err
	}
	if len(t.labels.names) >= 2 {
		if err := t.vectorize(); err != nil {
			return nil, nil, err
		}
		if err := t.classify(); err != nil {
			return nil, nil, err
		}
	} else {
		t.vocab = newVocabulary(0)
		t.model.vocab = t.vocab
	}
	if t.report.Questions > 0 {
		t.keepPairs()
	}
	t.model.ready()
	t.report.Features = t.vocab.n
	t.report.Duration = time.Since(t.began)
	t.progress("evaluating", 1)
	return t.model, t.report, nil
}

// training is the state of one Train.
type training struct {
	ctx      context.Context
	opt      Options
	began    time.Time
	report   *Report
	model    *Model
	examples []record.Example
	near     []int32 // by example: one that it nearly repeats, or itself
	labels   task    // names sorted
	vocab    *vocabulary
	raw      *rawMatrix // one row an example, then one a label for its name
}

func (t *training) defaults() {
	if t.opt.Threads <= 0 {
		t.opt.Threads = min(runtime.GOMAXPROCS(0), runtime.NumCPU())
	}
	if t.opt.TargetRefusal <= 0 || t.opt.TargetRefusal >= 1 {
		t.opt.TargetRefusal = DefaultTargetRefusal
	}
	if t.opt.Budget <= 0 {
		t.opt.Budget = DefaultBudget
	}
}

func (t *training) progress(stage string, done float64) {
	if t.opt.Progress == nil {
		return
	}
	p := Progress{Stage: stage, Done: done}
	if done > 0.05 && done < 1 {
		spent := time.Since(t.began)
		p.Left = time.Duration(float64(spent) * (1 - done) / done).Round(100 * time.Millisecond)
	}
	t.opt.Progress(p)
}

// check decides what can be trained and says what is missing.
func (t *training) check() error {
	labelled := 0
	var names []string
	count := map[string]int{}
	for _, e := range t.examples {
		if e.Label != "" {
			if count[e.Label] == 0 {
				names = append(names, e.Label)
			}
			count[e.Label]++
			labelled++
		}
		if e.Reply != "" {
			t.report.Questions++
		}
	}
	slices.Sort(names)
	var err error
	switch {
	case len(t.examples) == 0:
		return fmt.Errorf("%w: there are none; give texts with labels, or questions with replies", ErrTooFew)
	case len(names) > MaxLabels:
		return ErrTooManyLabel
	case len(names) == 1:
		err = fmt.Errorf("%w: all %d are labelled %q; add texts of another label", ErrOneLabel, labelled, names[0])
	case len(names) > 1 && labelled < MinExamples:
		err = fmt.Errorf("%w: %d labelled texts where at least %d are needed; add %d more", ErrTooFew, labelled, MinExamples, MinExamples-labelled)
	}
	if err != nil {
		if t.report.Questions == 0 {
			return err
		}
		t.report.Notes = append(t.report.Notes, Note{LabelsUnlearned, []any{err}})
		names = nil
	}
	index := make(map[string]int32, len(names))
	for i, l := range names {
		index[l] = int32(i)
	}
	t.labels.names = names
	for _, e := range t.examples {
		c, ok := index[e.Label]
		if !ok {
			c = -1
		}
		t.labels.class = append(t.labels.class, c)
	}
	for l := range names {
		t.labels.class = append(t.labels.class, int32(l))
	}
	t.model.meta.Labels = names
	return nil
}

// classify trains the labels' classifier and calibrates it.
func (t *training) classify() error {
	t.split(&t.labels)
	f, err := t.fitBest(&t.labels, candidates(len(t.labels.names)), 0.1, 0.85)
	if err != nil {
		return err
	}
	t.model.meta.Features = f.candidate.features
	t.model.weight = f.weight
	t.model.labels = f.linear
	t.model.meta.Temperature, t.model.meta.Threshold = t.calibrate(f)
	return t.dense(f)
}

// maxFolds is the number of folds of the cross-validation.
const maxFolds = 5

// split deals the rows with a class into folds: stratified, near duplicates together. Rows that are no example (the
// names of labels) stay in every training part.
func (t *training) split(k *task) {
	k.fold = make([]int8, len(k.class))
	for i, c := range k.class {
		k.fold[i] = -1
		if c >= 0 {
			k.rows = append(k.rows, int32(i))
		}
	}
	folds := min(maxFolds, len(t.examples))
	k.folds = make([][]int32, folds)
	perClass, size := make([]int, len(k.names)), make([]int, len(k.names))
	for _, i := range k.rows {
		size[k.class[i]]++
	}
	type group struct{ fold, left int } // left: texts that may still join
	groups := map[int32]group{}         // by near duplicate
	rng := rand.New(rand.NewPCG(t.opt.Seed, 0x6d796e6168))
	for _, i := range rng.Perm(len(t.examples)) {
		c := k.class[i]
		if c < 0 {
			continue
		}
		g := groups[t.near[i]]
		if g.left == 0 { // the first, or too many for one fold
			g = group{(perClass[c] + int(c)) % folds, max(1, size[c]/folds)}
			perClass[c]++
		}
		g.left--
		groups[t.near[i]] = g
		k.fold[i] = int8(g.fold)
		k.folds[g.fold] = append(k.folds[g.fold], int32(i))
	}
	// With many examples only some folds are scored.
	n := 0
	for i, f := range k.folds {
		if i > 0 && (n+len(f) > maxHeldOut || (n+len(f))*len(k.names) > maxOutOfFold) {
			k.folds = k.folds[:i]
			break
		}
		n += len(f)
	}
	k.slot = make([]int32, len(k.class))
	for _, f := range k.folds {
		for _, i := range f {
			k.slot[i] = int32(len(k.held))
			k.held = append(k.held, i)
			k.truth = append(k.truth, k.class[i])
		}
	}
}
