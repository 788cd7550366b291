package speech

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
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

// Detector finds out which of some languages is spoken. It returns "" where it can't, and with the language how sure it is, 0..1.
type Detector interface {
	Detect(ctx context.Context, samples []float32, among []string) (language string, sure float64, err error)
}

// Transcriber makes text from audio of any length. It is safe for concurrent use.
type Transcriber struct {
	Recognizer spoken.Recognizer
	NewVAD     func() (spoken.VAD, error)
	Segmenter  SegmenterConfig
	Limits     audio.Limits
	// Detector is asked where a recording may be in several languages; without one the recognizer's certainty decides.
	Detector Detector
	// Certain is the confidence below which what was heard is only a guess; 0 believes everything.
	Certain float64
	// Parallel is how many utterances of one file are recognized at once; 0 is 1.
	Parallel int
}

// ErrHangs is returned for a recognizer that gives no answer in [recognizerLimit].
var ErrHangs = errors.New("the speech recognizer does not answer: restart Mynah")

// recognizerLimit is how long one utterance may take, with the wait for those before it.
const recognizerLimit = 10 * time.Minute

// Transcribe reads a file in any container and returns what is said in its first sound track with speech, in whichever of the
// languages is spoken, of which the first is the likeliest; without one the recognizer chooses. Memory does not grow with the length
// of the audio. Audio without speech gives an empty text and no error; what can't be read gives one of the errors of package audio,
// and languages without a model a *[spoken.NoModelError] for the first of them.
//
// progress, where it isn't nil, is told after each utterance how much of the audio is done, and how much there is,
// which is 0 until the end of the file has been read. It is called from other goroutines, one at a time.
func (t *Transcriber) Transcribe(ctx context.Context, src io.Reader, languages []string, progress func(done, total time.Duration)) (spoken.Transcript, error) {
	known, missing, err := t.known(ctx, languages)
	if err != nil {
		return spoken.Transcript{}, err
	}
	recording, err := audio.OpenRecording(ctx, src, t.Limits)
	if err != nil {
		return spoken.Transcript{}, err
	}
	defer recording.Close()
	best, failed := t.track(ctx, recording, 0, known, progress)
	if failed == nil && best.Text != "" {
		return best, nil
	}
	if failed == nil || isTrack(failed) {
		tracks, err := recording.Tracks(ctx)
		for track := 1; err == nil && track < tracks; track++ {
			now, err := t.track(ctx, recording, track, known, progress)
			switch {
			case err != nil && !isTrack(err):
				return spoken.Transcript{}, err
			case err != nil:
			case now.Text != "":
				return now, nil
			case failed != nil || best.Guess == "":
				best, failed = now, nil
			}
		}
	}
	if failed != nil {
		return spoken.Transcript{}, failed
	}
	if missing != nil && best.Guess != "" { // the likeliest language can't be heard here
		return spoken.Transcript{}, missing
	}
	return best, nil
}

// isTrack reports whether an error is about one track of a file.
func isTrack(err error) bool {
	return errors.Is(err, audio.ErrEmpty) || errors.Is(err, audio.ErrNoAudio) || errors.Is(err, audio.ErrUndecodable) ||
		errors.Is(err, audio.ErrRate)
}

// known are the languages that the recognizer has a model for. missing is why the first is not among them.
func (t *Transcriber) known(ctx context.Context, languages []string) (known []string, missing, err error) {
	if len(languages) == 0 {
		languages = []string{""}
	}
	for i, l := range languages {
		_, err := t.Recognizer.Recognize(ctx, spoken.Utterance{Language: l})
		var none *spoken.NoModelError
		switch {
		case err == nil:
			if !slices.Contains(known, l) {
				known = append(known, l)
			}
		case !errors.As(err, &none):
			return nil, nil, err
		case i == 0:
			missing = err
		}
	}
	if len(known) == 0 {
		return nil, nil, missing
	}
	return known, missing, nil
}

// track transcribes one track of a recording.
func (t *Transcriber) track(ctx context.Context, recording *audio.Recording, track int, languages []string, progress func(done, total time.Duration)) (spoken.Transcript, error) {
	started := time.Now()
	vad, err := t.NewVAD()
	if err != nil {
		return spoken.Transcript{}, err
	}
	run := &transcription{t: t, choice: choice{t: t, among: languages}, progress: progress}
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
			language, err := run.choice.language(ctx, s)
			if err != nil {
				return err
			}
			p := &part{segment: s, language: language}
			parts = append(parts, p)
			select {
			case jobs <- p:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		write := func(s []float32) error { return segmenter.Write(s, emit) }
		var level leveller
		err := recording.Decode(ctx, track, func(s []float32) error {
			samples += len(s)
			return level.write(s, write)
		})
		if err != nil {
			return err
		}
		run.total.Store(int64(spoken.Duration(samples)))
		if err := level.flush(write); err != nil {
			return err
		}
		return segmenter.Flush(emit)
	})
	if err := group.Wait(); err != nil {
		return spoken.Transcript{}, err
	}
	transcript := t.believed(parts)
	transcript.Audio, transcript.Took = spoken.Duration(samples), time.Since(started)
	if transcript.Language == "" {
		transcript.Language = languages[0]
	}
	return transcript, nil
}

