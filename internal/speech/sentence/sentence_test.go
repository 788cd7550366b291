package sentence

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/spoken"
)

func texts(pieces []spoken.Part) []string {
	var all []string
	for _, p := range pieces {
		all = append(all, p.Text)
	}
	return all
}

func TestSplit(t *testing.T) {
	for name, test := range map[string]struct {
		in   string
		want []string
	}{
		"nothing":       {"", nil},
		"nothing said":  {"... !?\n-- 🙂", nil},
		"short":         {"Hi.", []string{"Hi."}},
		"two sentences": {"Hello there. How are you?", []string{"Hello there.", "How are you?"}},
		"lines":         {"One\nTwo", []string{"One", "Two"}},
		"first piece is short": {"The committee could not agree, so it will meet again. That is all.",
			[]string{"The committee could not agree,", "so it will meet again.", "That is all."}},
		"conjunction":     {"I have stored your correction and will use it.", []string{"I have stored your correction", "and will use it."}},
		"preposition":     {"The bridge will be closed during the long summer.", []string{"The bridge will be closed", "during the long summer."}},
		"a little longer": {"I do not know the answer to this.", []string{"I do not know the answer to this."}},
		"title":           {"Ask Dr. Brown. She knows.", []string{"Ask Dr. Brown.", "She knows."}},
		"initial":         {"By J. R. Smith. Yes.", []string{"By J. R. Smith.", "Yes."}},
		"number":          {"It is 3.5 now. Yes.", []string{"It is 3.5 now.", "Yes."}},
		"address":         {"See example.org now. Yes.", []string{"See example.org now.", "Yes."}},
		"abbreviation":    {"Tea, milk etc. are there.", []string{"Tea, milk etc. are there."}},
		"etc. at end":     {"Tea, milk etc. Bread too.", []string{"Tea, milk etc.", "Bread too."}},
		"quotation":       {"\"Come in.\" He came.", []string{"\"Come in.\"", "He came."}},
		"ellipsis":        {"Well... No.", []string{"Well...", "No."}},
		"Russian":         {"Привет, это Майна. Как дела?", []string{"Привет, это Майна.", "Как дела?"}},
		"Russian г.":      {"Это было в 1999 г. летом. Да.", []string{"Это было в 1999 г. летом.", "Да."}},
		"Chinese":         {"你好。再见。", []string{"你好。", "再见。"}},
		"long word":       {strings.Repeat("a", 100), []string{strings.Repeat("a", 30), strings.Repeat("a", 70)}},
		"a long first word": {strings.Repeat("a", 40) + " and the rest of it",
			[]string{strings.Repeat("a", 40), "and the rest of it"}},
	} {
		if got := texts(Split(test.in)); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestPauses(t *testing.T) {
	p := Split("When it rains in the mountains, the river rises.\nGood.")
	if len(p) != 3 || p[0].Pause != clausePause || p[1].Pause != paragraphPause || p[2].Pause != 0 {
		t.Errorf("%+v", p)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"**bold** and `code`":                     "bold and code",
		"__under__ and _slanted_":                 "under and slanted",
		"snake_case stays":                        "snake_case stays",
		"# Title\n> quoted\n- item":               "Title\nquoted\nitem",
		"well-known":                              "well-known",
		"hi <@123> see <#4> <:cat:56>":            "hi   see",
		"[the page](https://x.org/a?b)":           "the page",
		"go to https://www.example.org/x?y=z now": "go to example.org now",
		"nice 👍🏽 work ❤️":                         "nice  work",
		"a\x00b\x1b[1m":                           "a b [1m",
		"bad \xff byte":                           "bad   byte",
		"```go\nx := 1\n```":                      "x := 1",
		"5 < 6 > 4":                               "5 < 6 > 4",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("Hello there, Dr. Brown. It is 3.5 etc. And so on — yes!")
	f.Add("Привет. Как дела? Это было в 1999 г. летом, " + strings.Repeat("слово ", 100))
	f.Add("\x01- " + strings.Repeat("word ", 100)) // a dash that no list begins with
	f.Add("**x** [a](b) <@1> ```\nq```")
	f.Fuzz(func(t *testing.T, in string) {
		in = Clean(in)
		if !utf8.ValidString(in) || strings.ContainsRune(in, 0) {
			t.Fatalf("Clean gives %q", in)
		}
		pieces := Split(in)
		for i, p := range pieces {
			limit := 2 * maxPiece
			if i == 0 {
				limit = 2 * maxFirst
			}
			if n := utf8.RuneCountInString(p.Text); n > limit || !Sayable(p.Text) {
				t.Errorf("piece %d of %d characters: %q", i, n, p.Text)
			}
		}
		// Nothing that is said is lost, and nothing is moved.
		letters := func(s string) string {
			return strings.Map(func(r rune) rune {
				if Sayable(string(r)) {
					return r
				}
				return -1
			}, s)
		}
		if got, want := letters(strings.Join(texts(pieces), "")), letters(in); got != want {
			t.Errorf("%q became %q", want, got)
		}
	})
}

// A long text takes time in proportion to its length, whatever it consists of.
func BenchmarkSplit(b *testing.B) {
	for name, text := range map[string]string{"stops": "a. ", "words": "word ", "letters": "a", "commas": "a, "} {
		b.Run(name, func(b *testing.B) {
			in := strings.Repeat(text, 300_000/len(text))
			for b.Loop() {
				Split(in)
			}
		})
	}
}
