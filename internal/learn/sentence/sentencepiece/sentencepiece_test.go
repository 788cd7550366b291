package sentencepiece

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// tiny is a model of 70 pieces, made with what is expected of it by testdata/make.py.
func tiny(t testing.TB) *Model {
	t.Helper()
	f, err := os.Open("testdata/tiny.model")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The pieces are those that SentencePiece itself finds, except that it folds unknown characters in a row to one.
func TestEncode(t *testing.T) {
	b, err := os.ReadFile("testdata/tiny.json")
	if err != nil {
		t.Fatal(err)
	}
	var expected []struct {
		Text string
		IDs  []int32
	}
	if err := json.Unmarshal(b, &expected); err != nil || len(expected) < 20 {
		t.Fatalf("%d texts, %v", len(expected), err)
	}
	m := tiny(t)
	for _, e := range expected {
		got := m.Encode(e.Text)
		for i := len(got) - 1; i > 0; i-- {
			if got[i] == Unknown && got[i-1] == Unknown {
				got = slices.Delete(got, i, i+1)
			}
		}
		if !slices.Equal(got, e.IDs) {
			t.Errorf("%q: %v, want %v", e.Text, got, e.IDs)
		}
	}
}

func TestEncodeLimits(t *testing.T) {
	m := tiny(t)
	for name, text := range map[string]string{
		"4,000 characters": strings.Repeat("дверь ", 670),
		"one long word":    strings.Repeat("window", 5000),
		"no UTF-8":         "open \xff\xfe the \xc3 door \xe2\x96",
		"zalgo":            "o" + strings.Repeat("\u0300\u0301\u0302", 2000),
		"emoji":            strings.Repeat("👩‍👩‍👧", 700),
		"NUL":              "open\x00door",
	} {
		if ids := m.Encode(text); len(ids) == 0 || len(ids) > maxTextBytes {
			t.Errorf("%s: %d pieces", name, len(ids))
		}
	}
	// What is cut ends with a whole character.
	for n := range 4 {
		text := strings.Repeat("a", n) + strings.Repeat("日", maxTextBytes)
		if line := m.normalize(text); !utf8.Valid(line) || bytes.ContainsRune(line, utf8.RuneError) {
			t.Errorf("%d bytes before: cut in the middle of a character", n)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	whole, err := os.ReadFile("testdata/tiny.model")
	if err != nil {
		t.Fatal(err)
	}
	field := func(number protowire.Number, b []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), b)
	}
	long := field(fieldPieces, field(fieldPiece, make([]byte, maxPieceBytes+1)))
	notANumber := field(fieldPieces, protowire.AppendFixed32(protowire.AppendTag(field(fieldPiece, []byte("a")), fieldScore, protowire.Fixed32Type), 0x7fc00000))
	for name, b := range map[string][]byte{
		"nothing":                {},
		"no model":               []byte("version https://git-lfs.github.com/spec/v1\n"),
		"cut short":              whole[:len(whole)/2],
		"too large":              make([]byte, maxModelBytes+1),
		"a long piece":           long,
		"a score that is none":   notANumber,
		"a table that is too":    slices.Concat(field(fieldPieces, field(fieldPiece, []byte("a"))), field(fieldNormalizer, field(fieldCharsMap, []byte{8, 0, 0, 0, 1}))),
		"only marks, no piece":   field(fieldPieces, protowire.AppendVarint(protowire.AppendTag(field(fieldPiece, []byte("<s>")), fieldType, protowire.VarintType), typeControl)),
		"a table without length": slices.Concat(field(fieldPieces, field(fieldPiece, []byte("a"))), field(fieldNormalizer, field(fieldCharsMap, []byte{8}))),
	} {
		if _, err := Read(bytes.NewReader(b)); !errors.Is(err, ErrModel) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever the model, any text has pieces of it, which spell the text where none is unknown.
func FuzzRead(f *testing.F) {
	whole, err := os.ReadFile("testdata/tiny.model")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, "open the door")
	f.Add(whole, "Ｄｏor ﬁnd е\u0308 日 \xff")
	f.Add([]byte{}, "")
	f.Fuzz(func(t *testing.T, b []byte, text string) {
		m, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, id := range m.Encode(text) {
			if id < 0 || int(id) >= m.Pieces() {
				t.Fatalf("piece %d of %d", id, m.Pieces())
			}
		}
	})
}

func FuzzEncode(f *testing.F) {
	for _, text := range []string{"", "open the door", "  ﬁnd\u00a0№ 5…", "日本", "\xff\xc3", "a\u200bb", "▁", strings.Repeat("e", 100)} {
		f.Add(text)
	}
	m := tiny(f)
	names := map[int32]string{}
	var walk func(node uint32, word string)
	walk = func(node uint32, word string) {
		if id := m.pieces.id[node]; id >= 0 {
			names[id] = word
		}
		for i := m.pieces.first[node]; i < m.pieces.first[node+1]; i++ {
			walk(i, word+string([]byte{m.pieces.label[i]}))
		}
	}
	walk(0, "")
	if len(names) != m.Pieces()-3 { // without <unk>, <s> and </s>
		f.Fatalf("%d pieces of %d are in the trie", len(names), m.Pieces())
	}
	f.Fuzz(func(t *testing.T, text string) {
		line := string(m.normalize(text))
		spelled := ""
		for _, id := range m.Encode(text) {
			if id != Unknown {
				spelled += names[id]
				continue
			}
			_, size := utf8.DecodeRuneInString(line[len(spelled):])
			spelled += line[len(spelled):][:size]
		}
		if spelled != line {
			t.Errorf("%q became %q, whose pieces spell %q", text, line, spelled)
		}
	})
}
