package main

import (
	"bufio"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strings"

	"github.com/mynahbot/mynah/internal/answer/evidence"
)

// faq is one of the texts.
type faq struct {
	name     string // path without extension, such as "en/survival"
	language string // folder
	entries  []entry
	near     []string // questions that no entry answers
}

type entry struct {
	question, answer string
	others           []string // wordings
}

// readFAQs reads all FAQs below texts/.
func readFAQs(fsys fs.FS) ([]faq, error) {
	names, err := fs.Glob(fsys, "*/*.txt")
	if err != nil {
		return nil, err
	}
	var all []faq
	for _, name := range names {
		base := strings.TrimSuffix(path.Base(name), ".txt")
		if strings.HasPrefix(base, "chat") || strings.HasPrefix(base, "general") || strings.HasPrefix(base, "follow") {
			continue
		}
		f, err := readFAQ(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, f)
	}
	return all, nil
}

func readFAQ(fsys fs.FS, name string) (faq, error) {
	f := faq{name: strings.TrimSuffix(name, ".txt"), language: path.Dir(name)}
	file, err := fsys.Open(name)
	if err != nil {
		return f, err
	}
	defer file.Close()
	sc := bufio.NewScanner(file)
	for n := 1; sc.Scan(); n++ {
		kind, text, _ := strings.Cut(strings.TrimSpace(sc.Text()), " ")
		var last *entry
		if len(f.entries) > 0 {
			last = &f.entries[len(f.entries)-1]
		}
		switch {
		case kind == "" || strings.HasPrefix(kind, "#"):
		case kind == "Q":
			f.entries = append(f.entries, entry{question: text})
		case kind == "-":
			f.near = append(f.near, text)
		case kind == "A" && last != nil:
			last.answer = text
		case kind == "+" && last != nil:
			last.others = append(last.others, text)
		default:
			return f, fmt.Errorf("line %d is none of a FAQ", n)
		}
	}
	return f, sc.Err()
}

// The kinds of texts that an index is asked.
const (
	kindQuestion = iota // that an entry answers
	kindNear            // that none answers
	kindChat
	kindGeneral
)

// ask is a text that an index is asked, with the reply that is right; "" = none is.
type ask struct {
	text, reply string
	kind        int
}

// trial is what is taught and asked.
type trial struct {
	faq    int // whose questions are asked
	taught []evidence.Wording
	asks   []ask
}

// trials are one FAQ as different servers may have it: whole; without some entries, whose wordings are
// then near questions; with several wordings for some; and as a part of a larger one.
func trials(all []faq, at int) []trial {
	r := rand.New(rand.NewPCG(uint64(at), 1))
	f := all[at]
	teach := func(t *trial, entries []entry) {
		for _, e := range entries {
			t.taught = append(t.taught, evidence.Wording{Text: e.question, Reply: e.answer})
		}
	}
	near := func(t *trial) {
		for _, n := range f.near {
			t.asks = append(t.asks, ask{n, "", kindNear})
		}
	}
	ask1 := func(t *trial, e entry, reply string) {
		kind := kindQuestion
		if reply == "" {
			kind = kindNear
		}
		for _, o := range e.others {
			t.asks = append(t.asks, ask{o, reply, kind})
		}
	}
	var out []trial

	whole := trial{faq: at}
	teach(&whole, f.entries)
	for _, e := range f.entries {
		ask1(&whole, e, e.answer)
	}
	near(&whole)
	out = append(out, whole)

	part := trial{faq: at}
	for _, e := range f.entries {
		if r.Float64() < 0.35 {
			ask1(&part, e, "")
			continue
		}
		teach(&part, []entry{e})
		ask1(&part, e, e.answer)
	}
	near(&part)
	out = append(out, part)

	worded := trial{faq: at}
	for _, e := range f.entries {
		teach(&worded, []entry{e})
		others := slices.Clone(e.others)
		if r.Float64() < 0.5 && len(others) > 2 {
			r.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
			for range 1 + r.IntN(2) {
				worded.taught = append(worded.taught, evidence.Wording{Text: others[0], Reply: e.answer})
				others = others[1:]
			}
		}
		for _, o := range others {
			worded.asks = append(worded.asks, ask{o, e.answer, kindQuestion})
		}
	}
	near(&worded)
	out = append(out, worded)

	large := trial{faq: at}
	teach(&large, f.entries)
	joined := 0
	for _, i := range r.Perm(len(all)) {
		o := all[i]
		if i == at || joined == 3 || o.language != f.language && f.language != "mixed" {
			continue
		}
		teach(&large, o.entries)
		joined++
	}
	for _, e := range f.entries {
		ask1(&large, e, e.answer)
	}
	out = append(out, large)
	return out
}
