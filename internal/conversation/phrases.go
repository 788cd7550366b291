package conversation

import (
	"slices"
	"strings"
	"unicode"

	xlanguage "golang.org/x/text/language"
	"golang.org/x/text/language/display"
	"golang.org/x/text/unicode/norm"

	"github.com/mynahbot/mynah/internal/language"
)

// Voice commands, as they are named in the files of phrases and in [Rights].
const (
	CommandLeave    = "leave"
	CommandStop     = "stop"
	CommandSkip     = "skip"
	CommandRepeat   = "repeat"
	CommandContinue = "continue"
	CommandLouder   = "louder"
	CommandQuieter  = "quieter"
	CommandLanguage = "language"
	CommandHelp     = "help"
	CommandCorrect  = "correct"
	CommandRemember = "remember"
	CommandTrain    = "train"
	CommandTraining = "training"
)

// phrases is one language's file.
type phrases struct {
	Names        []string            `yaml:"names"`
	Written      []string            `yaml:"written"`
	NameLike     []string            `yaml:"name_like"`
	Openers      []string            `yaml:"openers"`
	Fillers      []string            `yaml:"fillers"`
	Politeness   []string            `yaml:"politeness"`
	Conjunctions []string            `yaml:"conjunctions"`
	Unfinished   []string            `yaml:"unfinished"`
	Closing      []string            `yaml:"closing"`
	Asking       []string            `yaml:"asking"`
	Subordinate  []string            `yaml:"subordinate"`
	Hesitations  []string            `yaml:"hesitations"`
	Numbers      []string            `yaml:"numbers"`
	Backchannels []string            `yaml:"backchannels"`
	Commands     map[string][]string `yaml:"commands"`
	Languages    map[string]string   `yaml:"languages"` // tags by the name as it is written
	Replies      map[string]string   `yaml:"replies"`
	Common       []string            `yaml:"common"`
	Spoken       spokenSigns         `yaml:"spoken"`

	script   string            // that most of the letters are of: a key of [unicode.Scripts]
	tags     map[string]string // of languages, by the words of their name
	patterns []pattern
	spoken   []spokenPhrase
	shortest []string
}

// pattern is a command's phrase in words; a word in braces is a slot.
type pattern struct {
	command string
	words   []string
}

// loadPhrases reads what people say to Mynah and what it says back, by language.
func loadPhrases(languages *language.Set) (map[string]*phrases, error) {
	all := map[string]*phrases{}
	for _, tag := range languages.Tags() {
		p := &phrases{}
		if err := languages.Decode(tag, "phrases.yaml", p); err != nil {
			return nil, err
		}
		p.prepare(tag, languages)
		all[tag] = p
	}
	return all, nil
}

// prepare makes of the phrases, as they were read, what turns are compared with.
func (p *phrases) prepare(tag string, languages *language.Set) {
	for command, list := range p.Commands {
		for _, phrase := range list {
			p.patterns = append(p.patterns, pattern{command, patternWords(phrase)})
		}
	}
	// The longest pattern that fits says most; among those of one length the order must not depend on a map.
	slices.SortFunc(p.patterns, func(a, b pattern) int {
		if d := b.fixed() - a.fixed(); d != 0 {
			return d
		}
		return slices.Compare(a.words, b.words)
	})
	p.tags = map[string]string{}
	names := display.Languages(xlanguage.Make(tag)) // nil where it is not known how the language calls others
	for _, other := range languages.Tags() {
		if names != nil {
			p.tags[strings.Join(words(names.Name(xlanguage.Make(other))), " ")] = other
		}
	}
	for name, tag := range p.Languages {
		p.tags[strings.Join(words(name), " ")] = tag
	}
	p.script = scriptOf(strings.Join(slices.Concat(p.Asking, p.Common), " "))
	p.spoken, p.shortest = p.speakables(), p.shortestPhrases()
	for _, list := range [][]string{
		p.Names, p.NameLike, p.Openers, p.Fillers, p.Politeness, p.Conjunctions, p.Unfinished, p.Closing, p.Asking, p.Subordinate,
		p.Hesitations, p.Numbers, p.Backchannels, p.Common,
	} {
		for i, phrase := range list {
			list[i] = strings.Join(words(phrase), " ")
		}
	}
}

func patternWords(phrase string) []string {
	var all []string
	for _, w := range strings.Fields(phrase) {
		if strings.HasPrefix(w, "{") {
			all = append(all, w)
			continue
		}
		all = append(all, words(w)...)
	}
	return all
}

// fixed is the number of words that are not slots.
func (p pattern) fixed() int {
	n := 0
	for _, w := range p.words {
		if w[0] != '{' {
			n++
		}
	}
	return n
}

