package learn

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// Questions are compared by their character n-grams alone, rare ones counting most: what is asked shows in its rare
// words, whatever their endings.
var replyBlocks = [blocks]float64{blockChar: 1}

const replyIDF = 1.5

// replyIndex finds the reply to a question: an inverted index over the features of the taught questions, those of
// feature f being at start[f]:start[f+1], and, where replies have several questions each, a linear machine a reply.
type replyIndex struct {
	start    []uint32
	question []uint32
	val      []float32
	idf      []float32 // by feature
	replies  linear    // empty without machines
}

// Of replies with few questions each no machines are trained: there is nothing to generalise from.
const (
	machineQuestions = 2.0  // questions a reply, on average
	machineReplies   = 2000 // replies at most
)

// reply builds the reply index, chooses how to rank and when to refuse, and measures it.
func (t *training) reply() error {
	t.progress("replies", 0.85)
	m := &t.model.meta
	m.Responses = map[string][]string{}
	k := task{class: make([]int32, t.raw.rows())}
	for i := range k.class {
		k.class[i] = -1
	}
	number := map[string]int{}
	var rows []int32
	for i, e := range t.examples {
		if e.Reply == "" {
			continue
		}
		if e.Label != "" && !slices.Contains(m.Responses[e.Label], e.Reply) {
			m.Responses[e.Label] = append(m.Responses[e.Label], e.Reply)
		}
		r, ok := number[e.Reply]
		if !ok {
			r = len(m.Replies)
			number[e.Reply] = r
			m.Replies = append(m.Replies, e.Reply)
		}
		m.Questions = append(m.Questions, e.Text)
		m.QuestionReply = append(m.QuestionReply, r)
		rows = append(rows, int32(i))
		k.class[i] = int32(r)
	}
	k.names = m.Replies
	t.split(&k)

	var machines *fitted
	if n := len(m.Replies); n >= 2 && n <= machineReplies && float64(len(rows)) >= machineQuestions*float64(n) {
		all, err := t.fit(&k, []candidate{{features: m.Features}}, nil, false, func(done float64) { t.progress("replies", 0.85+0.1*done) })
		if err != nil {
			return err
		}
		machines = all[0]
		t.model.index.replies = machines.linear
		if t.model.weight == nil { // there are no labels
			t.model.weight = machines.weight
		}
	}
	ix := &t.model.index
	ix.idf = idfWeights(t.raw.df, t.raw.rows(), replyIDF)
	x := t.raw.weighted(newWeighting(replyBlocks, ix.idf), true)
	ix.build(x, rows)
	t.chooseReplies(&k, x, rows, machines)
	return nil
}

// maxHeldQuestions bounds how many questions are looked up to measure the replies.
const maxHeldQuestions = 3000

// leastNear is the least threshold of nearness: below it, texts share little but common letters.
const leastNear = 0.2

// chooseReplies sets the blend and the threshold by held-out questions.
func (t *training) chooseReplies(k *task, x *matrix, rows []int32, machines *fitted) {
	m, ix := &t.model.meta, &t.model.index
	siblings := make([]int, len(m.Replies))
	for _, r := range m.QuestionReply {
		siblings[r]++
	}
	step := max(1, len(rows)/maxHeldQuestions)
	near, scores := make([]float32, len(rows)), make([]float32, len(m.Replies))
	blends := []float64{0}
	if machines != nil {
		blends = []float64{0, 0.1, 0.2, 0.4, 0.8}
	}
	right := make([][]float64, len(blends)) // by blend: nearness of the held-out questions that got the right reply
	held := 0
	text, question := extractor{cfg: m.Features}, extractor{cfg: m.Features}
	w := newWeighting(replyBlocks, ix.idf)
	for q := 0; q < len(rows); q += step {
		i := rows[q]
		truth := int(k.class[i])
		if siblings[truth] < 2 || int(k.slot[i]) >= len(k.held) || k.held[k.slot[i]] != i {
			continue
		}
		held++
		idx, val := x.row(int(i))
		ix.near(idx, val, near)
		for o, r := range rows {
			if k.fold[r] == k.fold[i] {
				near[o] = 0
			}
		}
		nearest := argmax(near)
		text.tokenize(m.Questions[q], false)
		question.tokenize(m.Questions[nearest], false)
		like := likeness(near[nearest], &text, &question, t.vocab, w)
		for b, blend := range blends {
			m.rank(near, scores)
			if blend > 0 {
				oof := machines.oof[int(k.slot[i])*len(scores):][:len(scores)]
				for r := range scores {
					scores[r] += float32(blend) * oof[r]
				}
			}
			if argmax(scores) == truth {
				right[b] = append(right[b], like)
			}
		}
	}
	best := 0
	for b := range blends {
		if len(right[b]) > len(right[best]) {
			best = b
		}
	}
	m.ReplyBlend = blends[best]
	if m.ReplyBlend == 0 {
		ix.replies = linear{}
	}
	if held > 0 {
		t.report.HeldOut.Replies = held
		t.report.HeldOut.ReplyAccuracy = float64(len(right[best])) / float64(held)
		if t.report.Folds == 0 {
			t.report.Folds = len(k.folds)
		}
	}
	known := right[best]         // what gets a wrong reply had better be refused, and doesn't count
	if 2*held < len(rows)/step { // most replies have one question: ask it with half of its words missing
		known = t.shortened(rows, step)
	}
	slices.Sort(known)
	m.ReplyThreshold = leastNear
	if len(known) > 0 {
		m.ReplyThreshold = max(leastNear, known[int(t.opt.TargetRefusal*float64(len(known)))])
	}
	t.report.ReplyThreshold = m.ReplyThreshold
}

