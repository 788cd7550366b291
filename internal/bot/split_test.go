package bot

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestSplit(t *testing.T) {
	paragraph := strings.Repeat("word ", 30) + "end."
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"empty":      {"", nil},
		"blank":      {" \n\n ", nil},
		"short":      {"short", []string{"short"}},
		"paragraphs": {paragraph + "\n\n" + paragraph, []string{paragraph, paragraph}},
		"lines":      {paragraph + "\n" + paragraph, []string{paragraph, paragraph}},
		"sentences":  {paragraph + " " + paragraph, []string{paragraph, paragraph}},
		"one word":   {strings.Repeat("x", 450), []string{strings.Repeat("x", 196), strings.Repeat("x", 196), strings.Repeat("x", 58)}},
		"surrogates": {strings.Repeat("😀", 120), []string{strings.Repeat("😀", 98), strings.Repeat("😀", 22)}},
		"code": {
			"```go\n" + strings.Repeat("a := 1\n", 40) + "```\nafter",
			[]string{
				"```go\n" + strings.TrimSpace(strings.Repeat("a := 1\n", 27)) + "\n```",
				"```go\n" + strings.Repeat("a := 1\n", 13) + "```\nafter",
			},
		},
		"indentation": {
			"```\n" + strings.Repeat("    deep\n", 30) + "```",
			[]string{
				"```\n" + strings.TrimRight(strings.Repeat("    deep\n", 21), "\n") + "\n```",
				"```\n" + strings.Repeat("    deep\n", 9) + "```",
			},
		},
	} {
		if got := Split(tc.text, 200); !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %d parts\n%s\nwant\n%s", name, len(got), strings.Join(got, "\n---\n"), strings.Join(tc.want, "\n---\n"))
		}
	}
}

// checkSplit says what holds for every text.
func checkSplit(t rapid.TB, text string) {
	parts := Split(text, 200)
	var all strings.Builder
	for i, p := range parts {
		if units(p) > 200 {
			t.Fatalf("part %d has %d units: %q", i, units(p), p)
		}
		if !utf8.ValidString(p) {
			t.Fatalf("part %d is cut inside a character: %q", i, p)
		}
		if strings.TrimSpace(p) == "" {
			t.Fatalf("part %d is empty", i)
		}
		if strings.Count(p, "```")%2 != 0 && i < len(parts)-1 {
			t.Fatalf("part %d leaves a code block open: %q", i, p)
		}
		all.WriteString(p)
	}
	// Nothing is lost but white space and, at cuts, fences.
	letters := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r == '`' || strings.ContainsRune(" \t\r\n", r) {
				return -1
			}
			return r
		}, strings.ToValidUTF8(s, "\uFFFD"))
	}
	if got, want := letters(all.String()), letters(text); !strings.Contains(text, "```") && got != want {
		t.Fatalf("%q became %q", want, got)
	}
}

func TestSplitKeepsItsPromises(t *testing.T) {
	pieces := []string{"word ", "two words. ", "\n", "\n\n", "```", "```go\n", "😀", "`", "    ", "слово ", strings.Repeat("long", 60), "\xff", "”!\n"}
	rapid.Check(t, func(t *rapid.T) {
		checkSplit(t, strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 60).Draw(t, "pieces"), ""))
	})
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"", "a\n\nb", strings.Repeat("```go\nx\n", 40), strings.Repeat("😀`", 200), strings.Repeat("``", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { checkSplit(t, text) })
}
