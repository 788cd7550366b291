package main

import (
	"math"
	"sort"
	"sync"

	"github.com/mynahbot/mynah/internal/answer/evidence"
)

// seeds is how many networks a judge asks: their mean is steadier than one.
const seeds = 3

// learn makes a judge. What its networks learn about a text comes from parts that never saw it, or
// they would trust it too much.
func learn(m *material, encoder string) evidence.Weights {
	w := evidence.Weights{Encoder: encoder}
	raw := make([][][]float64, len(m.asks)) // evidence of each sample
	if encoder == "" {
		for i := range m.asks {
			raw[i] = w.Raw(m.asks[i].asked)
		}
	} else {
		for fold := range folds {
			part := m.vectors(encoder, func(f int) bool { return f != fold }, uint64(fold))
			for i := range m.asks {
				if m.asks[i].fold == fold {
					raw[i] = part.Raw(m.asks[i].asked)
				}
			}
		}
		w = m.vectors(encoder, func(int) bool { return true }, folds)
	}
	w.Mean, w.Deviation = moments(raw)
	lessons := make([]lesson, len(m.asks))
	for i, s := range m.asks {
		for _, r := range raw[i] {
			w.Scale(r)
		}
		lessons[i] = lesson{evidence: raw[i], right: s.right, question: s.ask.kind <= kindNear, weight: 1}
		if s.right < 0 {
			lessons[i].right = len(raw[i])
		}
	}
	// A judge for each fold, for finding the thresholds; and one of all, which is kept.
	verdicts := make([]evidence.Verdict, len(m.asks))
	const parts = 3
	type made struct{ fit, none [seeds]evidence.Network }
	results := make([]made, parts+1)
	var jobs []func()
	for part := range parts + 1 {
		var some []lesson
		for i, l := range lessons {
			if part == parts || m.asks[i].fold%parts != part {
				some = append(some, l)
			}
		}
		for seed := range seeds {
			jobs = append(jobs, func() {
				results[part].fit[seed], results[part].none[seed] = networks(some, len(w.Mean), uint64(part*seeds+seed))
			})
		}
	}
	parallel(jobs)
	for part := range parts {
		j := w
		j.Fit, j.None = results[part].fit[:], results[part].none[:]
		for i, s := range m.asks {
			if s.fold%parts == part {
				verdicts[i] = j.Weigh(s.asked, lessons[i].evidence)
			}
		}
	}
	w.Fit, w.None = results[parts].fit[:], results[parts].none[:]
	w.Thresholds = thresholds(m, verdicts)
	return w
}

// parallel runs jobs on two processors.
func parallel(jobs []func()) {
	next := make(chan func())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for job := range next {
				job()
			}
		})
	}
	for _, job := range jobs {
		next <- job
	}
	close(next)
	wg.Wait()
}

// vectors learns what there is to learn of vectors, from the folds that are wanted.
func (m *material) vectors(encoder string, wanted func(fold int) bool, seed uint64) evidence.Weights {
	w := evidence.Weights{Encoder: encoder}
	var chat, general []labelled
	var some []*sample
	for i := range m.asks {
		s := &m.asks[i]
		if !wanted(s.fold) {
			continue
		}
		some = append(some, s)
		if s.first && s.ask.kind <= kindNear {
			chat = append(chat, labelled{vector: s.asked.Text, yes: true})
			general = append(general, labelled{vector: s.asked.Text, yes: true})
		}
	}
	for _, l := range m.lines {
		switch {
		case !wanted(l.fold):
		case l.general:
			general = append(general, labelled{vector: l.vector})
		default:
			chat = append(chat, labelled{vector: l.vector})
		}
	}
	const decay = 2e-5
	w.Chat, w.General = logistic(chat, decay, seed), logistic(general, decay, seed)
	w.Wording, w.Reply = metric(some, seed)
	return w
}

// moments are the mean and the deviation of each piece of evidence.
func moments(raw [][][]float64) (mean, deviation evidence.Vector) {
	var sum, squares []float64
	n := 0.0
	for _, candidates := range raw {
		for _, r := range candidates {
			if sum == nil {
				sum, squares = make([]float64, len(r)), make([]float64, len(r))
			}
			for k, x := range r {
				sum[k] += x
				squares[k] += x * x
			}
			n++
		}
	}
	mean, deviation = make(evidence.Vector, len(sum)), make(evidence.Vector, len(sum))
	for k := range sum {
		m := sum[k] / n
		mean[k] = float32(m)
		deviation[k] = float32(math.Sqrt(max(squares[k]/n-m*m, 0)) + 1e-6)
	}
	return mean, deviation
}

// What a judge may do wrong, in shares, on FAQs that it never saw.
const (
	mostWrong      = 0.03  // questions that get a wrong answer
	mostNear       = 0.10  // near questions that get one
	mostChat       = 0.005 // lines of the background that get one
	mostNearOffers = 0.45  // near questions that get suggestions
	mostChatOffers = 0.01  // lines of the background that get some
)

// thresholds finds where a judge is right most often and keeps to what it may do wrong. FAQs count the
// same, whatever their size.
func thresholds(m *material, verdicts []evidence.Verdict) evidence.Thresholds {
	type outcome struct {
		kind      int
		right     bool
		inThree   bool
		best, ask float64
	}
	byFAQ := map[int][]outcome{}
	for i, s := range m.asks {
		v := verdicts[i]
		if len(v.Candidates) == 0 {
			continue
		}
		o := outcome{kind: s.ask.kind, best: v.Candidates[0].Probability, ask: v.Question}
		for k, c := range v.Candidates[:min(3, len(v.Candidates))] {
			if s.right >= 0 && c.Reply == s.ask.reply {
				o.right = o.right || k == 0
				o.inThree = true
			}
		}
		byFAQ[s.faq] = append(byFAQ[s.faq], o)
	}
	var faqs []int
	for f := range byFAQ {
		faqs = append(faqs, f)
	}
	sort.Ints(faqs)
	share := func(of func(outcome) bool, is func(outcome) bool) float64 {
		sum, n := 0.0, 0.0
		for _, f := range faqs {
			all, some := 0.0, 0.0
			for _, o := range byFAQ[f] {
				if of(o) {
					all++
					if is(o) {
						some++
					}
				}
			}
			if all > 0 {
				sum += some / all
				n++
			}
		}
		if n == 0 {
			return 0
		}
		return sum / n
	}
	question := func(o outcome) bool { return o.kind == kindQuestion }
	near := func(o outcome) bool { return o.kind == kindNear }
	chat := func(o outcome) bool { return o.kind >= kindChat }
	var best evidence.Thresholds
	most := -1.0
	for _, q := range []float64{0.5, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99} {
		for a := 0.95; a >= 0.3; a -= 0.01 {
			answered := func(o outcome) bool { return o.best >= a && o.ask >= q }
			wrong := func(o outcome) bool { return answered(o) && !o.right }
			if share(question, wrong) > mostWrong || share(near, answered) > mostNear || share(chat, answered) > mostChat {
				break
			}
			if r := share(question, func(o outcome) bool { return answered(o) && o.right }); r > most {
				most = r
				best.Answer, best.Question = a, q
			}
		}
	}
	best.Suggest = 1
	for s := 0.998; s >= 0.3; s -= 0.002 {
		offered := func(o outcome) bool { return !(o.best >= best.Answer && o.ask >= best.Question) && o.ask >= s }
		if share(near, offered) > mostNearOffers || share(chat, offered) > mostChatOffers {
			break
		}
		best.Suggest = s
	}
	return best
}
