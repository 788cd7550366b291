// Command train makes the judges that ship with Mynah, from the texts beside it: one for words alone,
// and one for each sentence encoder that is named. The same texts, encoder and machine give the same
// bytes.
//
//	go run ./internal/answer/evidence/train [-encoder NAME,...] [-models FOLDER]
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/mynahbot/mynah/internal/answer/evidence"
)

func main() {
	log.SetFlags(0)
	encoders := flag.String("encoder", "use-multilingual-v3,", "names of installed sentence encoders, with commas between; an empty one is words alone")
	folder := flag.String("models", filepath.Join(os.Getenv("HOME"), ".local/share/mynah/models"), "folder of installed models")
	texts := flag.String("texts", "texts", "folder of the texts")
	out := flag.String("out", "judges", "folder of the judges")
	flag.Parse()
	for name := range strings.SplitSeq(*encoders, ",") {
		if err := run(context.Background(), name, *folder, *texts, *out); err != nil {
			log.Fatalf("train: %s: %v", name, err)
		}
	}
}

func run(ctx context.Context, name, folder, texts, out string) error {
	encoder, err := openEncoder(name, folder)
	if err != nil {
		return err
	}
	faqs, err := readFAQs(os.DirFS(texts))
	if err != nil {
		return err
	}
	lines, err := evidence.Lines()
	if err != nil {
		return err
	}
	samples, err := gather(ctx, encoder, faqs, lines)
	if err != nil {
		return err
	}
	w := learn(samples, name)
	raw, err := json.MarshalIndent(w, "", "\t")
	if err != nil {
		return err
	}
	if name == "" {
		name = "words"
	}
	fmt.Printf("%s: %d questions, answers %.3f, %.3f, suggests %.3f\n", name, len(samples.asks), w.Thresholds.Answer, w.Thresholds.Question, w.Thresholds.Suggest)
	return os.WriteFile(filepath.Join(out, name+".json"), append(raw, '\n'), 0o644)
}