// fewShortened is about how many shortened questions are asked where there are few.
const fewShortened = 300

// shortened returns how near questions are to themselves when about half of their words are missing.
func (t *training) shortened(rows []int32, step int) []float64 {
	z := newVectorizer(t.model.meta.Features, t.vocab)
	w := newWeighting(replyBlocks, t.model.index.idf)
	near := make([]float32, len(rows))
	rng := rand.New(rand.NewPCG(t.opt.Seed, 3))
	question := extractor{cfg: t.model.meta.Features}
	times := max(3, fewShortened/len(rows)) // a few draws of a few questions would leave the threshold to chance
	var out []float64
	for q := 0; q < len(rows); q += step {
		words := strings.Fields(t.examples[rows[q]].Text)
		for range times {
			var part []string
			for _, word := range words {
				if rng.IntN(2) > 0 {
					part = append(part, word)
				}
			}
			if len(part) == 0 {
				part = words
			}
			z.extract(strings.Join(part, " "))
			z.weigh(w)
			t.model.index.near(z.idx, z.val, near)
			nearest := argmax(near)
			question.tokenize(t.model.meta.Questions[nearest], false)
			out = append(out, likeness(near[nearest], &z.extractor, &question, t.vocab, w))
		}
	}
	return out
}

func (ix *replyIndex) build(x *matrix, rows []int32) {
	ix.start = make([]uint32, x.dim+1)
	for _, r := range rows {
		idx, val := x.row(int(r))
		for k, f := range idx {
			if val[k] != 0 {
				ix.start[f+1]++
			}
		}
	}
	for f := range x.dim {
		ix.start[f+1] += ix.start[f]
	}
	next := slices.Clone(ix.start[:x.dim])
	ix.question = make([]uint32, ix.start[x.dim])
	ix.val = make([]float32, ix.start[x.dim])
	for q, r := range rows {
		idx, val := x.row(int(r))
		for k, f := range idx {
			if val[k] != 0 {
				ix.question[next[f]], ix.val[next[f]] = uint32(q), val[k]
				next[f]++
			}
		}
	}
}

// near sets near to the cosine between a vector and every question.
func (ix *replyIndex) near(idx []uint32, val []float32, near []float32) {
	clear(near)
	for k, f := range idx {
		v := val[k]
		if v == 0 {
			continue
		}
		a, b := ix.start[f], ix.start[f+1]
		qs, vals := ix.question[a:b], ix.val[a:b]
		vals = vals[:len(qs)]
		for i, q := range qs {
			near[q] += v * vals[i]
		}
	}
}

// likeness is how alike a text and its nearest question are, 0 to 1: the cosine of their character n-grams, lowered by up to
// half where they don't share their rarer words. text and question must have been tokenized.
func likeness(cosine float32, text, question *extractor, v *vocabulary, w *weighting) float64 {
	square := func(h uint64) float64 {
		if id, ok := v.lookup(h); ok {
			return float64(w.feature[id]) * float64(w.feature[id])
		}
		return w.unseen
	}
	var shared, a, b float64
	for _, h := range text.words {
		s := square(h)
		a += s
		if slices.Contains(question.words, h) {
			shared += s
		}
	}
	for _, h := range question.words {
		b += square(h)
	}
	if a > 0 && b > 0 {
		shared = min(1, shared/math.Sqrt(a*b))
	}
	return min(float64(cosine), 1) * (1 + shared) / 2
}

// rank sets scores to the cosine of each reply's nearest question.
func (m *modelMeta) rank(near, scores []float32) {
	clear(scores)
	for q, r := range m.QuestionReply {
		scores[r] = max(scores[r], near[q])
	}
}

func (m *Model) predictReply(s *scratch, p *Prediction) {
	if m.meta.ReplyBlend > 0 {
		s.z.weigh(m.labelWeighting)
		m.index.replies.margins(s.z, nil, s.margins)
	}
	s.z.weigh(m.replyWeighting)
	m.index.near(s.z.idx, s.z.val, s.near)
	nearest := argmax(s.near)
	s.question.tokenize(m.meta.Questions[nearest], false)
	p.ReplyScore = likeness(s.near[nearest], &s.z.extractor, &s.question, m.vocab, m.replyWeighting)
	p.ReplyKnown = p.ReplyScore >= m.meta.ReplyThreshold
	reply := m.meta.QuestionReply[nearest]
	if m.meta.ReplyBlend > 0 {
		m.meta.rank(s.near, s.replies)
		for r := range s.replies {
			s.replies[r] += float32(m.meta.ReplyBlend) * s.margins[r]
		}
		reply = argmax(s.replies)
		for q, r := range m.meta.QuestionReply { // the nearest question with this reply
			if r == reply && (m.meta.QuestionReply[nearest] != reply || s.near[q] > s.near[nearest]) {
				nearest = q
			}
		}
	}
	p.Nearest = m.meta.Questions[nearest]
	p.Reply = m.meta.Replies[reply]
}
