package e5

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
)

// installed are the model's network and weights.
func installed(t testing.TB) (model, weights string) {
	t.Helper()
	m, err := speech.ReadModel(filepath.Join(speechtest.Models(t), "e5-small-multilingual"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("needs a model that the speech pack doesn't bring: mynah models pull e5-small-multilingual")
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := onnx.Load(speechtest.Model(t, speech.KindLibrary, "").File("onnxruntime")); err != nil {
		t.Fatal(err)
	}
	return m.File("model"), m.File("weights")
}

func open(t testing.TB) *Encoder {
	t.Helper()
	model, weights := installed(t)
	e, err := Open("test", model, weights)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func encode(t testing.TB, e *Encoder, texts ...string) [][]float32 {
	t.Helper()
	v, err := e.Encode(context.Background(), texts)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The vectors are those of the program that the weights come with, but for how sums of bytes are rounded.
func TestKnownAnswers(t *testing.T) {
	e := open(t)
	for text, want := range map[string][]float32{
		"How do I become a moderator?": {0.05252, -0.02874, -0.05780, -0.03539, -0.00871, -0.08517, 0.02851, 0.07775},
		"how to be mod":                {0.05787, -0.05388, -0.07439, -0.06220, 0.01149, -0.07370, 0.03753, 0.06257},
		"Как вывести деньги с баланса?": {0.04235, -0.03748, -0.02023, -0.07456, 0.04323, -0.07803, -0.01117, 0.01259},
		"хочу забрать деньги с баланса": {0.02020, -0.02105, -0.01858, -0.07710, 0.05830, -0.06776, -0.00189, 0.03157},
	} {
		v := encode(t, e, text)[0]
		length := 0.0
		for _, x := range v {
			length += float64(x) * float64(x)
		}
		if len(v) != hidden || math.Abs(length-1) > 1e-4 {
			t.Errorf("%q: %d numbers, square of the length %.5f", text, len(v), length)
		}
		for i := range want {
			if math.Abs(float64(v[i]-want[i])) > 0.003 {
				t.Errorf("%q: the vector begins with %v, want %v", text, v[:8], want)
				break
			}
		}
	}
}

func TestAnyText(t *testing.T) {
	e := open(t)
	texts := []string{"", "x", "\xff\xfe", strings.Repeat("very long ", 400), "zalgo" + strings.Repeat("\u0300\u0301", 1000), strings.Repeat("😀", 2000), "  spaced  ", "spaced"}
	together := encode(t, e, texts...)
	for i, text := range texts {
		if n := len(e.tokens(text)); n > maxTokens {
			t.Errorf("%.40q: %d tokens", text, n)
		}
		if alone := encode(t, e, text)[0]; !slices.Equal(alone, together[i]) {
			t.Errorf("%.40q: another vector alone than beside others", text)
		}
	}
	if !slices.Equal(together[6], together[7]) {
		t.Error("spaces around a text count")
	}
}

func TestFloat16(t *testing.T) {
	for bits, want := range map[uint16]float32{
		0: 0, 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0400: 1.0 / (1 << 14), 0x0001: 1.0 / (1 << 24), 0x83ff: -1023.0 / (1 << 24), 0x3555: 0.333251953125,
		0x7c00: float32(math.Inf(1)), 0xfc00: float32(math.Inf(-1)),
	} {
		if got := float16(bits); got != want {
			t.Errorf("%#04x: %v, want %v", bits, got, want)
		}
	}
	if got := float16(0x7e00); got == got {
		t.Errorf("no number: %v", got)
	}
}

func TestUnpack(t *testing.T) {
	b := []byte{0x00, 0x40} // 2
	for i := range blockWeights / 2 {
		b = append(b, byte(i)|byte(15-i)<<4)
	}
	out := make([]float32, blockWeights)
	unpack(b, out)
	for i := range blockWeights / 2 {
		if out[i] != 2*float32(i-8) || out[i+16] != 2*float32(7-i) {
			t.Errorf("weights %d and %d: %v, %v", i, i+16, out[i], out[i+16])
		}
	}
}

// tiny is a file of weights without weights: a header and a tokenizer of a few pieces.
func tiny() []byte {
	var b bytes.Buffer
	put := func(v ...any) {
		for _, v := range v {
			_ = binary.Write(&b, binary.LittleEndian, v) // a buffer takes all
		}
	}
	b.WriteString("E5S1")
	put(uint32(1), uint32(hidden), uint32(layers), uint32(heads), uint32(inner), uint32(words), uint32(positions), uint32(2), float32(epsilon), uint32(blockWeights))
	pieces := []string{"<s>", "<pad>", "</s>", "<unk>", "▁", "a", "▁query", ":"}
	put(uint32(len(pieces)), uint32(begin), uint32(end), uint32(padding), uint32(unknown), uint64(len(strings.Join(pieces, ""))))
	at := 0
	for _, p := range pieces {
		put(uint32(at))
		at += len(p)
	}
	put(uint32(at), make([]float32, len(pieces)))
	b.WriteString(strings.Join(pieces, ""))
	put(uint32(1), uint32(9), uint32('A'), uint8(1), uint32('a')) // A is written as a
	put(uint32(0))
	return b.Bytes()
}

func read(t testing.TB, b []byte) (*file, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), WeightsFile)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return readFile(f)
}

func TestReadFile(t *testing.T) {
	w, err := read(t, tiny())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if got, want := w.pieces.Encode("query: Aб"), []int32{6, 7, 4, 5, unknown}; !slices.Equal(got, want) {
		t.Errorf("tokens %v, want %v", got, want)
	}
	for n := range tiny() {
		if w, err := read(t, tiny()[:n]); err == nil {
			w.Close()
			t.Fatalf("the first %d bytes were taken", n)
		}
	}
	for at, want := range map[int]string{0: "another format", 4: "another format", 8: "another network", 36: "normalized otherwise", 40: "blocks of", 44: "too many", 48: "a mark"} {
		b := tiny()
		b[at+3] ^= 0x55
		if w, err := read(t, b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("byte %d is another: %v, want an error with %q", at, err, want)
			if err == nil {
				w.Close()
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := Open("test", "nothing.onnx", "nothing.bin"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no files: %v", err)
	}
	path := filepath.Join(t.TempDir(), WeightsFile)
	if err := os.WriteFile(path, tiny(), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open("test", "nothing.onnx", path); err == nil || !strings.Contains(err.Error(), "no table of words") {
		t.Errorf("no arrays: %v", err)
	}
}

func FuzzReadFile(f *testing.F) {
	f.Add(tiny())
	f.Add(tiny()[:50])
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := os.CreateTemp(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		defer os.Remove(out.Name())
		if _, err := out.Write(b); err != nil {
			t.Fatal(err)
		}
		w, err := readFile(out)
		if err != nil {
			return
		}
		defer w.Close()
		w.pieces.Encode("query: any text")
	})
}

func BenchmarkEncode(b *testing.B) {
	e := open(b)
	var batch []string
	for i := range 64 {
		batch = append(batch, fmt.Sprintf("How do I become a moderator of this? %d", i))
	}
	for _, c := range []struct {
		name  string
		texts []string
	}{{"short", batch[:1]}, {"long", []string{strings.Repeat("What do I have to do when the server is full? ", 8)}}, {"batch of 64", batch}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				encode(b, e, c.texts...)
			}
			b.ReportMetric(float64(len(e.tokens(c.texts[0]))), "tokens/text")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(c.texts)), "µs/text")
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	model, weights := installed(b)
	for b.Loop() {
		e, err := Open("test", model, weights)
		if err != nil {
			b.Fatal(err)
		}
		e.Close()
	}
}
