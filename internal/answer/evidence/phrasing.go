package evidence

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/mynahbot/mynah/internal/learn"
)

// phrasing is what a text asks, in a form in which close paraphrases are equal: "At what time does the tournament start?" and
// "when at all will the tournament start" ask when, about the tournament and starting. Words that only make a question of
// it are gone; every other word counts, so that another question is never taken for the same.
type phrasing struct {
	asks  string    // which question words, in order
	words []content // the other words; sorted where the language's order is free
}

// content is a word that tells what is asked about: the preposition before it, its stem, and the word as
// it was written.
type content struct{ before, stem, word string }

// asking are idioms that ask for the same, by the word that stands for them. What isn't alike in every answer is kept
// apart: what lasts until a time doesn't begin then, and a day is no hour.
var asking = map[string][]string{
	"when":  {"when", "whens", "at what time", "at which time", "what time", "at what hour", "at which hour", "what hour", "когда", "во сколько", "в какое время", "в котором часу", "в какой час"},
	"until": {"until when", "till when", "until what time", "till what time", "до скольки", "до какого времени", "до которого часа", "до какого часа"},
	"since": {"since when", "from when", "from what time", "со скольки", "с какого времени", "с какого часа", "с которого часа"},
	"day":   {"which day", "what day", "on which day", "on what day", "what date", "which date", "on what date", "on which date", "в какой день", "какого числа"},
	"where": {"where", "wheres", "at what place", "in what place", "at which place", "in which place", "где", "в каком месте"},
	"to":    {"where to", "to what place", "куда"},
	"from":  {"where from", "from where", "откуда"},
	"who":   {"who", "whos", "кто"},
	"why":   {"why", "whys", "how come", "for what reason", "почему", "отчего", "по какой причине"},
	"much":  {"how much", "сколько"},
	"many":  {"how many"},
	"long":  {"how long", "for how long", "how much time", "как долго", "сколько времени"},
	"often": {"how often", "как часто"},
	"how":   {"how", "hows", "in what way", "in which way", "как", "каким образом"},
	"what":  {"what", "whats", "что"},
	"which": {"which", "какой", "какая", "какое", "какие"},
}

// idle are words and idioms that change nothing about what is asked.
var idle = []string{
	"a", "an", "the", "please", "do", "does", "did", "is", "are", "was", "were", "will", "at all", "actually", "exactly", "just", "today", "now",
	"hey", "hi", "hello", "so", "well", "ok", "okay", "tell me", "can you tell me", "could you tell me", "do you know", "does anyone know",
	"does anybody know", "i want to know", "i would like to know", "id like to know", "i wonder",
	"пожалуйста", "же", "ли", "ну", "вот", "а", "вообще", "точно", "именно", "сегодня", "сейчас", "будет", "будут", "привет", "здравствуйте",
	"скажи", "скажите", "подскажи", "подскажите", "не подскажешь", "не подскажете", "не знаешь", "не знаете", "ты знаешь", "вы знаете",
	"кто нибудь знает", "можешь сказать", "можете сказать", "хочу знать", "хотел бы знать", "хотела бы знать", "хотелось бы узнать", "интересно",
}

// denials are said in one word, whatever the verb.
var denials = map[string]bool{
	"not": true, "no": true, "never": true, "cannot": true, "cant": true, "dont": true, "doesnt": true, "didnt": true, "isnt": true, "arent": true,
	"wasnt": true, "werent": true, "wont": true, "не": true, "нет": true, "нельзя": true, "никогда": true,
}

// prepositions belong to the word behind them: from here to there is another way than from there to here.
var prepositions = map[string]bool{
	"from": true, "to": true, "in": true, "into": true, "on": true, "at": true, "for": true, "of": true, "by": true, "with": true, "without": true,
	"before": true, "after": true, "until": true, "till": true, "since": true, "under": true, "over": true, "about": true,
	"из": true, "от": true, "до": true, "в": true, "во": true, "на": true, "к": true, "ко": true, "с": true, "со": true, "у": true, "о": true, "об": true,
	"по": true, "за": true, "для": true, "без": true, "под": true, "над": true, "при": true, "через": true, "про": true, "перед": true, "после": true,
}

