// Command bench trains and tests the learning engine on the public data sets in ../shared/data/nlu and prints the
// figures beside those to be reached. With -peers it runs scikit-learn and fastText on the same split, where Python has them.
package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	_ "embed"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/learn/sentence"
	"github.com/mynahbot/mynah/internal/learn/sentence/e5"
	"github.com/mynahbot/mynah/internal/learn/sentence/muse"
	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/speech/models"
)

//go:embed peers.py
var peersPy string

// set is one row of the table: what to train and test on, and what is to be reached.
type set struct {
	name, train, test, oos string
	beat, reach, seconds   float64 // accuracy of the best other tool, to be reached, and the training time allowed
	auroc                  float64 // to be reached, 0 for none
	encoded                float64 // accuracy to be reached with a sentence encoder, 0 for that without
}

// What a sentence encoder may cost in training, in seconds a text, and the AUROC of texts out of scope to be reached with one.
const (
	encoderSeconds = 0.001
	encodedAUROC   = .970
)

var sets = []set{
	{"banking77", "banking77/train", "banking77/test", "", .916, .920, 2, 0, 0},
	{"banking77 10-shot", "banking77/train_10", "banking77/test", "", .758, .775, .5, 0, .835},
	{"banking77 5-shot", "banking77/train_5", "banking77/test", "", .656, .680, .5, 0, .755},
	{"clinc150", "clinc150/train", "clinc150/test", "clinc150/test_oos", .928, .932, 4, .960, 0},
	{"clinc150 10-shot", "clinc150/train_10", "clinc150/test", "clinc150/test_oos", .814, .825, .5, 0, .895},
	{"clinc150 5-shot", "clinc150/train_5", "clinc150/test", "clinc150/test_oos", .736, .755, .5, 0, .845},
	{"snips", "snips/train", "snips/test", "", .980, .982, 1, 0, 0},
	{"sms_spam", "sms_spam/train", "sms_spam/test", "", .992, .992, 1, 0, 0},
	{"sentiment3k", "sentiment3k/train", "sentiment3k/test", "", .854, .860, .5, 0, 0},
	{"hint3_curekart", "hint3_curekart/train", "hint3_curekart/test", "hint3_curekart/test_oos", .832, .840, .2, 0, .865},
	{"ru_hwu20", "ru_hwu20/train", "ru_hwu20/test", "", .860, .880, .2, 0, .890},
	{"braun_chatbot", "braun_chatbot/train", "braun_chatbot/test", "", .991, 0, 0, 0, 0},
	{"braun_askubuntu", "braun_askubuntu/train", "braun_askubuntu/test", "", .927, 0, 0, 0, 0},
	{"qa_stackfaq replies", "qa_stackfaq/train", "qa_stackfaq/test", "clinc150/test_oos", .939, .950, .2, .990, 0},
}

