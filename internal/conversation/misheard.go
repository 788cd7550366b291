package conversation

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/spoken"
)

// A recognizer that has learned from books writes "Danish." where somebody said "Finish.", and "Minna, when …" for "Mynah,
// when …": it knows neither the commands nor the name. Here it is asked how well these would have fitted.

const (
	// longestMisheard is how many words a turn may have to be taken for a command that was misheard.
	longestMisheard = 9
	// misspelled is the share of letters that may differ between what was heard and what it is compared with.
	misspelled = 0.6
	// mostPhrases bounds how many commands one turn is compared with, the nearest ones: of 149 that were right 143 were among the
	// first two. A turn of at most so many words as shortest is compared with the shortest phrase of each command as well, however
	// it is spelled: "Skip." was heard as "It's good."
	mostPhrases, shortest = 3, 3
	// commandMargin and nameMargin are how much less likely, as natural logarithms, a command and the name may be than what was
	// heard, to be believed all the same. Commands that were misheard are mostly at 1 to 6; at 6 a few short sentences were taken for one. Behind other names in front the nearest
	// was 3.7 below, but for Nina with 0.8. make bench-talk prints what is taken for a command and is none.
	commandMargin, nameMargin = 4, 3
)

// hypothesis is what a turn may have been although something else was heard.
type hypothesis struct {
	text    string // as the recognizer would have written it
	meaning string // as it is understood
	margin  float64
}

// listening is what is known of a turn before its words are: whom and what people may speak of.
type listening struct {
	phrases *phrases
	address address
	words   *vocabulary
	alone   bool // with Mynah: nobody needs to name it
}

// reconsider compares what was heard with what people often say to Mynah.
func (l listening) reconsider(ctx context.Context, heard spoken.Transcript) (spoken.Transcript, error) {
	if heard.Scorer == nil {
		return heard, nil
	}
	all := l.hypotheses(heard.Text)
	if len(all) == 0 {
		return heard, nil
	}
	texts := []string{heard.Text}
	for _, h := range all {
		texts = append(texts, h.text)
	}
	scores, err := heard.Scorer.Score(ctx, texts...)
	if err != nil {
		return heard, err
	}
	best, least := -1, 0.0
	for i, h := range all {
		if short := scores[0] - scores[i+1] - h.margin; short <= 0 && (best < 0 || short < least) {
			best, least = i, short
		}
	}
	if best >= 0 {
		heard.Text = all[best].meaning
		if all[best].margin == commandMargin {
			heard.Confidence = 1 // in the choice among the commands, not in the words that were heard
		}
	}
	return heard, nil
}

// hypotheses are the commands, with and without the name in front, that are nearest to what was heard; and what was
// heard with the name in the place of what is spelled nearly so.
func (l listening) hypotheses(text string) []hypothesis {
	ts := tokens(text)
	if len(ts) == 0 {
		return nil
	}
	rest, named := l.address.find(text, l.phrases)
	if _, ok := l.phrases.command(rest); ok && (named || l.alone) {
		return nil
	}
	mark := strings.TrimSpace(text[ts[len(ts)-1].end:])
	var all []hypothesis
	if len(ts) <= longestMisheard {
		all = l.commands(text, rest, named, cmp.Or(mark, "."))
	}
	if !named && !l.alone {
		all = append(all, l.named(text, ts)...)
	}
	return all
}

// commands are hypotheses that the text is a command, with this mark at its end.
func (l listening) commands(text, rest string, named bool, mark string) []hypothesis {
	type near struct {
		phrase     string
		name       bool
		difference float64 // from what was heard
	}
	var found []near
	heard := strings.Join(words(rest), "")
	mayName := !named && l.mayName(text)
	for _, c := range l.phrases.spoken {
		if d := difference(heard, c.letters); d <= misspelled {
			found = append(found, near{c.text, false, d})
		}
		if !mayName {
			continue
		}
		n := near{c.text, true, 1}
		for _, name := range l.address.names {
			n.difference = min(n.difference, difference(heard, strings.ReplaceAll(name, " ", "")+c.letters))
		}
		if n.difference <= misspelled {
			found = append(found, n)
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return cmp.Compare(a.difference, b.difference) })
	found = found[:min(len(found), mostPhrases)]
	if len(words(rest)) <= shortest {
		for _, phrase := range l.phrases.shortest {
			if !slices.ContainsFunc(found, func(f near) bool { return f.phrase == phrase && f.name == mayName }) {
				found = append(found, near{phrase: phrase, name: mayName})
			}
		}
	}
	head, front := strings.CutSuffix(text, rest)
	var all []hypothesis
	for _, f := range found {
		switch {
		case f.name:
			all = append(all, hypothesis{l.written()[0] + ", " + f.phrase + mark, l.address.name + ", " + f.phrase + mark, commandMargin})
		case named && front:
			all = append(all, hypothesis{head + f.phrase + mark, head + f.phrase + mark, commandMargin})
		default:
			all = append(all, hypothesis{capital(f.phrase) + mark, capital(f.phrase) + mark, commandMargin})
		}
	}
	return all
}

