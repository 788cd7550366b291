package evidence

import (
	"bufio"
	"context"
	"embed"
	"io/fs"
	"math"
	"path"
	"strings"
)

//go:embed texts/*/chat*.txt texts/*/general*.txt
var backgroundFiles embed.FS

// Encoder turns texts into vectors of length 1.
type Encoder interface {
	Encode(ctx context.Context, texts []string) ([][]float32, error)
}

// Line is one text of the background.
type Line struct {
	Text    string
	General bool // a question of general interest; else chat
}

// heldEvery is that one in so many lines is held back.
const heldEvery = 60

// Lines are the texts that ship with the program, in an order that doesn't change. Those that [Held]
// returns are not among them.
func Lines() ([]Line, error) {
	all, err := allLines()
	var out []Line
	for i, l := range all {
		if i%heldEvery != 0 {
			out = append(out, l)
		}
	}
	return out, err
}

// Held are texts of the same kinds that nothing is compared with and no judge has seen, so that it can
// be measured how many of such are answered.
func Held() ([]Line, error) {
	all, err := allLines()
	var out []Line
	for i, l := range all {
		if i%heldEvery == 0 {
			out = append(out, l)
		}
	}
	return out, err
}

func allLines() ([]Line, error) {
	var all []Line
	seen := map[string]bool{}
	err := fs.WalkDir(backgroundFiles, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := backgroundFiles.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		sc := bufio.NewScanner(f)
		for sc.Scan() {
			text := strings.TrimSpace(sc.Text())
			if text == "" || strings.HasPrefix(text, "#") || seen[text] {
				continue
			}
			seen[text] = true
			all = append(all, Line{text, strings.HasPrefix(path.Base(name), "general")})
		}
		return sc.Err()
	})
	return all, err
}

// Background is ordinary chat and general questions. It doesn't change after [Background.Encode].
type Background struct {
	lines []Line
	stems map[string]int32 // lines that have a word
	words map[string]bool  // as they are written
	grams map[uint64]int32 // lines that have a piece of a word

	chat, general matrix // vectors of the lines; empty without an encoder
	sample        matrix // of some of them, to see how common what was taught is
}

// maxSample is how many lines of the background each wording is compared with.
const maxSample = 2000

// NewBackground counts the words of the lines.
func NewBackground(lines []Line) *Background {
	b := &Background{lines: lines, stems: map[string]int32{}, words: map[string]bool{}, grams: map[uint64]int32{}}
	type known struct {
		stem  string
		grams []uint64
		line  int // the last that has it
	}
	vocabulary := map[string]*known{} // taking a word apart takes longer than finding it here
	inLine := map[uint64]int{}        // the last line that has a piece
	for i, l := range lines {
		var words []lexeme
		for _, w := range written(l.Text) {
			k := vocabulary[w]
			if k == nil {
				k = &known{stem: stem(w), line: -1}
				grams([]lexeme{{w, k.stem}}, func(g uint64) { k.grams = append(k.grams, g) })
				vocabulary[w] = k
				b.words[w] = true
			}
			words = append(words, lexeme{w, k.stem})
			if k.line == i {
				continue
			}
			k.line = i
			for _, g := range k.grams {
				if inLine[g] != i+1 {
					inLine[g] = i + 1
					b.grams[g]++
				}
			}
		}
		once(words, func(stem string) { b.stems[stem]++ })
	}
	return b
}

// once visits each stem once.
func once(words []lexeme, visit func(stem string)) {
	for i, w := range words {
		repeated := false
		for _, before := range words[:i] {
			repeated = repeated || before.stem == w.stem
		}
		if !repeated {
			visit(w.stem)
		}
	}
}

// Encode computes the vectors of the lines.
func (b *Background) Encode(ctx context.Context, encoder Encoder) error {
	var chat, general []string
	for _, l := range b.lines {
		if l.General {
			general = append(general, l.Text)
		} else {
			chat = append(chat, l.Text)
		}
	}
	var err error
	if b.chat, err = encode(ctx, encoder, chat); err != nil {
		return err
	}
	if b.general, err = encode(ctx, encoder, general); err != nil {
		return err
	}
	b.sample = b.chat.some(b.general, maxSample)
	return nil
}

// Knows reports whether a word is one: some line has it, or a group of opposites.
func (b *Background) Knows(word string) bool { return b.words[word] || opposites[word] != nil }

// rareness is how much a word tells: the logarithm of how few lines have it.
func (b *Background) rareness(stem string) float64 {
	return math.Log(float64(len(b.lines)+50) / (float64(b.stems[stem]) + 0.5))
}
