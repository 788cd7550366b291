package conversation

import (
	"slices"
	"unicode"
)

// latin is the script in which names and terms stand in texts of any other.
const latin = "Latin"

// letters counts the letters of a text by their script, a key of [unicode.Scripts].
func letters(text string, scripts []string) map[string]int {
	count := map[string]int{}
	for _, r := range text {
		if !unicode.IsLetter(r) {
			continue
		}
		for _, name := range scripts {
			if unicode.Is(unicode.Scripts[name], r) {
				count[name]++
				break
			}
		}
	}
	return count
}

// scriptOf is the script of most letters of a text, "" for a text without letters.
func scriptOf(text string) string {
	all := make([]string, 0, len(unicode.Scripts))
	for name := range unicode.Scripts {
		all = append(all, name)
	}
	slices.Sort(all)
	best := ""
	count := letters(text, all)
	for _, name := range all {
		if count[name] > count[best] {
			best = name
		}
	}
	return best
}

// written is the language of a text as far as its script tells, for what is asked in one language may be answered in another;
// else it is the one that is expected. Latin words make a text of another script no Latin one, unless it has no letter of its own.
func (s *Session) written(text, expected string) string {
	p := s.phrases[expected]
	if p == nil {
		return expected // of a language that Mynah itself doesn't speak nothing is known
	}
	var scripts []string
	for _, other := range s.phrases {
		if !slices.Contains(scripts, other.script) {
			scripts = append(scripts, other.script)
		}
	}
	count := letters(text, scripts)
	best, most := expected, count[p.script]
	for _, tag := range s.cfg.Languages.Tags() {
		script := s.phrases[tag].script
		if n := count[script]; n > most && (script != latin || most == 0) {
			best, most = tag, n
		}
	}
	return best
}