// token is a word of a transcript with its place in it.
type token struct {
	word       string // in small letters, without marks
	start, end int    // bytes
}

// tokens cuts a text into words.
func tokens(text string) []token {
	var all []token
	start := -1
	inWord := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r) || r == '\'' || r == '’'
	}
	flush := func(end int) {
		if start < 0 {
			return
		}
		w := strings.ToLower(strings.Trim(strings.ReplaceAll(text[start:end], "’", "'"), "'"))
		if w = fold(w); w != "" {
			all = append(all, token{w, start, end})
		}
		start = -1
	}
	for i, r := range text {
		switch {
		case inWord(r):
			if start < 0 {
				start = i
			}
		default:
			flush(i)
		}
	}
	flush(len(text))
	return all
}

// fold takes accents off, but for those that make another letter (й, ё becomes е).
func fold(w string) string {
	ascii := true
	for i := range len(w) {
		if w[i] >= 0x80 {
			ascii = false
			break
		}
	}
	if ascii {
		return w
	}
	var b strings.Builder
	for _, r := range norm.NFD.String(w) {
		if unicode.Is(unicode.Mn, r) && r != '\u0306' { // the breve of й
			continue
		}
		b.WriteRune(r)
	}
	return norm.NFC.String(b.String())
}

// words are the words of a text in small letters.
func words(text string) []string {
	return wordsOf(tokens(text))
}

func wordsOf(ts []token) []string {
	var all []string
	for _, t := range ts {
		all = append(all, t.word)
	}
	return all
}

// startsWith returns how many words of ws the longest of the phrases takes from its start; 0 for none.
func startsWith(ws []string, phrases []string) int {
	best := 0
	for _, p := range phrases {
		n := strings.Count(p, " ") + 1
		if n > best && n <= len(ws) && strings.Join(ws[:n], " ") == p {
			best = n
		}
	}
	return best
}

// endsWith is startsWith from the end.
func endsWith(ws []string, phrases []string) int {
	best := 0
	for _, p := range phrases {
		n := strings.Count(p, " ") + 1
		if n > best && n <= len(ws) && strings.Join(ws[len(ws)-n:], " ") == p {
			best = n
		}
	}
	return best
}

// backchannel reports whether a turn says no more than that somebody listens.
func (p *phrases) backchannel(text string) bool {
	ws := words(text)
	for len(ws) > 0 {
		n := startsWith(ws, p.Backchannels)
		if n == 0 {
			n = startsWith(ws, p.Hesitations)
		}
		if n == 0 {
			return false
		}
		ws = ws[n:]
	}
	return true
}

// addsNothing reports whether what was heard of a turn now holds no word more than what was heard before, but for such as a listener
// says. A hesitation is more: somebody goes on.
func (p *phrases) addsNothing(before, now string) bool {
	old, ws := words(before), words(now)
	n := min(len(old), len(ws))
	if !slices.Equal(old[:n], ws[:n]) {
		return false
	}
	rest := ws[n:]
	return len(rest) == 0 || endsWith(rest, p.Hesitations) == 0 && p.backchannel(strings.Join(rest, " "))
}

// ending is how a turn sounds that may be over.
type ending int

const (
	endFinished   ending = iota // a question, a command or an answer that is complete
	endStatement                // a sentence that is complete but asks for nothing: what it is told for may follow
	endOpen                     // no mark ends it, or its main clause is missing: may go on
	endUnfinished               // something is still to come
)

// ending judges the end of what was said so far: after a conjunction, an article, a hesitation or a number that is read out,
// something is still to come; without a mark that ends a sentence, or behind a clause that begins with "if", that may be so.
// People who talk to Mynah ask and command; a statement is often what comes before that.
func (p *phrases) ending(text string) ending {
	trimmed := strings.TrimRight(text, " \t\n\"'”»)")
	ws := words(trimmed)
	if len(ws) == 0 || endsWith(ws, p.Hesitations) > 0 {
		return endUnfinished
	}
	mark := lastRune(trimmed)
	if strings.HasSuffix(trimmed, "...") {
		mark = "…"
	}
	if mark == "?" && endsWith(ws, p.Conjunctions) == 0 {
		return endFinished
	}
	last := ws[len(ws)-1]
	switch {
	case strings.Contains(":-–—…", mark),
		slices.Contains(p.Numbers, last), strings.IndexFunc(last, func(r rune) bool { return !unicode.IsDigit(r) }) < 0,
		endsWith(ws, p.Conjunctions) > 0, endsWith(ws, p.Unfinished) > 0 && !(mark == "." && endsWith(ws, p.Closing) > 0):
		return endUnfinished
	case !strings.Contains(".!", mark) && strings.ContainsFunc(text, unicode.IsUpper), // some recognizers write no marks at all
		endsWith(ws, p.Unfinished) > 0 && len(ws) > 1,
		startsWith(ws, p.Subordinate) > 0 && !strings.ContainsAny(trimmed, ",;"):
		return endOpen
	case !p.asks(ws):
		return endStatement
	}
	return endFinished
}

