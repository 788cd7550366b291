package sherpa

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/spoken"
)

func moonshine(t *testing.T, streams int) *Recognizer {
	t.Helper()
	library, err := Open(speechtest.LibraryFolder(t))
	if err != nil {
		t.Fatal(err)
	}
	r, err := library.NewRecognizer(speechtest.Model(t, speech.KindMoonshine, "en"), speech.NewCores(streams), streams)
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

func TestRecognize(t *testing.T) {
	r := moonshine(t, 2)
	var clip speechtest.Clip
	for _, c := range speechtest.Clips(t) {
		if strings.HasSuffix(c.File, "ls-other_1688-142285-0003.wav") {
			clip = c
		}
	}
	samples := speechtest.WAV(t, clip.Path)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			got, err := r.Recognize(t.Context(), spoken.Utterance{Samples: samples, Language: []string{"en", ""}[i%2]})
			if err != nil {
				t.Error(err)
				return
			}
			if !strings.Contains(strings.ToLower(got.Text), "account of himself") || got.Language != "en" || got.Confidence != 1 || got.Took <= 0 {
				t.Errorf("got %+v for %q", got, clip.Text)
			}
		})
	}
	wg.Wait()
}

func TestRecognizeRefuses(t *testing.T) {
	speechtest.RecognizerRefuses(t, moonshine(t, 1), ErrClosed)
}

func TestNewRecognizerRefuses(t *testing.T) {
	library, err := Open(speechtest.LibraryFolder(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		model speech.Model
		want  string
	}{
		"no recognizer":    {speech.Model{Kind: speech.KindVAD, Languages: []string{"en"}, Files: map[string]string{"model": "m", "tokens": "t"}}, "no recognizer"},
		"no tokens":        {speech.Model{Kind: speech.KindNemoCTC, Languages: []string{"ru"}, Files: map[string]string{"model": "m"}}, "no file for its tokens"},
		"no language":      {speech.Model{Kind: speech.KindNemoCTC}, "languages"},
		"unknown language": {speech.Model{Kind: speech.KindWhisper, Languages: []string{"xx"}}, `"xx"`},
		"missing files": {speech.Model{Kind: speech.KindMoonshine, Languages: []string{"en"}, Folder: t.TempDir(),
			Files: map[string]string{"encoder": "e", "merged_decoder": "d", "tokens": "t"}}, "refuses"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := library.NewRecognizer(&tc.model, speech.NewCores(1), 1); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

// TestConfigure checks that every kind's files reach the configuration.
func TestConfigure(t *testing.T) {
	for kind, check := range map[speech.Kind]func(*recognizerConfig) []*byte{
		speech.KindWhisper: func(c *recognizerConfig) []*byte { return []*byte{c.whisper.encoder, c.whisper.decoder, c.tokens} },
		speech.KindCanary:  func(c *recognizerConfig) []*byte { return []*byte{c.canary.encoder, c.canary.decoder, c.tokens} },
		speech.KindFireRed: func(c *recognizerConfig) []*byte { return []*byte{c.fireRed.encoder, c.fireRed.decoder, c.tokens} },
		speech.KindTransducer: func(c *recognizerConfig) []*byte {
			return []*byte{c.transducer.encoder, c.transducer.decoder, c.transducer.joiner, c.tokens}
		},
		speech.KindNemoTransducer: func(c *recognizerConfig) []*byte {
			return []*byte{c.transducer.encoder, c.transducer.decoder, c.transducer.joiner, c.tokens}
		},
		speech.KindNemoCTC:      func(c *recognizerConfig) []*byte { return []*byte{c.nemoCTC, c.tokens} },
		speech.KindZipformerCTC: func(c *recognizerConfig) []*byte { return []*byte{c.zipformerCTC, c.tokens} },
		speech.KindSenseVoice:   func(c *recognizerConfig) []*byte { return []*byte{c.senseVoice.model, c.tokens} },
		speech.KindParaformer:   func(c *recognizerConfig) []*byte { return []*byte{c.paraformer, c.tokens} },
		speech.KindWenetCTC:     func(c *recognizerConfig) []*byte { return []*byte{c.wenetCTC, c.tokens} },
		speech.KindDolphin:      func(c *recognizerConfig) []*byte { return []*byte{c.dolphin, c.tokens} },
		speech.KindOmnilingual:  func(c *recognizerConfig) []*byte { return []*byte{c.omnilingual, c.tokens} },
	} {
		m := &speech.Model{Kind: kind, Languages: []string{"en"}, Folder: "folder", Files: map[string]string{}}
		for _, role := range roles(m) {
			m.Files[role] = role + ".onnx"
		}
		c, err := configure(m, "en")
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		for i, role := range roles(m) {
			if got, want := gostring(check(c)[i]), "folder/"+role+".onnx"; got != want {
				t.Errorf("%s: its %s is %q, want %q", kind, role, got, want)
			}
		}
	}
}

func TestConfidence(t *testing.T) {
	p := []float32{-0.5, -1.5}
	r := recognizerResult{logProbs: &p[0], count: 2}
	if got := fmt.Sprintf("%.3f", r.confidence()); got != "0.368" {
		t.Errorf("confidence %s", got)
	}
	if (&recognizerResult{}).confidence() != 1 {
		t.Error("without probabilities it must be 1")
	}
}