// idioms are asking and idle by their first word, the longest first.
var idioms = idiomTable()

type idiom struct {
	words []string
	asks  string // "" for idle ones
}

func idiomTable() map[string][]idiom {
	table := map[string][]idiom{}
	add := func(text, asks string) {
		words := strings.Fields(text)
		table[words[0]] = append(table[words[0]], idiom{words, asks})
	}
	for asks, texts := range asking {
		for _, t := range texts {
			add(t, asks)
		}
	}
	for _, t := range idle {
		add(t, "")
	}
	for _, list := range table {
		slices.SortFunc(list, func(a, b idiom) int { return len(b.words) - len(a.words) })
	}
	return table
}

// phrasingOf takes a text apart.
func phrasingOf(text string) phrasing {
	words := strings.Fields(learn.Normalize(text))
	var w phrasing
	var asks []string
	before := "" // preposition
	free := false
	for len(words) > 0 {
		if p, ok := idiomAt(words); ok {
			if p.asks != "" {
				asks = append(asks, p.asks)
			}
			words = words[len(p.words):]
			continue
		}
		word := words[0]
		words = words[1:]
		switch {
		case prepositions[word] && len(words) > 0:
			before += word + " "
			continue
		case denials[word]:
			w.words = append(w.words, content{before, "not", word})
		default:
			free = free || strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) })
			w.words = append(w.words, content{before, stem(word), word})
		}
		before = ""
	}
	if before = strings.TrimSpace(before); before != "" {
		w.words = append(w.words, content{"", before, before})
	}
	if free {
		slices.SortFunc(w.words, func(a, b content) int {
			return cmp.Or(strings.Compare(a.stem, b.stem), strings.Compare(a.before, b.before))
		})
	}
	w.asks = strings.Join(asks, " ")
	return w
}

// idiomAt finds the longest idiom that words begin with.
func idiomAt(words []string) (idiom, bool) {
	for _, p := range idioms[words[0]] {
		if len(p.words) <= len(words) && slices.Equal(p.words, words[:len(p.words)]) {
			return p, true
		}
	}
	return idiom{}, false
}

// same reports whether a text asks the same as another that was taught: the same words but for a slip of
// the pen, and in long texts but for some words that one of them has beyond the other. Two words
// that are known are no slip of each other: "trail" is not "trial".
func (asked phrasing) same(taught phrasing, known func(word string) bool) bool {
	if asked.asks != taught.asks {
		return false
	}
	long, short := asked.words, taught.words
	if len(long) < len(short) {
		long, short = short, long
	}
	if len(short) == 0 || len(long)-len(short) > len(long)/wordsPerFiller {
		return false
	}
	at := 0
	for _, l := range long {
		switch {
		case at < len(short) && l.before == short[at].before && l.stem == short[at].stem:
			at++
		case at < len(short) && l.before == short[at].before && slipped(l.word, short[at].word) && !(known(l.word) && known(short[at].word)):
			at++
		case l.stem == "not" || strings.ContainsFunc(l.stem, unicode.IsDigit):
			return false // no filler
		}
	}
	return at == len(short)
}

// wordsPerFiller is how many words a text has for each one that may be left out.
const wordsPerFiller = 6

// minSlip is the shortest word, in letters, in which a slip of the pen is forgiven: shorter ones are too near to others.
const minSlip = 5

// slipped reports whether two words are equal but for one letter too many, or two that changed places. A letter in the place
// of another makes another word more often than a slip.
func slipped(a, b string) bool {
	if a == b {
		return true
	}
	x, y := []rune(a), []rune(b)
	if len(x) < len(y) {
		x, y = y, x
	}
	if len(y) < minSlip || x[0] != y[0] || len(x) > len(y)+1 {
		return false
	}
	i := 0
	for i < len(y) && x[i] == y[i] {
		i++
	}
	if len(x) > len(y) {
		return slices.Equal(x[i+1:], y[i:])
	}
	return i+1 < len(x) && x[i] == y[i+1] && x[i+1] == y[i] && slices.Equal(x[i+2:], y[i+2:])
}
