// Command bench measures how questions are answered: on FAQs with questions in other words, questions nearby
// that the FAQ doesn't answer, chat, follow-ups and corrections, beside BM25, the cosine of TF-IDF, and a
// bare sentence encoder. What the peers answer is decided by one threshold, chosen on the other FAQs.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/answer/evidence"
	"github.com/mynahbot/mynah/internal/learn/sentence/muse"
	"github.com/mynahbot/mynah/internal/onnx"
)

const encoderName = "use-multilingual-v3"

func main() {
	log.SetFlags(0)
	data := flag.String("data", "../shared/data/faq", "folder of the FAQs")
	models := flag.String("models", cmp.Or(os.Getenv("MYNAH_MODELS"), filepath.Join(os.Getenv("HOME"), ".local/share/mynah/models")), "folder of installed models")
	flag.Parse()
	if err := run(context.Background(), *data, *models); err != nil {
		log.Fatal("bench: ", err)
	}
}

func run(ctx context.Context, data, models string) (err error) {
	sets, err := readSets(data)
	if err != nil {
		return err
	}
	if len(sets) == 0 {
		return fmt.Errorf("no FAQ in %s", data)
	}
	if err := onnx.Load(filepath.Join(models, "sherpa-onnx", "libonnxruntime.so")); err != nil {
		return err
	}
	dir := filepath.Join(models, encoderName)
	encoder, err := muse.Open(encoderName, muse.Files{
		Model: filepath.Join(dir, "model.onnx"), Table: filepath.Join(dir, "embeddings.bin"), Tokenizer: filepath.Join(dir, "sp.model"),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, encoder.Close()) }()
	byMeaning, err := answer.NewMatcher(encoder, filepath.Join(models, "vectors"), nil)
	if err != nil {
		return err
	}
	byWords, err := answer.NewMatcher(nil, "", nil)
	if err != nil {
		return err
	}
	if err := byMeaning.Warm(ctx); err != nil {
		return err
	}
	fmt.Printf("%-22s %6s %6s %6s %6s %9s %9s %9s\n", "mean over FAQs, in %", "right", "wrong", "near", "chat", "or offer", "off. near", "off. chat")
	for _, s := range []struct {
		name string
		system
		own bool // decides itself what it answers
	}{
		{"Mynah", mynah{byMeaning}, true}, {"Mynah, words alone", mynah{byWords}, true},
		{"the encoder alone", cosine{encoder}, false}, {"BM25", words{true}, false}, {"TF-IDF cosine", words{}, false},
	} {
		results := map[string]*result{}
		for _, set := range sets {
			if results[set.name], err = ask(ctx, s.system, set); err != nil {
				return err
			}
		}
		if !s.own {
			for name := range results {
				thresholded(results, name)
			}
		}
		var sum figures
		for _, set := range sets {
			f := results[set.name].figures(set)
			if s.name == "Mynah" {
				fmt.Printf("  %-20s %s\n", set.name, f)
			}
			sum.add(f, 1/float64(len(sets)))
		}
		fmt.Printf("%-22s %s\n", s.name, sum)
	}
	m := mynah{byMeaning}
	for _, measure := range []func(context.Context, mynah, []*set) error{followUps, corrections, mangled, speed} {
		if err := measure(ctx, m, sets); err != nil {
			return err
		}
	}
	return nil
}

// result is what a system said to the texts of a set.
type result struct{ questions, near, chat []said }

func ask(ctx context.Context, s system, set *set) (*result, error) {
	answer, err := s.teach(ctx, set.faq)
	if err != nil {
		return nil, err
	}
	r := &result{}
	for _, part := range []struct {
		rows []row
		out  *[]said
	}{{set.questions, &r.questions}, {set.near, &r.near}, {set.chat, &r.chat}} {
		for _, row := range part.rows {
			got, err := answer(ctx, row.Text)
			if err != nil {
				return nil, err
			}
			*part.out = append(*part.out, got)
		}
	}
	return r, nil
}

// figures are shares.
type figures struct{ right, wrong, near, chat, offered, offeredNear, offeredChat float64 }

