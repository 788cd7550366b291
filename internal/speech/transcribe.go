package speech

import (
	"context"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/spoken"
)

const (
	// peak is what an utterance is normalised to, and maxGain how much it may be amplified for that: what is quieter is noise.
	peak, maxGain = 0.5, 50
	// A segment without a text is tried again in parts, cut at pauses of retryPause frames, with so many samples around them.
	retryPause, retryPadding = 16, spoken.Rate / 5
	// minRetry is the shortest audio that is halved and tried again when a recognizer made nothing plausible of it.
	minRetry = 4 * time.Second
)

// Transcriber makes text from audio of any length. It is safe for concurrent use.
type Transcriber struct {
	Recognizer spoken.Recognizer
	NewVAD     func() (spoken.VAD, error)
	Segmenter  SegmenterConfig
	Limits     audio.Limits
	// Parallel is how many utterances of one file are recognized at once; 0 is 1.
	Parallel int
}

// Transcribe reads a file in any container and returns what is said in it, in the language given; "" leaves that to
// the recognizer. Memory does not grow with the length of the audio. Audio without speech gives an empty text and no error;
// what can't be read gives one of the errors of package audio, and a language without a model a *[NoModelError].
//
// progress, where it isn't nil, is told after each utterance how much of the audio is done, and how much there is,
// which is 0 until the end of the file has been read. It is called from other goroutines, one at a time.
func (t *Transcriber) Transcribe(ctx context.Context, src io.Reader, language string, progress func(done, total time.Duration)) (spoken.Transcript, error) {
	started := time.Now()
	if _, err := t.Recognizer.Recognize(ctx, spoken.Utterance{Language: language}); err != nil {
		return spoken.Transcript{}, err
	}
	vad, err := t.NewVAD()
	if err != nil {
		return spoken.Transcript{}, err
	}
	run := &transcription{t: t, language: language, progress: progress}
	group, ctx := errgroup.WithContext(ctx)
	jobs := make(chan *part) // unbuffered: the decoder waits for the recognizer
	for range max(1, t.Parallel) {
		group.Go(func() error {
			for p := range jobs {
				if err := run.recognize(ctx, p); err != nil {
					return err
				}
			}
			return nil
		})
	}
	var parts []*part
	var samples int
	group.Go(func() error {
		defer close(jobs)
		segmenter := NewSegmenter(vad, t.Segmenter)
		emit := func(s Segment) error {
			p := &part{segment: s}
			parts = append(parts, p)
			select {
			case jobs <- p:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		err := audio.Decode(ctx, src, t.Limits, func(s []float32) error {
			samples += len(s)
			return segmenter.Write(s, emit)
		})
		if err != nil {
			return err
		}
		run.total.Store(int64(spoken.Duration(samples)))
		return segmenter.Flush(emit)
	})
	if err := group.Wait(); err != nil {
		return spoken.Transcript{}, err
	}
	transcript := join(parts)
	transcript.Audio, transcript.Took = spoken.Duration(samples), time.Since(started)
	if transcript.Language == "" {
		transcript.Language = language
	}
	return transcript, nil
}

// part is one segment of a file, and what was said in it.
type part struct {
	segment    Segment
	transcript spoken.Transcript
}

type transcription struct {
	t        *Transcriber
	language string
	progress func(done, total time.Duration)
	total    atomic.Int64 // a time.Duration; 0 while the end of the file hasn't been read

	mu   sync.Mutex
	done time.Duration
}

func (r *transcription) recognize(ctx context.Context, p *part) error {
	segment := p.segment
	p.segment = Segment{} // parts are kept until the end of the file, their audio isn't
	samples := segment.Samples
	end := segment.Start + spoken.Duration(len(samples))
	var err error
	if p.transcript, err = r.t.Utterance(ctx, samples, r.language); err != nil {
		return err
	}
	if p.transcript.Text == "" {
		if p.transcript, err = r.again(ctx, segment); err != nil {
			return err
		}
	}
	p.transcript.Speech = segment.Speech
	if r.progress == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = max(r.done, end)
	r.progress(r.done, time.Duration(r.total.Load()))
	return nil
}

// again recognizes a segment that gave no text in parts: some models stop at the first pause, or at once where there is
// silence before the speech.
func (r *transcription) again(ctx context.Context, s Segment) (spoken.Transcript, error) {
	var parts []*part
	for _, at := range s.parts(retryPause, retryPadding) {
		t, err := r.t.Utterance(ctx, s.Samples[at[0]:at[1]], r.language)
		if err != nil {
			return spoken.Transcript{}, err
		}
		parts = append(parts, &part{transcript: t})
	}
	return join(parts), nil
}

// Utterance recognizes one stretch of speech of at most [MaxUtterance] that was cut out already. It changes the samples. What is not plausible is tried again in halves, and
// left out in the end: recognizers that loop on a whole often understand its parts.
func (t *Transcriber) Utterance(ctx context.Context, samples []float32, language string) (spoken.Transcript, error) {
	normalise(samples)
	transcript, err := t.Recognizer.Recognize(ctx, spoken.Utterance{Samples: samples, Language: language})
	if err != nil {
		return spoken.Transcript{}, err
	}
	length := spoken.Duration(len(samples))
	if plausible(transcript.Text, transcript.Language, length) {
		return transcript, nil
	}
	if length < minRetry {
		transcript.Text = ""
		return transcript, nil
	}
	middle := quietest(samples)
	first, err := t.Utterance(ctx, samples[:middle], language)
	if err != nil {
		return spoken.Transcript{}, err
	}
	second, err := t.Utterance(ctx, samples[middle:], language)
	if err != nil {
		return spoken.Transcript{}, err
	}
	return join([]*part{{transcript: first}, {transcript: second}}), nil
}

// normalise amplifies the samples so that the loudest reaches peak.
func normalise(samples []float32) {
	loudest := float32(0)
	for _, x := range samples {
		loudest = max(loudest, x, -x)
	}
	if loudest == 0 {
		return
	}
	gain := min(peak/loudest, maxGain)
	for i := range samples {
		samples[i] *= gain
	}
}

// quietest is the sample around which the middle third is quietest.
func quietest(samples []float32) int {
	best, least := len(samples)/2, float32(0)
	for at := len(samples) / 3; at+spoken.FrameSize <= 2*len(samples)/3; at += spoken.FrameSize {
		energy := float32(0)
		for _, x := range samples[at : at+spoken.FrameSize] {
			energy += x * x
		}
		if at == len(samples)/3 || energy < least {
			best, least = at+spoken.FrameSize/2, energy
		}
	}
	return best
}

// join puts the transcripts of consecutive parts together. The confidence is their mean, weighted by the length of audio.
func join(parts []*part) spoken.Transcript {
	var whole spoken.Transcript
	var texts []string
	var weight float64
	for _, p := range parts {
		t := p.transcript
		whole.Audio += t.Audio
		whole.Speech += t.Speech
		whole.Took += t.Took
		if whole.Language == "" {
			whole.Language = t.Language
		}
		if t.Text != "" {
			texts = append(texts, t.Text)
			whole.Confidence += t.Confidence * t.Audio.Seconds()
			weight += t.Audio.Seconds()
		}
	}
	whole.Text = strings.Join(texts, " ")
	if weight > 0 {
		whole.Confidence /= weight
	}
	return whole
}
