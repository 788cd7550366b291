package conversation

import (
	"slices"
	"strings"
)

// DefaultName is what Mynah is called where nothing else is configured. Its mis-hearings stand in the files of phrases.
const DefaultName = "Mynah"

// address finds Mynah's name in what was said.
type address struct {
	name    string   // as it is written
	written []string // how recognizers write it; nil for the default one, of which the phrases tell
	names   []string // in small letters; several words are possible
	loose   string   // the phonetic key of a configured name, "" for the default one
	known   bool     // it is the default one, whose mis-hearings are known
}

// newAddress makes it from a configured name, "" for the default one, and further ones that are only known as they stand.
func newAddress(name string, further []string, all map[string]*phrases) address {
	a := address{name: DefaultName}
	if name == "" || strings.EqualFold(name, DefaultName) {
		a.known = true
		for _, p := range all {
			a.names = append(a.names, p.Names...)
		}
	} else {
		a = address{name: name, written: []string{name}, names: []string{strings.Join(words(name), " ")}, loose: phoneticKey(name)}
	}
	for _, f := range further {
		if w := words(f); len(w) > 0 {
			a.names = append(a.names, strings.Join(w, " "))
		}
	}
	return a
}

// find reports whether a text names Mynah as the one it is for, and returns what is left without the name: the name
// counts at the start, behind openers such as "hey" or "okay", and at the end, but not behind a word that leads up to it, as in
// "the story of the mynah". A word that is only like the name counts at the start, before a question or a command.
func (a address) find(text string, p *phrases) (rest string, named bool) {
	ts := tokens(text)
	ws := wordsOf(ts)
	start := 0
	for start < len(ws) {
		like := 0
		if a.known {
			like = startsWith(ws[start:], p.NameLike)
		}
		if n := max(a.at(ws[start:]), like); n > 0 {
			rest := ""
			if start+n < len(ts) {
				rest = text[ts[start+n].start:]
			}
			if n > like || p.asksOrTells(rest) {
				return rest, true
			}
		}
		n := startsWith(ws[start:], p.Openers)
		if n == 0 {
			break
		}
		start += n
	}
	for n := min(3, len(ws)); n > 0; n-- {
		at := len(ws) - n
		if a.at(ws[at:]) == n {
			if before := text[:ts[at].start]; at > 0 && p.leadsUp(ws[:at]) && !strings.HasSuffix(strings.TrimSpace(before), ",") {
				break
			}
			rest := strings.TrimRight(text[:ts[at].start], " ,:;-–—")
			if tail := strings.TrimSpace(text[ts[len(ts)-1].end:]); tail != "" && rest != "" && !strings.ContainsAny(rest[len(rest)-1:], ".?!") {
				rest += tail
			}
			return rest, true
		}
	}
	return text, false
}

// asksOrTells reports whether a text is a question or a command.
func (p *phrases) asksOrTells(text string) bool {
	if ws := words(text); len(ws) == 0 {
		return false
	} else if p.asks(ws) {
		return true
	}
	_, ok := p.command(text)
	return ok
}

// at is how many words of the start of ws are the name; 0 for none.
func (a address) at(ws []string) int {
	if n := startsWith(ws, a.names); n > 0 {
		return n
	}
	if a.loose == "" || len(ws) == 0 {
		return 0
	}
	if slices.ContainsFunc(a.names, func(name string) bool {
		return phoneticKey(ws[0]) == a.loose && distance(ws[0], name) <= max(1, len([]rune(name))/3)
	}) {
		return 1
	}
	return 0
}