func (r *result) figures(set *set) (f figures) {
	for i, s := range r.questions {
		want, one := oneLine(set.questions[i].Reply), 1/float64(len(r.questions))
		right := s.reply != "" && oneLine(s.reply) == want
		if right {
			f.right += one
		} else if s.reply != "" {
			f.wrong += one
		}
		if right || slices.ContainsFunc(s.suggested, func(o string) bool { return oneLine(o) == want }) {
			f.offered += one
		}
	}
	share := func(all []said, is func(said) bool) float64 {
		n := 0
		for _, s := range all {
			if is(s) {
				n++
			}
		}
		return float64(n) / float64(max(len(all), 1))
	}
	answered, offered := func(s said) bool { return s.reply != "" }, func(s said) bool { return len(s.suggested) > 0 }
	f.near, f.chat = share(r.near, answered), share(r.chat, answered)
	f.offeredNear, f.offeredChat = share(r.near, offered), share(r.chat, offered)
	return f
}

func (f *figures) add(o figures, weight float64) {
	f.right, f.wrong, f.near, f.chat = f.right+o.right*weight, f.wrong+o.wrong*weight, f.near+o.near*weight, f.chat+o.chat*weight
	f.offered, f.offeredNear, f.offeredChat = f.offered+o.offered*weight, f.offeredNear+o.offeredNear*weight, f.offeredChat+o.offeredChat*weight
}

