package moonshine

import (
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
)

func installedTokenizer(t *testing.T) *tokenizer {
	t.Helper()
	f, err := os.Open(speechtest.Model(t, speech.KindMoonshine, "").File("tokens"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tokens, err := readTokenizer(f)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// TestEncode compares with what llama-tokenizer-js 1.2.2 makes of the same texts.
func TestEncode(t *testing.T) {
	tokens := installedTokenizer(t)
	for text, want := range map[string][]int64{
		"Mynah, stop.": {341, 948, 801, 29892, 5040, 29889},
		"I really like that account of himself, better than anything else he said.": {306, 2289, 763, 393, 3633, 310, 3654, 29892, 2253, 1135, 3099, 1683, 540, 1497, 29889},
		"a":                            {263},
		"Grüße, Ёлка 🎉!":               {1632, 29993, 5831, 29892, 29871, 30555, 16166, 29871, 243, 162, 145, 140, 29991},
		"aaaaaaaaaaaaaaaaaaaa":         {263, 27137, 27137, 27137, 27137, 7340, 29874},
		"What's 90210?\n":              {1724, 29915, 29879, 29871, 29929, 29900, 29906, 29896, 29900, 29973, 13},
		"antidisestablishmentarianism": {3677, 333, 275, 342, 370, 1674, 358, 13956, 1608},
		"Xylo=Zylo \x01":               {1060, 29891, 417, 29922, 29999, 29891, 417, 29871, 4},
	} {
		got, err := tokens.encode(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
		if back := tokens.decode(got); back != strings.TrimSpace(text) {
			t.Errorf("%q comes back as %q", text, back)
		}
	}
	if _, err := tokens.encode(strings.Repeat("a", maxText+1)); err == nil {
		t.Error("took a text without end")
	}
}

func TestReadTokenizerRefuses(t *testing.T) {
	line := func(text string, id int) string {
		return fmt.Sprintf("%s %d\n", base64.StdEncoding.EncodeToString([]byte(text)), id)
	}
	for name, tc := range map[string]struct{ table, want string }{
		"empty":      {"", "0 lines"},
		"too few":    {"0\n1\n" + line("a", 2), "3 lines"},
		"order":      {"0\n2\n", "line 2"},
		"not base64": {"*** 0\n", "line 1"},
		"no number":  {line("a", 0) + "YQ== b\n", "line 2"},
		"endless":    {strings.Repeat(" ", maxTable+1), "over 4194304 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := readTokenizer(strings.NewReader(tc.table)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func FuzzReadTokenizer(f *testing.F) {
	f.Add("0\n1\nYQ== 2\n")
	f.Add("YQ==\n")
	f.Fuzz(func(t *testing.T, table string) {
		if tokens, err := readTokenizer(strings.NewReader(table)); err == nil && len(tokens.texts) != llamaTokens+markers {
			t.Errorf("accepted %d tokens", len(tokens.texts))
		}
	})
}
