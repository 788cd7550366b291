// Bench measures speech recognition on recorded clips: the word error rate for each set, phantom texts for noise, one
// long file against its parts, and the time against sherpa-onnx's own package for Node. It exits with 1 where a figure
// misses its limit.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/audio/wav"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/engine"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/speech/voices"
	"github.com/mynahbot/mynah/internal/speech/wer"
	"github.com/mynahbot/mynah/internal/spoken"
)

// What recognition has to reach.
const (
	maxWER      = 0.110 // of the English clips
	maxLongLoss = 0.01  // how much more one long file may have than its parts
	maxTime     = 1.05  // of what the Node package needs for the same clips
)

type clip struct {
	File     string  `json:"file"`
	Text     string  `json:"text"`
	Language string  `json:"lang"`
	Seconds  float64 `json:"seconds"`
}

func main() {
	data := flag.String("data", "../shared/data/speech", "folder of the clips, with a manifest.jsonl")
	folder := flag.String("models", os.Getenv("MYNAH_MODELS"), "folder of installed models; default as in mynah")
	node := flag.String("node", "", "folder with node_modules/sherpa-onnx-node, to compare the time with")
	only := flag.String("only", "", "the one part to measure: english, better, russian, confusion, numbers, noise, formats, cases")
	verbose := flag.Bool("v", false, "print every text with an error in it")
	flag.Parse()
	if err := run(*data, *folder, *node, *only, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(data, folder, node, only string, verbose bool) error {
	ctx := context.Background()
	clips, err := manifest(filepath.Join(data, "manifest.jsonl"))
	if err != nil {
		return err
	}
	catalogue, err := models.BuiltIn()
	if err != nil {
		return err
	}
	store, err := models.Open(catalogue, models.Dirs(folder, "")...)
	if err != nil {
		return err
	}
	usual, err := store.Installed("moonshine-tiny-en")
	if err != nil {
		return err
	}
	b := &bench{data: data, verbose: verbose, store: store, pack: []*speech.Model{usual}}
	e := engine.Open(engine.Config{Streams: 1, Models: b.pack}, store)
	defer e.Close()
	if err := e.Warm(ctx, "en"); err != nil {
		return err
	}
	b.engine = e
	v := voices.Open(voices.Config{Steady: true}, store)
	defer v.Close()
	var errs []error
	for _, part := range []struct {
		name string
		run  func() error
	}{
		{"english", func() error { return b.english(ctx, clips, node) }},
		{"better", func() error { return b.better(ctx, clips) }},
		{"russian", func() error { return b.russian(ctx, clips) }},
		{"confusion", func() error { return b.confusion(ctx, clips) }},
		{"numbers", func() error { return b.numbers(ctx, v, voices.ESpeak, "piper-en_US-joe-medium") }},
		{"noise", func() error { return b.noise(ctx, clips) }},
		{"formats", func() error { return b.formats(ctx, clips) }},
		{"cases", func() error { return b.cases(ctx, clips) }},
		{"long", func() error { return b.long(ctx, clips) }},
	} {
		if only == "" || only == part.name {
			errs = append(errs, part.run())
		}
	}
	return errors.Join(errs...)
}

// better prints the English error rates of the other installed models that are recommended, and their phantoms.
func (b *bench) better(ctx context.Context, clips []clip) error {
	var errs []error
	for _, name := range []string{"moonshine-base-en", "whisper-base"} {
		m, err := b.store.Installed(name)
		if err != nil {
			fmt.Printf("%s is not installed\n", name)
			continue
		}
		other := &bench{engine: engine.Open(engine.Config{Streams: 1, Models: []*speech.Model{m}}, b.store), data: b.data, verbose: b.verbose}
		var count wer.Count
		seconds, took := 0.0, 0.0
		for _, c := range clips {
			if !strings.HasPrefix(c.File, "en/") {
				continue
			}
			t, err := other.transcribe(ctx, c.File)
			if err != nil {
				return err
			}
			count = count.Add(wer.Compare(c.Text, t.Text))
			seconds, took = seconds+t.Audio.Seconds(), took+t.Took.Seconds()
		}
		fmt.Printf("%s, English: WER %s, real-time factor %.3f; ", name, count, took/seconds)
		errs = append(errs, other.noise(ctx, clips), other.engine.Close())
	}
	return errors.Join(errs...)
}

type bench struct {
	engine  *engine.Engine
	store   *models.Store
	pack    []*speech.Model // the speech pack's
	data    string
	verbose bool
	single  map[string]wer.Count
}

func (b *bench) transcribe(ctx context.Context, file string) (spoken.Transcript, error) {
	return b.transcribeIn(ctx, file, "en")
}

func (b *bench) transcribeIn(ctx context.Context, file string, languages ...string) (spoken.Transcript, error) {
	f, err := os.Open(filepath.Join(b.data, file))
	if err != nil {
		return spoken.Transcript{}, err
	}
	defer f.Close()
	return b.engine.Transcribe(ctx, f, languages, nil)
}

var subset = regexp.MustCompile(`^[a-z]+(-[a-z]+)?`)

// english prints the word error rates of the clips in en/, and the time that they take.
func (b *bench) english(ctx context.Context, clips []clip, node string) error {
	type row struct {
		clips       int
		count       wer.Count
		audio, took float64
		empty       int
	}
	rows := map[string]*row{}
	var all row
	var took []float64
	var beside bareAnswer // summed up
	var besideCount wer.Count
	var cpu float64
	var bare *bareEngine
	if node != "" {
		var err error
		if bare, err = startBare(node, b.pack[0]); err != nil {
			return err
		}
		defer bare.stop()
	}
	b.single = map[string]wer.Count{}
	for _, c := range clips {
		if !strings.HasPrefix(c.File, "en/") {
			continue
		}
		if bare != nil {
			a, err := bare.ask(filepath.Join(b.data, c.File))
			if err != nil {
				return err
			}
			beside.Seconds += a.Seconds
			beside.CPU += a.CPU
			besideCount = besideCount.Add(wer.Compare(c.Text, a.Text))
		}
		started, used := time.Now(), processorTime()
		t, err := b.transcribe(ctx, c.File)
		if err != nil {
			return fmt.Errorf("%s: %w", c.File, err)
		}
		seconds := time.Since(started).Seconds()
		cpu += processorTime() - used
		took = append(took, seconds)
		count := wer.Compare(c.Text, t.Text)
		b.single[c.File] = count
		if b.verbose && count.Errors > 0 {
			fmt.Printf("%s %d/%d\n  said  %s\n  heard %s\n", c.File, count.Errors, count.Words, c.Text, t.Text)
		}
		name := subset.FindString(filepath.Base(c.File))
		if rows[name] == nil {
			rows[name] = &row{}
		}
		for _, r := range []*row{rows[name], &all} {
			r.clips++
			r.count = r.count.Add(count)
			r.audio += c.Seconds
			r.took += seconds
			if t.Text == "" {
				r.empty++
			}
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "clips\tseconds\tWER\terrors/words\tempty\treal-time factor\tset\t")
	var names []string
	for name := range rows {
		names = append(names, name)
	}
	slices.Sort(names)
	print := func(name string, r *row) {
		fmt.Fprintf(w, "%d\t%.1f\t%s\t%d/%d\t%d\t%.4f\t%s\t\n", r.clips, r.audio, r.count, r.count.Errors, r.count.Words, r.empty, r.took/r.audio, name)
	}
	for _, name := range names {
		print(name, rows[name])
	}
	print("English, one thread", &all)
	w.Flush()
	slices.Sort(took)
	fmt.Printf("time for a clip: median %.0f ms, 95th percentile %.0f ms\n", 1000*took[len(took)/2], 1000*took[len(took)*95/100])

	var errs []error
	if all.count.Rate() > maxWER {
		errs = append(errs, fmt.Errorf("word error rate %s, allowed are %.1f %%", all.count, 100*maxWER))
	}
	if bare != nil {
		fmt.Printf("sherpa-onnx-node, one thread, clip by clip beside it: WER %s, %.1f s, %.1f s of processor time; Mynah: %.1f s, %.1f s; that is %.2f and %.2f times\n",
			besideCount, beside.Seconds, beside.CPU, all.took, cpu, all.took/beside.Seconds, cpu/beside.CPU)
		if all.took > maxTime*beside.Seconds {
			errs = append(errs, fmt.Errorf("takes %.2f times what sherpa-onnx-node takes, allowed are %.1f", all.took/beside.Seconds, maxTime))
		}
	}
	return errors.Join(errs...)
}

// noise checks that clips without speech give no text.
func (b *bench) noise(ctx context.Context, clips []clip) error {
	var errs []error
	n := 0
	for _, c := range clips {
		if !strings.HasPrefix(c.File, "noise/") {
			continue
		}
		n++
		t, err := b.transcribe(ctx, c.File)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.File, err))
		} else if t.Text != "" {
			errs = append(errs, fmt.Errorf("%s: phantom text %q", c.File, t.Text))
		}
	}
	fmt.Printf("noise: %d of %d clips give no text\n", n-len(errs), n)
	return errors.Join(errs...)
}