func main() {
	data := flag.String("data", "../shared/data/nlu", "folder of the data sets")
	only := flag.String("only", "", "run only the sets whose name contains this")
	peers := flag.Bool("peers", false, "run scikit-learn and fastText beside")
	large := flag.Bool("large", false, "also train on 200,000 generated texts")
	encoder := flag.String("encoder", "", "an installed sentence encoder to use, by its name")
	flag.Parse()
	b := bench{w: os.Stdout, data: *data, only: *only, peers: *peers, large: *large}
	if err := b.run(*encoder); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of this program.
type bench struct {
	w            io.Writer
	data, only   string
	peers, large bool
	encoder      learn.Encoder // or nil
}

// openEncoder loads an installed encoder.
func openEncoder(name string) (interface {
	learn.Encoder
	io.Closer
}, error) {
	catalogue, err := models.BuiltIn()
	if err != nil {
		return nil, err
	}
	store, err := models.Open(catalogue, models.Dirs(os.Getenv("MYNAH_MODELS"), "")...)
	if err != nil {
		return nil, err
	}
	library, err := store.Find(models.Library, "")
	if err != nil {
		return nil, err
	}
	if err := onnx.Load(library.File("onnxruntime")); err != nil {
		return nil, err
	}
	m, err := store.Installed(name)
	if err != nil {
		return nil, err
	}
	switch m.Kind {
	case models.KindMUSE:
		return muse.Open(name, muse.Files{Model: m.File("model"), Table: m.File("table"), Tokenizer: m.File("tokenizer")})
	case models.KindE5:
		return e5.Open(name, m.File("model"), m.File("weights"))
	}
	return sentence.Open(name, m.File("model"), m.File("tokenizer"))
}

func (b *bench) run(encoder string) (err error) {
	if encoder != "" {
		enc, err := openEncoder(encoder)
		if err != nil {
			return err
		}
		defer enc.Close()
		b.encoder = enc
	}
	tw := tabwriter.NewWriter(b.w, 2, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "set\tothers\treach\taccuracy\tmacro-F1\theld-out\ttrain s (allowed)\tcpu s\tece\tpredict µs\tOOS AUROC (reach)\tfile MB\t")
	ran := 0
	for _, s := range sets {
		if !strings.Contains(s.name, b.only) {
			continue
		}
		if err := b.set(tw, s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		ran++
	}
	tw.Flush()
	if ran == 0 && !b.large {
		return fmt.Errorf("no set's name contains %q", b.only)
	}
	if b.large {
		if err := benchLarge(b.w); err != nil {
			return err
		}
	}
	if b.peers {
		return runPeers(b.w, b.data, b.only)
	}
	return nil
}

func read(data, name string) ([]record.Example, error) {
	if name == "" {
		return nil, nil
	}
	examples, _, err := dataset.ReadPath(context.Background(), os.DirFS(data), name+".jsonl", dataset.ReadOptions{})
	return examples, err
}

func (b *bench) set(w io.Writer, s set) error {
	data := b.data
	examples, err := read(data, s.train)
	if err != nil {
		return err
	}
	test, err := read(data, s.test)
	if err != nil {
		return err
	}
	oos, err := read(data, s.oos)
	if err != nil {
		return err
	}
	var outside []string
	for _, e := range oos {
		outside = append(outside, e.Text)
	}
	ctx := context.Background()
	matcher, err := answer.NewMatcher(b.encoder, "", nil)
	if err != nil {
		return err
	}
	if err := matcher.Warm(ctx); err != nil {
		return err
	}
	runtime.GC()
	began, cpu := time.Now(), cpuTime()
	m, report, err := learn.Train(ctx, examples, learn.Options{Seed: 1, Encoder: b.encoder})
	if err != nil {
		return err
	}
	predict := func(text string) (learn.Prediction, error) { return m.PredictEncoded(ctx, b.encoder, text) }
	if m.Questions() > 0 { // which are answered by the evidence
		if m, err = matcher.Keep(ctx, m); err != nil {
			return err
		}
		known, err := matcher.Know(ctx, m, b.encoder)
		if err != nil {
			return err
		}
		predict = func(text string) (learn.Prediction, error) { return known.PredictHere(ctx, text) }
	}
	took, used := time.Since(began), cpuTime()-cpu
	var file bytes.Buffer
	if err := m.Save(&file); err != nil {
		return err
	}
	ev, err := learn.EvaluateWith(m, predict, test, outside)
	if err != nil {
		return err
	}
	accuracy, heldOut := ev.Accuracy, fmt.Sprintf("%.4f", report.HeldOut.Accuracy)
	if ev.Examples == 0 {
		accuracy, heldOut = ev.ReplyAccuracy, "-"
	}
	reach, seconds, auroc := s.reach, s.seconds, s.auroc
	if b.encoder != nil {
		reach = cmp.Or(s.encoded, reach)
		if seconds > 0 {
			seconds += encoderSeconds * float64(len(examples))
		}
		if auroc > 0 {
			auroc = max(auroc, encodedAUROC)
		}
	}
	known := "-"
	if len(outside) > 0 {
		known = fmt.Sprintf("%.4f%s", ev.OOSAUROC, target(auroc, " (%.3f)"))
	}
	fmt.Fprintf(w, "%s\t%.3f\t%s\t%.4f%s\t%.4f\t%s\t%.2f%s\t%.2f\t%.3f\t%.1f\t%s\t%.2f\t\n", s.name, s.beat, target(reach, "%.3f"), accuracy, mark(accuracy, reach),
		ev.MacroF1, heldOut, took.Seconds(), target(seconds, " (%.1f)"), used.Seconds(), ev.ECE, ev.PredictMicros, known, float64(file.Len())/1e6)
	return nil
}

func target(v float64, format string) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf(format, v)
}

func mark(got, want float64) string {
	if got < want {
		return " !"
	}
	return ""
}

// cpuTime is the processor time that this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMemory is the largest resident size of this process so far, in bytes.
func peakMemory() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Maxrss << 10
}

func runPeers(w io.Writer, data, only string) error {
	python, err := exec.LookPath("python3")
	if err != nil {
		fmt.Fprintln(w, "Other tools were not run: python3 is not installed.")
		return nil
	}
	args := []string{"-c", peersPy, data}
	for _, s := range sets {
		if strings.Contains(s.name, only) {
			args = append(args, strings.Join([]string{s.name, filepath.FromSlash(s.train), filepath.FromSlash(s.test), filepath.FromSlash(s.oos)}, ","))
		}
	}
	cmd := exec.Command(python, args...)
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	if err := cmd.Run(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); ok {
			return fmt.Errorf("the other tools failed: %w", err)
		}
		return err
	}
	return nil
}