// asks reports whether the words of a sentence want something, or are no sentence at all but a short answer, such as "yes,
// please": behind them comes nothing.
func (p *phrases) asks(ws []string) bool {
	for len(ws) > 0 {
		if startsWith(ws, p.Asking) > 0 {
			return true
		}
		n := max(startsWith(ws, p.Openers), startsWith(ws, p.Politeness), startsWith(ws, p.Hesitations), startsWith(ws, p.Backchannels))
		if n == 0 {
			return false
		}
		ws = ws[n:]
	}
	return true
}

// leadsUp reports whether words end with one that can't end a sentence, such as an article.
func (p *phrases) leadsUp(ws []string) bool {
	return endsWith(ws, p.Conjunctions) > 0 || endsWith(ws, p.Unfinished) > 0 && endsWith(ws, p.Closing) == 0
}

// withoutFillers leaves out what people begin a question with while they think, such as "so, um": what was asked is the same
// without.
func (p *phrases) withoutFillers(text string) string {
	ts := tokens(text)
	ws := wordsOf(ts)
	from := 0
	for from < len(ws) {
		n := max(startsWith(ws[from:], p.Fillers), startsWith(ws[from:], p.Hesitations))
		if n == 0 {
			break
		}
		from += n
	}
	if from == 0 || from == len(ws) {
		return text
	}
	return text[ts[from].start:]
}

// spokenCommand is a command that was recognized, with what its slots hold.
type spokenCommand struct {
	name  string
	slots map[string]string // by the slot's name, as it was written in the transcript
}

// command finds the command that a whole text is, apart from politeness around it.
func (p *phrases) command(text string) (spokenCommand, bool) {
	ts := tokens(text)
	ws := wordsOf(ts)
	if c, ok := p.matchCommand(text, ts, ws); ok {
		return c, true
	}
	// "Could you please … now" is no part of a command; but a command may begin or end in such words itself.
	n := max(startsWith(ws, p.Politeness), startsWith(ws, p.Openers))
	m := endsWith(ws, p.Politeness)
	for _, trim := range [][2]int{{n, 0}, {0, m}} {
		from, to := trim[0], len(ts)-trim[1]
		if trim[0]+trim[1] == 0 || from >= to {
			continue
		}
		if c, ok := p.command(text[ts[from].start:ts[to-1].end]); ok {
			return c, true
		}
	}
	return spokenCommand{}, false
}

func (p *phrases) matchCommand(text string, ts []token, ws []string) (spokenCommand, bool) {
	for _, pat := range p.patterns {
		slots, ok := pat.match(text, ts, ws)
		if name, asked := slots["language"]; asked && p.language(name) == "" {
			continue // "talk to me about the tournament" names none
		}
		if ok {
			return spokenCommand{pat.command, slots}, true
		}
	}
	return spokenCommand{}, false
}

// language is the tag of the language that is called so, "" where none is.
func (p *phrases) language(name string) string { return p.tags[strings.Join(words(name), " ")] }

// match fits a pattern to words. A slot takes as few words as possible, at least one.
func (p pattern) match(text string, ts []token, ws []string) (map[string]string, bool) {
	if len(ws) < len(p.words) {
		return nil, false
	}
	slots := map[string]string{}
	var fit func(pi, wi int) bool
	fit = func(pi, wi int) bool {
		if pi == len(p.words) {
			return wi == len(ws)
		}
		w := p.words[pi]
		if w[0] != '{' {
			return wi < len(ws) && ws[wi] == w && fit(pi+1, wi+1)
		}
		for end := wi + 1; end <= len(ws)-(len(p.words)-pi-1); end++ {
			if fit(pi+1, end) {
				slots[w[1:len(w)-1]] = strings.TrimRight(text[ts[wi].start:ts[end-1].end], " .,")
				return true
			}
		}
		return false
	}
	if !fit(0, 0) {
		return nil, false
	}
	return slots, true
}

// fill puts values into the {places} of a reply.
func fill(reply string, slots map[string]string) string {
	for name, value := range slots {
		reply = strings.ReplaceAll(reply, "{"+name+"}", value)
	}
	return reply
}