// formats checks that every clip with audio in formats/ decodes, and that the others give their error.
func (b *bench) formats(ctx context.Context, clips []clip) error {
	var errs []error
	n := 0
	for _, c := range clips {
		if !strings.HasPrefix(c.File, "formats/") {
			continue
		}
		n++
		f, err := os.Open(filepath.Join(b.data, c.File))
		if err != nil {
			return err
		}
		samples := 0
		err = audio.Decode(ctx, f, audio.Limits{}, func(s []float32) error { samples += len(s); return nil })
		f.Close()
		seconds := float64(samples) / audio.DecodeRate
		switch {
		case c.Seconds > 0 && err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", c.File, err))
		case c.Seconds > 0 && (seconds < c.Seconds-0.2 || seconds > c.Seconds+0.2):
			errs = append(errs, fmt.Errorf("%s: %.2f s decoded of %.2f s", c.File, seconds, c.Seconds))
		case c.Seconds == 0 && err == nil:
			errs = append(errs, fmt.Errorf("%s: decoded, but it is no audio", c.File))
		}
	}
	fmt.Printf("formats: %d of %d files as they should be\n", n-len(errs), n)
	return errors.Join(errs...)
}

// long joins clips with pauses into files of about a minute, and compares their error rate with that of the clips.
func (b *bench) long(ctx context.Context, clips []clip) error {
	const minute = 60
	var parts, whole wer.Count
	var files int
	var samples []float32
	var texts []string
	flush := func() error {
		t, err := b.engine.Transcribe(ctx, bytes.NewReader(wav.Encode(spoken.Rate, samples)), []string{"en"}, nil)
		if err != nil {
			return err
		}
		count := wer.Compare(strings.Join(texts, " "), t.Text)
		if b.verbose && count.Errors > 0 {
			fmt.Printf("long %d/%d\n  said  %s\n  heard %s\n", count.Errors, count.Words, strings.Join(texts, " "), t.Text)
		}
		whole = whole.Add(count)
		files++
		samples, texts = nil, nil
		return nil
	}
	for _, c := range clips {
		if !strings.HasPrefix(c.File, "en/") {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(b.data, c.File))
		if err != nil {
			return err
		}
		if len(raw) < 44 || string(raw[36:40]) != "data" {
			return fmt.Errorf("%s has no plain header", c.File)
		}
		for i := 44; i+1 < len(raw); i += 2 {
			samples = append(samples, float32(int16(binary.LittleEndian.Uint16(raw[i:])))/(1<<15))
		}
		samples = append(samples, make([]float32, spoken.Rate*7/10)...)
		texts = append(texts, c.Text)
		parts = parts.Add(b.single[c.File])
		if len(samples) >= minute*spoken.Rate {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(samples) > 0 {
		if err := flush(); err != nil {
			return err
		}
	}
	fmt.Printf("joined with pauses into %d files of a minute: WER %s, the single clips %s\n", files, whole, parts)
	if whole.Rate() > parts.Rate()+maxLongLoss {
		return fmt.Errorf("long files have a word error rate of %s, single clips %s", whole, parts)
	}
	return nil
}

// processorTime is what this process and those that it waited for have used, in seconds.
func processorTime() float64 {
	sum := 0.0
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err == nil {
			sum += float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
		}
	}
	return sum
}

func manifest(path string) ([]clip, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var clips []clip
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var c clip
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		clips = append(clips, c)
	}
	if len(clips) == 0 && lines.Err() == nil {
		return nil, fmt.Errorf("%s is empty", path)
	}
	return clips, lines.Err()
}