// named are hypotheses that the text begins with the name.
func (l listening) named(text string, ts []token) []hypothesis {
	var all []hypothesis
	ws := words(text)
	start := startsWith(ws, l.phrases.Openers)
	if start < len(ts) && l.nameOfSomebody(text[ts[start].start:]) {
		return nil
	}
	for n := 1; n <= 2 && start+n < len(ts); n++ {
		if !l.nearName(strings.Join(ws[start:start+n], "")) {
			continue
		}
		head, rest := text[:ts[start].start], text[ts[start+n].start:]
		if strings.ContainsAny(text[ts[start+n-1].end:ts[start+n].start], ".!?") {
			rest = small(rest)
		}
		for _, name := range l.written() {
			all = append(all, hypothesis{head + name + ", " + rest, head + l.address.name + ", " + rest, nameMargin})
		}
	}
	return all
}

// written is how the recognizer writes the name, the likeliest first.
func (l listening) written() []string {
	if l.address.written != nil {
		return l.address.written
	}
	return l.phrases.Written
}

// mayName reports whether a text may begin with the name, and nobody else's.
func (l listening) mayName(text string) bool {
	ws := words(text)
	return !l.nameOfSomebody(text) && (l.nearName(ws[0]) || len(ws) > 1 && l.nearName(ws[0]+ws[1]))
}

// nearName reports whether a word is spelled nearly as the name is heard.
func (l listening) nearName(word string) bool {
	return slices.ContainsFunc(l.address.names, func(name string) bool {
		return difference(word, strings.ReplaceAll(name, " ", "")) <= misspelled
	})
}

// nameOfSomebody reports whether a text begins with a word of the vocabulary, such as the name of somebody in the channel.
func (l listening) nameOfSomebody(text string) bool {
	ws := words(text)
	for n := min(longestSpan, len(ws)); n > 0; n-- {
		plain := strings.Join(ws[:n], "")
		if slices.ContainsFunc(l.words.terms, func(t term) bool { return t.plain == plain }) {
			return true
		}
	}
	return false
}

// difference is the share of letters in which two words differ.
func difference(a, b string) float64 {
	return float64(distance(a, b)) / float64(max(1, utf8.RuneCountInString(a), utf8.RuneCountInString(b)))
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

func small(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if next, _ := utf8.DecodeRuneInString(s[n:]); !unicode.IsLetter(next) {
		return s // I
	}
	return string(unicode.ToLower(r)) + s[n:]
}

// spokenPhrase is a command as somebody says it, without slots.
type spokenPhrase struct{ text, letters string }

// shortestPhrases are the commands of one word that stand first among the phrases of theirs.
func (p *phrases) shortestPhrases() []string {
	var all []string
	for _, list := range p.Commands {
		if !strings.ContainsAny(list[0], " {") {
			all = append(all, list[0])
		}
	}
	slices.Sort(all)
	return all
}

// speakables are the commands' phrases, with each language in the place of the slot that takes nothing else.
func (p *phrases) speakables() []spokenPhrase {
	var all []spokenPhrase
	for _, pat := range p.patterns {
		text := strings.Join(pat.words, " ")
		texts := []string{text}
		if strings.Contains(text, "{language}") {
			texts = nil
			for name := range p.Languages {
				texts = append(texts, strings.ReplaceAll(text, "{language}", capital(name)))
			}
			slices.Sort(texts)
		}
		for _, t := range texts {
			if !strings.Contains(t, "{") {
				t = strings.TrimPrefix(strings.ReplaceAll(" "+t, " i ", " I "), " ")
				all = append(all, spokenPhrase{t, strings.Join(words(t), "")})
			}
		}
	}
	return all
}
