package silero

import (
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/spoken"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func model(t *testing.T) *Model {
	t.Helper()
	path := speechtest.Model(t, speech.KindVAD, "").File("model")
	if err := onnx.Load(speechtest.Model(t, speech.KindLibrary, "").File("onnxruntime")); err != nil {
		t.Fatal(err)
	}
	m, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// speechFrames counts the frames over 0.5.
func speechFrames(t *testing.T, vad spoken.VAD, samples []float32) (n int) {
	t.Helper()
	for ; len(samples) >= spoken.FrameSize; samples = samples[spoken.FrameSize:] {
		p, err := vad.Probability(samples[:spoken.FrameSize])
		if err != nil {
			t.Fatal(err)
		}
		if p < 0 || p > 1 || p != p {
			t.Fatalf("probability %v", p)
		}
		if p >= 0.5 {
			n++
		}
	}
	return n
}

func TestProbability(t *testing.T) {
	vad := model(t).NewVAD()
	noise := make([]float32, 3*spoken.Rate)
	for i := range noise {
		noise[i] = 0.1 * (rand.Float32() - 0.5)
	}
	for name, samples := range map[string][]float32{"silence": make([]float32, 3*spoken.Rate), "noise": noise} {
		vad.Reset()
		if n := speechFrames(t, vad, samples); n > 2 {
			t.Errorf("%s: %d frames of speech", name, n)
		}
	}
	if _, err := vad.Probability(noise[:100]); err == nil {
		t.Error("took a short frame")
	}
}

// TestClips finds speech of at least 250 ms in every clip that has some, in both languages.
func TestClips(t *testing.T) {
	vad := model(t).NewVAD()
	heard := 0
	for _, c := range speechtest.Clips(t) {
		if s := c.Subset(); s != "en" && s != "ru" {
			continue
		}
		vad.Reset()
		if n := speechFrames(t, vad, speechtest.WAV(t, c.Path)); n < 8 {
			t.Errorf("%s: %d frames of speech", c.File, n)
		}
		heard++
	}
	if heard == 0 {
		t.Fatal("no clips")
	}
}

// TestReset gives the same probabilities after a reset as from a new detector.
func TestReset(t *testing.T) {
	m := model(t)
	rnd := rand.New(rand.NewPCG(5, 6))
	frame := make([]float32, spoken.FrameSize)
	for i := range frame {
		frame[i] = rnd.Float32() - 0.5
	}
	used, fresh := m.NewVAD(), m.NewVAD()
	for range 5 {
		if _, err := used.Probability(frame); err != nil {
			t.Fatal(err)
		}
	}
	used.Reset()
	a, err := used.Probability(frame)
	if err != nil {
		t.Fatal(err)
	}
	b, err := fresh.Probability(frame)
	if err != nil {
		t.Fatal(err)
	}
	if a != b {
		t.Errorf("%v after a reset, %v from a new one", a, b)
	}
}