func (f figures) String() string {
	return fmt.Sprintf("%6.1f %6.1f %6.1f %6.1f %9.1f %9.1f %9.1f", 100*f.right, 100*f.wrong, 100*f.near, 100*f.chat, 100*f.offered, 100*f.offeredNear, 100*f.offeredChat)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// followUps counts questions that follow another, understood with it.
func followUps(ctx context.Context, m mynah, sets []*set) error {
	right, alone, n := 0, 0, 0
	for _, s := range sets {
		p, err := m.pairs(ctx, s.faq)
		if err != nil {
			return err
		}
		for _, f := range s.follow {
			for _, before := range []answer.Before{{Question: f.First}, {}} {
				got, err := p.Ask(ctx, f.Second, before)
				if err != nil {
					return err
				}
				if best, _ := got.Best(); got.Kind == answer.Answered && oneLine(best.Reply) == oneLine(f.Reply) {
					if before.Question != "" {
						right++
					} else {
						alone++
					}
				}
			}
			n++
		}
	}
	fmt.Printf("follow-ups: %d of %d right; %d where what was asked before isn't known\n", right, n, alone)
	// Questions that stand on their own, after any other.
	lost, had := 0, 0
	for _, s := range sets {
		p, err := m.pairs(ctx, s.faq)
		if err != nil {
			return err
		}
		r := rand.New(rand.NewPCG(1, 1))
		for _, q := range s.questions {
			first, err := p.Ask(ctx, q.Text, answer.Before{})
			if err != nil {
				return err
			}
			if best, _ := first.Best(); first.Kind != answer.Answered || oneLine(best.Reply) != oneLine(q.Reply) {
				continue
			}
			had++
			then, err := p.Ask(ctx, q.Text, answer.Before{Question: s.questions[r.IntN(len(s.questions))].Text})
			if err != nil {
				return err
			}
			if best, _ := then.Best(); then.Kind != answer.Answered || oneLine(best.Reply) != oneLine(q.Reply) {
				lost++
			}
		}
	}
	fmt.Printf("questions that stand on their own: %d of %d answered right are lost after another one\n", lost, had)
	return nil
}

// corrections counts what is answered after each.
func corrections(ctx context.Context, m mynah, sets []*set) error {
	right, all := map[string]int{}, map[string]int{}
	for _, s := range sets {
		for _, c := range s.corrections {
			var faq []row
			for _, r := range s.faq {
				if c.Kind == "same" && r.Text == c.Entry {
					r.Reply = c.Corrected
				}
				faq = append(faq, r)
			}
			p, err := m.pairs(ctx, append(faq, row{c.Question, c.Corrected}))
			if err != nil {
				return err
			}
			for _, probe := range c.Probes {
				got, err := p.Ask(ctx, probe.Text, answer.Before{})
				if err != nil {
					return err
				}
				key := c.Kind + ": " + probe.Why
				all[key]++
				if best, _ := got.Best(); got.Kind == answer.Answered && oneLine(best.Reply) == oneLine(probe.Reply) {
					right[key]++
				}
			}
		}
	}
	for _, key := range slices.Sorted(func(yield func(string) bool) {
		for key := range all {
			if !yield(key) {
				return
			}
		}
	}) {
		fmt.Printf("after a correction, %-50s %d of %d right\n", key, right[key], all[key])
	}
	return nil
}

// mangled counts what was taught, word for word and with the order of words, case, punctuation or a letter changed.
func mangled(ctx context.Context, m mynah, sets []*set) error {
	r := rand.New(rand.NewPCG(2, 2))
	ways := []struct {
		name   string
		change func(string) string
	}{
		{"word for word", func(s string) string { return s }},
		{"upper case", strings.ToUpper},
		{"without punctuation", func(s string) string { return strings.Trim(s, "?!. ") }},
		{"a typo in each word of five letters", func(s string) string { return typos(s, r) }},
		{"two words exchanged", func(s string) string { return exchanged(s, r) }},
	}
	for _, way := range ways {
		right, n := 0, 0
		for _, s := range sets {
			p, err := m.pairs(ctx, s.faq)
			if err != nil {
				return err
			}
			for _, row := range s.faq {
				got, err := p.Ask(ctx, way.change(row.Text), answer.Before{})
				if err != nil {
					return err
				}
				n++
				if best, _ := got.Best(); got.Kind == answer.Answered && oneLine(best.Reply) == oneLine(row.Reply) {
					right++
				}
			}
		}
		fmt.Printf("as taught, %-38s %5.1f %% of %d right\n", way.name, 100*float64(right)/float64(n), n)
	}
	return nil
}

// typos exchanges two letters inside of each word of at least five.
func typos(text string, r *rand.Rand) string {
	all := strings.Fields(text)
	for i, w := range all {
		if letters := []rune(w); utf8.RuneCountInString(w) >= 5 {
			k := 1 + r.IntN(len(letters)-3)
			letters[k], letters[k+1] = letters[k+1], letters[k]
			all[i] = string(letters)
		}
	}
	return strings.Join(all, " ")
}

// exchanged exchanges two words that stand beside each other.
func exchanged(text string, r *rand.Rand) string {
	all := strings.Fields(text)
	if len(all) > 1 {
		k := r.IntN(len(all) - 1)
		all[k], all[k+1] = all[k+1], all[k]
	}
	return strings.Join(all, " ")
}

// speed measures learning and answering with 100 and with 10,000 pairs.
func speed(ctx context.Context, m mynah, sets []*set) error {
	var texts []row
	for _, s := range sets {
		texts = append(texts, s.faq...)
		texts = append(texts, s.questions...)
	}
	for _, n := range []int{100, 10_000} {
		taught := make([]evidence.Wording, n)
		for i := range taught {
			t := texts[i%len(texts)]
			taught[i] = evidence.Wording{Text: t.Text, Reply: t.Reply}
			if i >= len(texts) {
				taught[i] = evidence.Wording{Text: fmt.Sprintf("%s %d", t.Text, i), Reply: fmt.Sprintf("%s %d", t.Reply, i)}
			}
		}
		began := time.Now()
		p, err := m.matcher.Pairs(ctx, taught, nil)
		if err != nil {
			return err
		}
		learned := time.Since(began)
		var took []time.Duration
		for _, s := range sets {
			for _, q := range s.near[:min(len(s.near), 30)] {
				began := time.Now()
				if _, err := p.Ask(ctx, q.Text, answer.Before{}); err != nil {
					return err
				}
				took = append(took, time.Since(began))
			}
		}
		slices.Sort(took)
		fmt.Printf("%6d pairs: learned in %.2f s, a question %.1f ms (median), %.1f ms (95 %%)\n", n, learned.Seconds(),
			took[len(took)/2].Seconds()*1000, took[len(took)*95/100].Seconds()*1000)
	}
	return nil
}