// believed joins the parts that are certain, if they are the most of what was heard; with the others they are the guess.
func (t *Transcriber) believed(parts []*part) spoken.Transcript {
	whole := join(parts)
	var certain []*part
	var sure, unsure time.Duration
	for _, p := range parts {
		switch {
		case p.transcript.Text == "":
		case p.transcript.Confidence >= t.Certain:
			certain = append(certain, p)
			sure += p.transcript.Speech
		default:
			unsure += p.transcript.Speech
		}
	}
	switch {
	case unsure == 0:
		return whole
	case sure < unsure:
		certain = nil
	}
	whole.Guess, whole.Text = whole.Text, ""
	if some := join(certain); some.Text != "" {
		whole.Text, whole.Language, whole.Confidence = some.Text, some.Language, some.Confidence
	}
	return whole
}

// part is one segment of a file, and what was said in it.
type part struct {
	segment    Segment
	language   string
	transcript spoken.Transcript
}

type transcription struct {
	t        *Transcriber
	choice   choice
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
	if p.transcript, err = r.t.Utterance(ctx, samples, p.language); err != nil {
		return err
	}
	if p.transcript.Text == "" {
		if p.transcript, err = r.again(ctx, segment, p.language); err != nil {
			return err
		}
	}
	p.transcript.Speech = segment.Speech
	if c, ok := p.transcript.Scorer.(io.Closer); ok {
		c.Close() // it holds what a model made of the audio, and nobody asks it
	}
	p.transcript.Scorer = nil
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
func (r *transcription) again(ctx context.Context, s Segment, language string) (spoken.Transcript, error) {
	var parts []*part
	for _, at := range s.parts(retryPause, retryPadding) {
		t, err := r.t.Utterance(ctx, s.Samples[at[0]:at[1]], language)
		if err != nil {
			return spoken.Transcript{}, err
		}
		parts = append(parts, &part{transcript: t})
	}
	return join(parts), nil
}

// Utterance recognizes one stretch of speech of at most [spoken.MaxUtterance] that was cut out already. It changes the samples. What
// is not plausible, or goes round in circles, is tried again in halves: recognizers that loop on a whole often understand its parts.
// In the end what is not plausible is left out, and of circles the first round is kept.
func (t *Transcriber) Utterance(ctx context.Context, samples []float32, language string) (spoken.Transcript, error) {
	transcript, _, err := t.utterance(ctx, samples, language)
	return transcript, err
}

// utterance is Utterance. clean says that nothing was left out.
func (t *Transcriber) utterance(ctx context.Context, samples []float32, language string) (transcript spoken.Transcript, clean bool, err error) {
	normalise(samples)
	whole, err := t.ask(ctx, spoken.Utterance{Samples: samples, Language: language})
	if err != nil {
		return spoken.Transcript{}, false, err
	}
	length := spoken.Duration(len(samples))
	text := whole.Text
	if whole.Text = firstRound(text); !plausible(whole.Text, whole.Language, length) {
		whole.Text = ""
	}
	if whole.Text == text || length < minRetry {
		return whole, whole.Text == text, nil
	}
	middle := quietest(samples)
	first, firstClean, err := t.utterance(ctx, samples[:middle], language)
	if err != nil {
		return spoken.Transcript{}, false, err
	}
	second, secondClean, err := t.utterance(ctx, samples[middle:], language)
	if err != nil {
		return spoken.Transcript{}, false, err
	}
	halves := join([]*part{{transcript: first}, {transcript: second}})
	once := firstRound(halves.Text)
	if clean = firstClean && secondClean && once == halves.Text; !clean && whole.Text != "" {
		return whole, false, nil
	}
	halves.Text = once
	return halves, clean, nil
}

// ask has the recognizer recognize, and leaves one that hangs to itself.
func (t *Transcriber) ask(ctx context.Context, u spoken.Utterance) (spoken.Transcript, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, recognizerLimit, ErrHangs)
	defer cancel()
	type answer struct {
		spoken.Transcript
		error
	}
	answers := make(chan answer, 1)
	go func() {
		transcript, err := t.Recognizer.Recognize(ctx, u)
		answers <- answer{transcript, err}
	}()
	select {
	case a := <-answers:
		if a.error != nil && errors.Is(context.Cause(ctx), ErrHangs) {
			return spoken.Transcript{}, ErrHangs
		}
		return a.Transcript, a.error
	case <-ctx.Done():
		if !errors.Is(context.Cause(ctx), ErrHangs) {
			a := <-answers // it ends with ctx, and must have let go of the samples
			return a.Transcript, cmp.Or(a.error, ctx.Err())
		}
		return spoken.Transcript{}, ErrHangs
	}
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
