package moonshine

import (
	"encoding/base64"
	"flag"
	"os"
	"strings"
	"testing"
)

var script = flag.String("llama-tokenizer", os.Getenv("MYNAH_LLAMA_TOKENIZER"), "path of llama-tokenizer.js 1.2.2")

func TestTokens(t *testing.T) {
	if *script == "" {
		t.Skip("needs llama-tokenizer.js of npm's llama-tokenizer-js 1.2.2: set MYNAH_LLAMA_TOKENIZER to its path")
	}
	f, err := os.Open(*script)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, err := Tokens(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(table), "\n"), "\n")
	if len(lines) != llamaTokens+markers {
		t.Fatalf("%d lines", len(lines))
	}
	for id, want := range map[int]string{
		1: "1", 2: "2", 32767: "32767",
		13:  base64.StdEncoding.EncodeToString([]byte("\n")) + " 13",
		258: base64.StdEncoding.EncodeToString([]byte{0xff}) + " 258",
		278: base64.StdEncoding.EncodeToString([]byte(" the")) + " 278",
	} {
		if lines[id] != want {
			t.Errorf("token %d is %q, want %q", id, lines[id], want)
		}
	}
}

func TestTokensRefuses(t *testing.T) {
	vocabulary := func(lines string) string {
		return `const llama_vocab_base64 = "` + base64.StdEncoding.EncodeToString([]byte(lines)) + `"`
	}
	for name, tc := range map[string]struct{ script, want string }{
		"empty":          {"", "no vocabulary"},
		"no end":         {`const llama_vocab_base64 = "AAAA`, "no end"},
		"not base64":     {`const llama_vocab_base64 = "A*"`, "illegal base64"},
		"too few tokens": {vocabulary("a\nb"), "2 tokens, not 32000"},
		"other tokens":   {vocabulary(strings.Repeat("a\n", llamaTokens-1)), "another SHA-256"},
		"endless":        {strings.Repeat(" ", maxScript+1), "over 4194304 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Tokens(strings.NewReader(tc.script)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func FuzzVocabulary(f *testing.F) {
	f.Add([]byte(`const llama_vocab_base64 = "YQpi"`))
	f.Add([]byte(`const llama_vocab_base64 = "" + "`))
	f.Fuzz(func(t *testing.T, script []byte) {
		if pieces, err := vocabulary(script); err == nil && len(pieces) != llamaTokens {
			t.Errorf("accepted %d tokens", len(pieces))
		}
	})
}
