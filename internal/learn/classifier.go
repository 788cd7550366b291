package learn

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// Bounds of what is held out: of the table of its scores (examples × labels), and of the examples, of which so many tell the
// accuracy to half a point. More would only cost time.
const (
	maxOutOfFold = 1 << 22
	maxHeldOut   = 6500
)

// maxSweepOps bounds one sweep of all machines over their rows (values × classes). Where it is exceeded, each machine sees
// all rows of its class and a sample of the others, each of which then counts for several.
const maxSweepOps = 6e9

// What the loss of a text counts against the length of the weights, C.
const (
	costPositive = 2.0 // for texts of a machine's class
	costNegative = 0.5 // and for those of the others, which are many
	costEven     = 1.0 // for both sides where there are only two classes
	costVector   = 2.5 // for texts of a machine's class where an encoder's vector helps to tell
)

// opsPerSecond converts a time budget into work (values × labels), at about the speed of one core.
const opsPerSecond = 35e6

// candidate is one choice of hyperparameters.
type candidate struct {
	features featureConfig
	bayes    float64 // exponent of naive Bayes scaling; only for two labels
	vector   float64 // length of the encoder's vector beside the sparse blocks; 0 where there is none
}

// candidates lists what to try, best guess first. Which of them wins is decided by cross-validation.
func candidates(labels int) []candidate {
	with := func(idf, bayes float64, weights [blocks]float64) candidate {
		c := candidate{features: defaultFeatures, bayes: bayes}
		c.features.IDF, c.features.BlockWeights = idf, weights
		return c
	}
	words := defaultFeatures.BlockWeights
	words[blockWord] = 1
	list := []candidate{
		{features: defaultFeatures},
		with(1, 0, defaultFeatures.BlockWeights),
		with(1, 0, words),
		with(0, 0, words),
	}
	if labels == 2 {
		list = append(list, with(0, 1, words), with(1, 0.5, words), with(1, 1, words))
	}
	return list
}

// fitted is one trained candidate.
type fitted struct {
	candidate candidate
	weight    []float32 // by feature
	linear    linear
	oof       []float32 // held-out scores, by held-out row and label
	accuracy  float64   // of them
}

// task is one thing to tell apart: labels, or replies.
type task struct {
	names []string
	class []int32 // by row of raw: index into names, or -1
	fold  []int8  // by row of raw, or -1 where a row isn't held out
	rows  []int32 // rows with a class
	folds [][]int32
	held  []int32 // rows of all folds
	slot  []int32 // by row: its place in held
	truth []int32 // by place: its class
}

// affordable is how many candidates with so many values the budget allows to train.
func (t *training) affordable(values float64, k *task) int {
	return int(t.opt.Budget.Seconds() * opsPerSecond / (values * float64(max(1, len(k.names)-1))))
}

// fitBest trains every candidate that the budget allows and returns the best in cross-validation.
func (t *training) fitBest(k *task, list []candidate, from, to float64) (*fitted, error) {
	list = list[:min(len(list), max(1, t.affordable(float64(len(t.raw.idx)), k)))]
	alone := len(list) == 1 && t.report.Questions == 0 && t.opt.Encoder == nil
	all, err := t.fit(k, list, nil, alone, func(done float64) { t.progress("training", from+(to-from)*done) })
	if err != nil {
		return nil, err
	}
	best := all[0]
	for _, f := range all {
		if f.accuracy > best.accuracy {
			best = f
		}
	}
	t.report.Candidates += len(list)
	return best, nil
}

// Machines that are trained together: at most so many, with at most so many weights unless they are few.
const (
	blockClasses = 48
	fewClasses   = 16
	blockWeights = 8 << 20
)

// fitting is the work on one candidate.
type fitting struct {
	*fitted
	x       *matrix
	sq      []float32
	gram    *gram // nil where there are too many rows
	columns []column
	left    atomic.Int32 // blocks of classes to train
	free    chan *svms   // for the next blocks. A sync.Pool would drop them, which are large, while they are needed
}

