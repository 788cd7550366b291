package speech

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/audio/wav"
	"github.com/mynahbot/mynah/internal/spoken"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scripted is a recognizer whose answers a test gives.
type scripted func(ctx context.Context, n int, u spoken.Utterance) (spoken.Transcript, error)

type fakeRecognizer struct {
	answer scripted
	asked  atomic.Int32
	most   atomic.Int32
	now    atomic.Int32
}

func (*fakeRecognizer) Languages() []string { return []string{"en"} }

func (r *fakeRecognizer) Recognize(ctx context.Context, u spoken.Utterance) (spoken.Transcript, error) {
	if u.Language != "en" && u.Language != "" {
		return spoken.Transcript{}, &spoken.NoModelError{Language: u.Language, Install: "a-model"}
	}
	if len(u.Samples) == 0 {
		return spoken.Transcript{}, nil
	}
	if now := r.now.Add(1); now > r.most.Load() {
		r.most.Store(now)
	}
	defer r.now.Add(-1)
	t, err := r.answer(ctx, int(r.asked.Add(1)), u)
	t.Audio, t.Language = spoken.Duration(len(u.Samples)), "en"
	return t, err
}

// words answers with the pitch that an utterance is made of.
func words(_ context.Context, _ int, u spoken.Utterance) (spoken.Transcript, error) {
	count := 0
	for i := 1; i < len(u.Samples); i++ {
		if u.Samples[i-1] <= 0 && u.Samples[i] > 0 {
			count++
		}
	}
	return spoken.Transcript{Text: fmt.Sprintf("word%d", count/100), Confidence: 0.5}, nil
}

// beeps makes a file with beeps of 600 ms, each higher than the one before it, and pauses of 2 s.
func beeps(n int) []byte {
	var samples []float32
	for i := range n {
		period := 64 >> min(i, 4)
		for j := range spoken.Rate * 6 / 10 {
			x := float32(0.1)
			if j%period < period/2 {
				x = -0.1
			}
			samples = append(samples, x)
		}
		samples = append(samples, make([]float32, 2*spoken.Rate)...)
	}
	return wav.Encode(spoken.Rate, samples)
}

func transcriber(answer scripted) (*Transcriber, *fakeRecognizer) {
	r := &fakeRecognizer{answer: answer}
	return &Transcriber{Recognizer: r, NewVAD: func() (spoken.VAD, error) { return &levelVAD{}, nil }}, r
}

func TestTranscribe(t *testing.T) {
	for _, parallel := range []int{0, 1, 4} {
		tr, _ := transcriber(words)
		tr.Parallel = parallel
		var mu sync.Mutex
		var last, total time.Duration
		got, err := tr.Transcribe(t.Context(), bytes.NewReader(beeps(4)), []string{"en"}, func(done, all time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			if done < last {
				t.Errorf("progress went back from %v to %v", last, done)
			}
			last, total = done, all
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := "word1 word3 word6 word12"; got.Text != want {
			t.Errorf("%d at once: %q, want %q", parallel, got.Text, want)
		}
		if got.Language != "en" || got.Confidence != 0.5 || got.Audio != 4*2600*time.Millisecond || got.Took <= 0 {
			t.Errorf("%+v", got)
		}
		if got.Speech < 2300*time.Millisecond || got.Speech > 2700*time.Millisecond {
			t.Errorf("%v of speech, want 2.4 s", got.Speech)
		}
		if last < 8*time.Second || total != 0 && total != got.Audio {
			t.Errorf("progress ended at %v of %v", last, total)
		}
	}
}

func TestTranscribeNoSpeech(t *testing.T) {
	tr, r := transcriber(words)
	got, err := tr.Transcribe(t.Context(), bytes.NewReader(wav.Encode(spoken.Rate, make([]float32, 3*spoken.Rate))), []string{"en"}, nil)
	if err != nil || got.Text != "" || got.Audio != 3*time.Second || got.Speech != 0 || r.asked.Load() != 0 {
		t.Errorf("silence: %+v, %v", got, err)
	}
}

// TestTranscribeAgain has a recognizer that gives nothing for what has a pause in it.
func TestTranscribeAgain(t *testing.T) {
	var sound []float32
	for range 3 {
		sound = append(sound, make([]float32, spoken.Rate*7/10)...)
		for range spoken.Rate / 2 {
			sound = append(sound, 0.2)
		}
	}
	tr, r := transcriber(func(_ context.Context, _ int, u spoken.Utterance) (spoken.Transcript, error) {
		if len(u.Samples) > spoken.Rate {
			return spoken.Transcript{}, nil
		}
		return spoken.Transcript{Text: "word", Confidence: 1}, nil
	})
	got, err := tr.Transcribe(t.Context(), bytes.NewReader(wav.Encode(spoken.Rate, sound)), []string{"en"}, nil)
	if err != nil || got.Text != "word word word" || r.asked.Load() != 4 {
		t.Errorf("%+v, %v after %d tries", got, err, r.asked.Load())
	}
}

func TestTranscribeErrors(t *testing.T) {
	broken := errors.New("broken")
	for name, tc := range map[string]struct {
		src      io.Reader
		language string
		answer   scripted
		want     error
	}{
		"empty":          {strings.NewReader(""), "en", words, audio.ErrEmpty},
		"the file fails": {io.MultiReader(bytes.NewReader(beeps(3)[:100_000]), iotest.ErrReader(broken)), "en", words, broken},
		"recognition fails": {bytes.NewReader(beeps(5)), "en", func(context.Context, int, spoken.Utterance) (spoken.Transcript, error) {
			return spoken.Transcript{}, broken
		}, broken},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := transcriber(tc.answer)
			if got, err := tr.Transcribe(t.Context(), tc.src, []string{tc.language}, nil); !errors.Is(err, tc.want) {
				t.Errorf("%+v, %v; want %v", got, err, tc.want)
			}
		})
	}
	tr, r := transcriber(words)
	var none *spoken.NoModelError
	if _, err := tr.Transcribe(t.Context(), bytes.NewReader(beeps(1)), []string{"ru"}, nil); !errors.As(err, &none) || !strings.Contains(err.Error(), "a-model") || r.asked.Load() != 0 {
		t.Errorf("another language: %v", err)
	}
	tr.NewVAD = func() (spoken.VAD, error) { return nil, broken }
	if _, err := tr.Transcribe(t.Context(), bytes.NewReader(beeps(1)), []string{"en"}, nil); !errors.Is(err, broken) {
		t.Errorf("no detector: %v", err)
	}
}

func TestTranscribeCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	tr, _ := transcriber(func(ctx context.Context, n int, _ spoken.Utterance) (spoken.Transcript, error) {
		cancel()
		<-ctx.Done()
		return spoken.Transcript{}, ctx.Err()
	})
	if _, err := tr.Transcribe(ctx, bytes.NewReader(beeps(5)), []string{"en"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestUtteranceLoops has a recognizer that loops on long audio, and one that always does.
func TestUtteranceLoops(t *testing.T) {
	loop := strings.Repeat("that was so ", 20)
	tr, r := transcriber(func(_ context.Context, _ int, u spoken.Utterance) (spoken.Transcript, error) {
		if len(u.Samples) > 7*spoken.Rate {
			return spoken.Transcript{Text: loop, Confidence: 1}, nil
		}
		return spoken.Transcript{Text: "fine", Confidence: 1}, nil
	})
	got, err := tr.Utterance(t.Context(), make([]float32, 10*spoken.Rate), "en")
	if err != nil || got.Text != "fine fine" || r.asked.Load() != 3 || got.Audio != 10*time.Second {
		t.Errorf("%+v, %v after %d tries", got, err, r.asked.Load())
	}
	tr, r = transcriber(func(context.Context, int, spoken.Utterance) (spoken.Transcript, error) {
		return spoken.Transcript{Text: loop, Confidence: 1}, nil
	})
	got, err = tr.Utterance(t.Context(), make([]float32, 15*spoken.Rate), "en")
	if err != nil || got.Text != "that was so" || r.asked.Load() > 15 {
		t.Errorf("%+v, %v after %d tries", got, err, r.asked.Load())
	}
}

// TestTranscribeMemory transcribes 30 minutes with speech everywhere, and the heap stays small.
func TestTranscribeMemory(t *testing.T) {
	second := make([]float32, spoken.Rate)
	for i := range second {
		second[i] = 0.1
	}
	var most atomic.Uint64
	tr, r := transcriber(func(context.Context, int, spoken.Utterance) (spoken.Transcript, error) {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		most.Store(max(most.Load(), now.HeapAlloc))
		return spoken.Transcript{Text: "word", Confidence: 1}, nil
	})
	tr.Limits.MaxBytes = 100 << 20
	header := wav.Encode(spoken.Rate, nil)[:40]
	src := io.MultiReader(bytes.NewReader(append(header, 0, 0, 0, 0)), &repeated{data: wav.Encode(spoken.Rate, second)[44:], left: 1800})
	got, err := tr.Transcribe(t.Context(), src, []string{"en"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Audio != 30*time.Minute || r.asked.Load() < 120 {
		t.Errorf("%v of audio in %d utterances", got.Audio, r.asked.Load())
	}
	if most.Load() > 64<<20 {
		t.Errorf("the heap grew to %d MB", most.Load()>>20)
	}
}

// repeated reads the same bytes again and again.
type repeated struct {
	data     []byte
	at, left int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.data[r.at:])
	if r.at += n; r.at == len(r.data) {
		r.at, r.left = 0, r.left-1
	}
	return n, nil
}

// TestTranscribeHangs has a recognizer that never answers: the file's error is one sentence, after the deadline.
func TestTranscribeHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer synctest.Wait()
		defer close(release)
		tr, _ := transcriber(func(context.Context, int, spoken.Utterance) (spoken.Transcript, error) {
			<-release
			return spoken.Transcript{}, nil
		})
		began := time.Now()
		_, err := tr.Utterance(t.Context(), make([]float32, spoken.Rate), "en")
		if !errors.Is(err, ErrHangs) || time.Since(began) != recognizerLimit {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// TestTranscribeHoursOfSilence costs no voice activity detection.
func TestTranscribeHoursOfSilence(t *testing.T) {
	segmenter := NewSegmenter(brokenVAD{}, SegmenterConfig{})
	quiet := make([]float32, 60*spoken.Rate)
	for range 60 {
		if err := segmenter.Write(quiet, func(Segment) error { return errors.New("a segment") }); err != nil {
			t.Fatal(err)
		}
	}
	if err := segmenter.Write([]float32{0.5}, nil); err != nil {
		t.Fatal(err)
	}
	if err := segmenter.Write(make([]float32, spoken.FrameSize), nil); err == nil {
		t.Error("sound was not listened to")
	}
}

type brokenVAD struct{}

func (brokenVAD) Reset() {}

func (brokenVAD) Probability([]float32) (float32, error) { return 0, errors.New("it was asked") }
