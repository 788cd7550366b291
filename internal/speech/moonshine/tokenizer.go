package moonshine

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	startToken = 1
	endToken   = 2
	// maxTable limits the table of tokens that is read: it has 500 kB.
	maxTable = 4 << 20
	// maxText limits the texts that are made into tokens, in bytes: merging takes time that grows with its square.
	maxText = 4096
)

// tokenizer translates between text and tokens.
type tokenizer struct {
	texts []string         // what a token adds to a text, by its id
	ids   map[string]int64 // the pieces of words, not the bytes
}

// readTokenizer reads the table that [Tokens] makes.
func readTokenizer(table io.Reader) (*tokenizer, error) {
	raw, err := io.ReadAll(io.LimitReader(table, maxTable+1))
	if err != nil {
		return nil, fmt.Errorf("moonshine tokens: %w", err)
	}
	if len(raw) > maxTable {
		return nil, fmt.Errorf("moonshine tokens: the table is over %d bytes", maxTable)
	}
	t := &tokenizer{ids: make(map[string]int64, llamaTokens)}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		encoded, id, ok := strings.Cut(lines.Text(), " ")
		if !ok {
			encoded, id = "", encoded
		}
		text, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || id != strconv.Itoa(len(t.texts)) {
			return nil, fmt.Errorf("moonshine tokens: line %d is not base64 and its number", len(t.texts)+1)
		}
		if id := len(t.texts); id >= firstPiece && id < llamaTokens {
			if _, known := t.ids[string(text)]; !known {
				t.ids[string(text)] = int64(id)
			}
		}
		t.texts = append(t.texts, string(text))
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("moonshine tokens: %w", err)
	}
	if len(t.texts) != llamaTokens+markers {
		return nil, fmt.Errorf("moonshine tokens: the table has %d lines, not %d", len(t.texts), llamaTokens+markers)
	}
	return t, nil
}

// encode makes tokens of a text as SentencePiece does for Llama: a space is put in front, and of the neighbours that make a
// piece together, those that make the piece of the lowest number are merged, the first ones first, until none are left.
// What is no piece is spelled in bytes. Between words it expects single spaces.
func (t *tokenizer) encode(text string) ([]int64, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("moonshine: a text of %d bytes is over %d", len(text), maxText)
	}
	if text == "" {
		return nil, nil
	}
	var parts []string
	for rest := " " + text; rest != ""; {
		_, n := utf8.DecodeRuneInString(rest)
		parts = append(parts, rest[:n])
		rest = rest[n:]
	}
	for {
		at, best := -1, int64(0)
		for i := range len(parts) - 1 {
			if id, ok := t.ids[parts[i]+parts[i+1]]; ok && (at < 0 || id < best) {
				at, best = i, id
			}
		}
		if at < 0 {
			break
		}
		parts[at] += parts[at+1]
		parts = append(parts[:at+1], parts[at+2:]...)
	}
	var tokens []int64
	for _, p := range parts {
		if id, ok := t.ids[p]; ok {
			tokens = append(tokens, id)
			continue
		}
		for _, b := range []byte(p) {
			tokens = append(tokens, firstByte+int64(b))
		}
	}
	return tokens, nil
}

// decode makes text of tokens, without spaces around it.
func (t *tokenizer) decode(tokens []int64) string {
	var b strings.Builder
	for _, id := range tokens {
		b.WriteString(t.texts[id])
	}
	return strings.TrimSpace(strings.ToValidUTF8(b.String(), ""))
}