// fit trains candidates: one linear machine a class, on the features and, if there are any, the vectors of the rows, which are of
// length 1; then all candidates have the same features. After a fit alone t.raw can't be used again.
func (t *training) fit(k *task, list []candidate, vectors [][]float32, alone bool, progress func(float64)) ([]*fitted, error) {
	classes := len(k.names)
	machines := classes
	cost := costs{costPositive, costNegative, 1}
	if vectors != nil {
		cost.positive = costVector
	}
	if classes == 2 { // one machine tells two classes apart
		machines = 1
		cost = costs{costEven, costEven, 1}
	}
	if ops := float64(len(t.raw.idx)) * float64(machines); ops > maxSweepOps {
		cost.share = float32(maxSweepOps / ops)
	}
	small := machines > 1 && gramFits(len(k.rows), t.raw.df)
	// Blocks of about the same size, two or a multiple of it, so that two cores are done at the same time.
	together := max(min(blockClasses, blockWeights/max(1, len(t.raw.df))), fewClasses)
	blocks := 2 * ((machines + 2*together - 1) / (2 * together))
	if machines == 1 {
		blocks = 1
	}
	fits := make([]*fitted, len(list))
	var prepare, products, mirror, train []func()
	var shared *gram // of the sparse features, where there are vectors beside them
	if small && vectors != nil {
		x := t.raw.weighted(newWeighting(list[0].features.BlockWeights, idfWeights(t.raw.df, t.raw.rows(), list[0].features.IDF)), false)
		shared = newGram(x, k.rows)
		shared.vectors = vectors
		products = shared.fills(products)
	}
	for n, c := range list {
		f := &fitting{
			fitted: &fitted{
				candidate: c,
				weight:    idfWeights(t.raw.df, t.raw.rows(), c.features.IDF),
				oof:       make([]float32, len(k.held)*classes),
			},
			columns: make([]column, classes),
			free:    make(chan *svms, blocks),
		}
		f.left.Store(int32(blocks))
		fits[n] = f.fitted
		prepare = append(prepare, func() {
			f.x = t.raw.weighted(newWeighting(c.features.BlockWeights, f.weight), alone)
			if vectors != nil {
				f.x = withVectors(f.x, vectors, float32(c.vector))
			}
			if !small {
				f.sq = squares(f.x)
			} else if shared == nil {
				f.gram = newGram(f.x, k.rows)
			}
		})
		switch {
		case shared != nil:
			mirror = append(mirror, func() { f.gram = shared.with(f.x, float32(c.vector)) })
		case small:
			for from := 0; from < len(k.rows); from += gramChunk {
				products = append(products, func() { f.gram.fill(from) })
			}
			mirror = append(mirror, func() { f.gram.mirror() })
		}
		first := len(train)
		if c.bayes > 0 {
			first = 0 // it takes longest: begun last, it would run alone on one core in the end
		}
		for b := range blocks {
			train = slices.Insert(train, first+b, func() {
				f.block(k, b*machines/blocks, (b+1)*machines/blocks, (machines+blocks-1)/blocks, cost, t.opt.Seed)
				if f.left.Add(-1) > 0 {
					return
				}
				if machines == 1 {
					f.columns[1] = f.columns[0].negated()
				}
				f.linear = newLinear(f.columns, f.x.sparse)
				f.accuracy = accuracyOf(f.oof, k.truth)
				f.x, f.sq, f.gram, f.columns, f.free = nil, nil, nil, nil, nil
			})
		}
	}
	for _, jobs := range [][]func(){prepare, products, mirror} {
		if err := t.parallel(jobs, func(float64) {}); err != nil {
			return nil, err
		}
	}
	if err := t.parallel(train, progress); err != nil {
		return nil, err
	}
	return fits, nil
}

// block trains the machines of the classes from first to last-1, which are at most most.
func (f *fitting) block(k *task, first, last, most int, cost costs, seed uint64) {
	classes := len(k.names)
	if f.gram != nil {
		s := newGramSVM(f.gram, cost)
		for l := first; l < last; l++ {
			f.columns[l] = s.train(l, k, seed, func(i int32, score float32) { f.oof[int(k.slot[i])*classes+l] = score })
		}
		return
	}
	var s *svms
	select {
	case s = <-f.free:
	default:
		s = newSVMs(f.x, f.sq, k.class, most, cost)
	}
	defer func() { f.free <- s }()
	s.begin(first, last-first, seed)
	visit := func(i int32, class int, score float32) {
		at := f.oof[int(k.slot[i])*classes:][:classes]
		at[class] = score
		if classes == 2 {
			at[1] = -score
		}
	}
	if f.candidate.bayes > 0 {
		f.columns[0] = s.bayes(f.candidate.bayes, k, visit)
		return
	}
	s.reset(k.rows)
	s.solve(solveSweeps, func(l int) { f.columns[first+l] = s.one.column(f.x.sparse) })
	s.outOfFold(k, visit)
}

// accuracyOf returns the share of the rows of scores whose greatest is that of its class in truth.
func accuracyOf(scores []float32, truth []int32) float64 {
	right := 0
	for i, y := range truth {
		n := len(scores) / len(truth)
		if argmax(scores[i*n:(i+1)*n]) == int(y) {
			right++
		}
	}
	return float64(right) / float64(max(1, len(truth)))
}

// parallel runs the jobs, started in their order, and calls progress from this goroutine when one is done. When the training
// is to stop, it waits for those that run and leaves out the others.
func (t *training) parallel(jobs []func(), progress func(float64)) error {
	next, done := make(chan func()), make(chan struct{})
	var wg sync.WaitGroup
	for range min(t.opt.Threads, len(jobs)) {
		wg.Go(func() {
			for job := range next {
				job()
				done <- struct{}{}
			}
		})
	}
	go func() {
		defer close(done)
		defer wg.Wait()
		defer close(next)
		for _, job := range jobs {
			select {
			case next <- job:
			case <-t.ctx.Done():
				return
			}
		}
	}()
	finished := 0
	for range done {
		finished++
		progress(float64(finished) / float64(len(jobs)))
	}
	if t.ctx.Err() != nil {
		return context.Cause(t.ctx)
	}
	return nil
}
