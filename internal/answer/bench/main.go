package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mynahbot/mynah/internal/answer/evidence"
	"github.com/mynahbot/mynah/internal/learn/sentence/muse"
	"github.com/mynahbot/mynah/internal/onnx"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

type row struct{ Text, Reply string }

func rows(p string) (out []row) {
	f, err := os.Open(p)
	must(err)
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var r row
		must(json.Unmarshal(sc.Bytes(), &r))
		out = append(out, r)
	}
	return
}

type pred struct {
	Text    string   `json:"text"`
	Reply   *string  `json:"reply"`
	Score   float64  `json:"score"`
	Best    string   `json:"best"`
	Suggest []string `json:"suggest,omitempty"`
	Q       float64  `json:"q"`
}

func main() {
	data := flag.String("data", "/work/shared/data/faq", "")
	out := flag.String("out", "/tmp/lab/pred", "")
	weights := flag.String("weights", "", "")
	flag.Parse()
	home, _ := os.UserHomeDir()
	models := filepath.Join(home, ".local/share/mynah/models")
	must(onnx.Load(models + "/sherpa-onnx/libonnxruntime.so"))
	dir := filepath.Join(models, "use-multilingual-v3")
	e, err := muse.Open("x", muse.Files{Model: dir + "/model.onnx", Table: dir + "/embeddings.bin", Tokenizer: dir + "/sp.model"})
	must(err)
	ctx := context.Background()
	lines, err := evidence.Lines()
	must(err)
	b := evidence.NewBackground(lines)
	must(b.Encode(ctx, e))
	var w evidence.Weights
	raw, err := os.ReadFile(*weights)
	must(err)
	must(json.Unmarshal(raw, &w))
	j, err := evidence.NewJudge(w)
	must(err)
	t := j.Thresholds()
	fmt.Printf("%+v\n", t)
	if os.Getenv("FOLLOW") != "" {
		followExperiment(ctx, b, e, j, *data)
		return
	}
	must(os.MkdirAll(*out, 0o755))
	ds, _ := filepath.Glob(*data + "/*/faq.jsonl")
	for _, d := range ds {
		d = filepath.Dir(d)
		var taught []evidence.Wording
		for _, r := range rows(d + "/faq.jsonl") {
			taught = append(taught, evidence.Wording{Text: r.Text, Reply: r.Reply})
		}
		ix, err := evidence.NewIndex(ctx, b, e, taught)
		must(err)
		f, err := os.Create(filepath.Join(*out, filepath.Base(d)+".jsonl"))
		must(err)
		enc := json.NewEncoder(f)
		for _, part := range []string{"questions", "near", "chat"} {
			for _, r := range rows(d + "/" + part + ".jsonl") {
				a, err := ix.Ask(ctx, r.Text)
				must(err)
				v := j.Judge(a)
				p := pred{Text: r.Text, Score: v.Candidates[0].Probability, Best: v.Candidates[0].Reply, Q: v.Question}
				switch {
				case p.Score >= t.Answer && v.Question >= t.Question:
					p.Reply = &p.Best
				case v.Question >= t.Suggest:
					for _, c := range v.Candidates[:min(3, len(v.Candidates))] {
						p.Suggest = append(p.Suggest, c.Reply)
					}
				}
				must(enc.Encode(p))
			}
		}
		must(f.Close())
	}
}
