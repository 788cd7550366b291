package whisper

import (
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/speech/wer"
	"github.com/mynahbot/mynah/internal/spoken"
)

func open(t *testing.T, streams int) *Recognizer {
	t.Helper()
	m := speechtest.Model(t, speech.KindWhisper, "ru")
	if err := onnx.Load(speechtest.Model(t, speech.KindLibrary, "").File("onnxruntime")); err != nil {
		t.Fatal(err)
	}
	r, err := Open(m, speech.NewCores(streams), streams)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// TestRecognize has some clips in two languages, whose language is found and whose words are mostly understood.
func TestRecognize(t *testing.T) {
	r := open(t, 2)
	var count wer.Count
	var wg sync.WaitGroup
	var mu sync.Mutex
	clips, right := map[string]int{}, map[string]int{}
	for _, c := range speechtest.Clips(t) {
		if c.Subset() != c.Language || clips[c.Language] == 6 || !strings.HasSuffix(c.File, ".wav") {
			continue
		}
		clips[c.Language]++
		samples := speechtest.WAV(t, c.Path)
		if len(samples) > int(spoken.MaxUtterance.Seconds())*spoken.Rate {
			continue
		}
		wg.Go(func() {
			language, likely, err := r.Detect(t.Context(), samples, []string{"en", "ru", "xx"})
			if err != nil || len(likely) != 2 || math.Abs(likely["en"]+likely["ru"]-1) > 1e-6 {
				t.Errorf("%s: %v, %v", c.File, likely, err)
			}
			got, err := r.Recognize(t.Context(), spoken.Utterance{Samples: samples, Language: c.Language})
			if err != nil || got.Language != c.Language || got.Confidence <= 0 || got.Confidence >= 1 || got.Took <= 0 {
				t.Errorf("%s: %+v, %v", c.File, got, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if language == c.Language {
				right[language]++
			}
			count = count.Add(wer.Compare(c.Text, got.Text))
		})
	}
	wg.Wait()
	for _, l := range []string{"en", "ru"} {
		if clips[l] == 0 || right[l] < clips[l]-1 {
			t.Errorf("%s was found for %d of %d clips", l, right[l], clips[l])
		}
	}
	if count.Rate() > 0.4 {
		t.Errorf("%s words wrong", count)
	}
}

func TestRecognizeNoSpeech(t *testing.T) {
	r := open(t, 1)
	for name, sample := range map[string]func(i int) float64{
		"silence": func(int) float64 { return 0 },
		"a tone":  func(i int) float64 { return 0.3 * math.Sin(float64(i)*0.2) },
	} {
		samples := make([]float32, 3*spoken.Rate)
		for i := range samples {
			samples[i] = float32(sample(i))
		}
		got, err := r.Recognize(t.Context(), spoken.Utterance{Samples: samples, Language: "en"})
		if err != nil || got.Text != "" && got.Confidence >= spoken.Certain {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestHasWords(t *testing.T) {
	for text, want := range map[string]bool{"": false, "...": false, "(смех)": false, "так": true, "5": true, "♪": false, "(he said) so": true} {
		if got := hasWords(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	for text, want := range map[string]bool{" [": true, "*": true, " ♪♪": true, "(": true, " a": false, "-": false, "": false, "<|": true} {
		if got := noSpeech(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestFeatures compares with what is known of the Mel scale, and of a tone.
func TestFeatures(t *testing.T) {
	s := newSpectrum(80)
	for b, band := range s.filters {
		if len(band) == 0 {
			t.Errorf("band %d hears nothing", b)
		}
	}
	tone := make([]float32, spoken.Rate)
	for i := range tone {
		tone[i] = float32(0.5 * math.Sin(2*math.Pi*1000*float64(i)/spoken.Rate))
	}
	out, frames := s.features(tone, 3000)
	if frames != 100+quiet || len(out) != 80*frames {
		t.Fatalf("%d frames, %d numbers", frames, len(out))
	}
	loudest := 0
	for b := range 80 {
		if out[b*frames+50] > out[loudest*frames+50] {
			loudest = b
		}
	}
	if f := hertz(mel(spoken.Rate/2) * float64(loudest+1) / 81); f < 950 || f > 1050 {
		t.Errorf("the tone of 1000 Hz is loudest at %.0f Hz", f)
	}
	if _, frames := s.features(tone, 10); frames != 10 {
		t.Errorf("%d frames", frames)
	}
}
