package muse

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
)

// installed are the files of the model that the speech pack brings.
func installed(t testing.TB) Files {
	t.Helper()
	m := speechtest.Pack(t, "use-multilingual-v3")
	if err := onnx.Load(speechtest.Model(t, speech.KindLibrary, "").File("onnxruntime")); err != nil {
		t.Fatal(err)
	}
	return Files{Model: m.File("model"), Table: m.File("table"), Tokenizer: m.File("tokenizer")}
}

func open(t testing.TB) *Encoder {
	t.Helper()
	e, err := Open("test", installed(t))
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

func cosine(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// apart is the greatest difference between the numbers of two vectors.
func apart(a, b []float32) (greatest float64) {
	for i := range a {
		greatest = max(greatest, math.Abs(float64(a[i]-b[i])))
	}
	return greatest
}

// known are texts with what the makers' own program gives for them: tokens, and the first numbers of their vectors.
var known = []struct {
	name, text string
	ids        []int32
	vector     []float32
}{
	{"A", "How do I become a moderator?", []int32{1, 1348, 61, 33, 1771, 10, 6, 43546, 21, 2},
		[]float32{0.020207, -0.003607, 0.021031, 0.038500, -0.085867, 0.032759, -0.069849, -0.021147}},
	{"B", "how to be mod", []int32{1, 430, 15, 56, 9701, 2},
		[]float32{0.084482, -0.027021, 0.033129, 0.025129, 0.032693, -0.038543, -0.054235, 0.037519}},
	{"C", "Как вывести деньги с баланса?", []int32{1, 3518, 1498, 16638, 17961, 301, 6, 95933, 221, 21, 2},
		[]float32{-0.010138, 0.016384, -0.079709, 0.045416, -0.079893, -0.011682, -0.018195, -0.009776}},
	{"D", "хочу забрать деньги с баланса", []int32{1, 15946, 449, 624, 42644, 17961, 301, 6, 95933, 221, 2},
		[]float32{-0.030031, 0.035052, -0.058047, 0.074412, -0.099428, -0.047026, -0.028671, 0.012383}},
	{"E", "gg wp :)", []int32{1, 6, 5459, 129, 262, 6, 947, 2},
		[]float32{0.102624, 0.041174, 0.043383, -0.040303, -0.057757, 0.044208, -0.004339, 0.055035}},
	{"full width", "Ｆｕｌｌ　ｗｉｄｔｈ ﬁ №5", []int32{1, 17004, 16050, 7950, 395, 323, 2}, nil},
	{"emoji", "😀 ok", []int32{1, 6, 0, 2116, 2}, nil},
	{"spaces", "a\u200bb  c\n", []int32{1, 10, 254, 143, 2}, nil},
	{"nothing", "", []int32{1, 0, 2}, nil},
	{"spaces only", " \n\u00a0", []int32{1, 0, 2}, nil},
}

func TestKnownAnswers(t *testing.T) {
	e := open(t)
	vectors := map[string][]float32{}
	for _, k := range known {
		if got := e.tokens(k.text); !slices.Equal(got, k.ids) {
			t.Errorf("%s: tokens %v, want %v", k.name, got, k.ids)
		}
		v := encode(t, e, k.text)[0]
		if len(v) != 512 || math.Abs(cosine(v, v)-1) > 1e-5 {
			t.Errorf("%s: %d numbers, square of the length %.6f", k.name, len(v), cosine(v, v))
		}
		if k.vector != nil && apart(k.vector, v) > 2e-6 {
			t.Errorf("%s: the vector begins with %v, want %v", k.name, v[:8], k.vector)
		}
		vectors[k.name] = v
	}
	for pair, want := range map[string]float64{
		"AB": .5317, "AC": .3306, "AD": .1959, "AE": .0499, "BC": .2594, "BD": .2240, "BE": .2149, "CD": .7317, "CE": .0895, "DE": .1520,
	} {
		if got := cosine(vectors[pair[:1]], vectors[pair[1:]]); math.Abs(got-want) > 1e-4 {
			t.Errorf("cosine of %s: %.4f, want %.4f", pair, got, want)
		}
	}
}

// Texts have the same vectors alone and beside others, whatever these are.
func TestTogether(t *testing.T) {
	e := open(t)
	texts := []string{"", "\xff\xfe", strings.Repeat("very long ", 400), "zalgo" + strings.Repeat("\u0300\u0301", 1000), "👩‍👩‍👧", strings.Repeat("😀", 2000)}
	for _, k := range known {
		texts = append(texts, k.text)
	}
	for i := range 40 {
		texts = append(texts, strings.TrimSpace(strings.Repeat("слово and word ", i%7)+"x"))
	}
	together := encode(t, e, texts...)
	for i, text := range texts {
		alone := encode(t, e, text)[0]
		if d := apart(alone, together[i]); !(d <= 1e-5) {
			t.Errorf("%.40q: %g apart", text, d)
		}
		if again := encode(t, e, text)[0]; !slices.Equal(alone, again) {
			t.Errorf("%.40q: another vector the second time", text)
		}
	}
	if v, err := e.Encode(t.Context(), nil); err != nil || len(v) != 0 {
		t.Errorf("no texts: %d vectors, %v", len(v), err)
	}
}

// The end of a long text is cut, and the mark at its end stays.
func TestLongText(t *testing.T) {
	e := open(t)
	ids := e.tokens(strings.Repeat("moderator ", 1000))
	if len(ids) != maxTokens || ids[0] != begin || ids[maxTokens-1] != end {
		t.Errorf("%d tokens from %d to %d", len(ids), ids[0], ids[len(ids)-1])
	}
}

func TestConcurrent(t *testing.T) {
	e := open(t)
	want := encode(t, e, known[0].text)[0]
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				v, err := e.Encode(t.Context(), []string{known[0].text})
				if err != nil || !slices.Equal(v[0], want) {
					t.Errorf("beside others: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func TestEnds(t *testing.T) {
	e := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Encode(ctx, []string{"x"}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Encode(t.Context(), []string{"x"}); err == nil {
		t.Error("encoded after Close")
	}
	if err := e.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

// A damaged file is refused when the model is opened, or an error when it is met.
func TestDamaged(t *testing.T) {
	good := installed(t)
	for name, damage := range map[string]struct {
		file   *string
		change func(b []byte) []byte
	}{
		"an empty network":          {&good.Model, func([]byte) []byte { return nil }},
		"half a network":            {&good.Model, func(b []byte) []byte { return b[:len(b)/2] }},
		"a network that is another": {&good.Model, func([]byte) []byte { return []byte("<html>not found</html>") }},
		"no embeddings":             {&good.Table, func([]byte) []byte { return nil }},
		"half the embeddings":       {&good.Table, func(b []byte) []byte { return b[:tableHeader+len(b)/2/dimension*dimension] }},
		"embeddings cut in a row":   {&good.Table, func(b []byte) []byte { return b[:len(b)-1] }},
		"embeddings of no numbers":  {&good.Table, func(b []byte) []byte { return slices.Concat(slices.Repeat([]byte{0xff}, tableHeader), b[tableHeader:]) }},
		"no tokenizer":              {&good.Tokenizer, func([]byte) []byte { return nil }},
		"half a tokenizer":          {&good.Tokenizer, func(b []byte) []byte { return b[:len(b)/2] }},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(*damage.file)
			if err != nil {
				t.Fatal(err)
			}
			path, was := filepath.Join(t.TempDir(), "damaged"), *damage.file
			if err := os.WriteFile(path, damage.change(b), 0o644); err != nil {
				t.Fatal(err)
			}
			*damage.file = path
			defer func() { *damage.file = was }()
			e, err := Open("test", good)
			if err == nil {
				e.Close()
				t.Error("opened")
			}
		})
	}
	if _, err := Open("test", Files{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no files: %v", err)
	}
}

// The table that is cut while it is in use gives errors, and no fault.
func TestCutInUse(t *testing.T) {
	good := installed(t)
	b, err := os.ReadFile(good.Table)
	if err != nil {
		t.Fatal(err)
	}
	good.Table = filepath.Join(t.TempDir(), TableFile)
	if err := os.WriteFile(good.Table, b, 0o644); err != nil {
		t.Fatal(err)
	}
	e, err := Open("test", good)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	encode(t, e, "hello")
	if err := os.Truncate(good.Table, 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Encode(t.Context(), []string{"another text"}); err == nil {
		t.Error("encoded without embeddings")
	}
}

// resident is how much memory of this process is in use, in bytes.
func resident(t testing.TB) int64 {
	t.Helper()
	runtime.GC()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("needs /proc: ", err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

func TestMemory(t *testing.T) {
	const most = 100 << 20
	files := installed(t)
	before := resident(t)
	e, err := Open("test", files)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	texts := make([]string, 500)
	for i := range texts {
		texts[i] = strings.Repeat("What do I have to do when the server is full? ", 1+i%20)
	}
	encode(t, e, texts...)
	used := resident(t) - before
	t.Logf("%.1f MB", float64(used)/(1<<20))
	if used > most {
		t.Errorf("%.1f MB are more than %d", float64(used)/(1<<20), most>>20)
	}
}

// processorTime is how long this process has computed, on all cores together.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkEncode(b *testing.B) {
	e := open(b)
	short := "How do I become a moderator of this?" // 12 tokens
	long := strings.TrimSpace(strings.Repeat("What do I have to do when the server is full? ", 9))
	var batch []string
	for i := range 64 {
		batch = append(batch, fmt.Sprintf("%s %d", known[i%4].text, i))
	}
	for _, c := range []struct {
		name  string
		texts []string
	}{{"short", []string{short}}, {"long", []string{long}}, {"batch of 64", batch}} {
		b.Run(c.name, func(b *testing.B) {
			tokens := 0
			for _, text := range c.texts {
				tokens += len(e.tokens(text))
			}
			cpu := processorTime(b)
			for b.Loop() {
				encode(b, e, c.texts...)
			}
			b.ReportMetric(float64((processorTime(b)-cpu).Microseconds())/float64(b.N*len(c.texts)), "cpu-µs/text")
			b.ReportMetric(float64(tokens)/float64(len(c.texts)), "tokens/text")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(c.texts)), "µs/text")
		})
	}
	b.Run("tokens", func(b *testing.B) {
		for b.Loop() {
			e.tokens(short)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	files := installed(b)
	before := resident(b)
	for b.Loop() {
		e, err := Open("test", files)
		if err != nil {
			b.Fatal(err)
		}
		if b.N == 1 {
			b.ReportMetric(float64(resident(b)-before)/(1<<20), "MB")
		}
		e.Close()
	}
}
