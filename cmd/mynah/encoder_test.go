package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/onnx/graph"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
)

// words are those that the tiny encoder knows: words in one line mean the same.
var words = [][]string{
	{"buy", "purchase", "acquire", "get"}, {"car", "auto", "vehicle", "automobile"},
	{"sell", "vend", "offload"}, {"house", "home", "dwelling", "residence"},
}

// tinyEncoder writes a sentence encoder as others are: a network in ONNX, which looks up a vector for each token, and the
// tokenizer that its tokens come from.
func tinyEncoder(t *testing.T, dir string) {
	t.Helper()
	vocabulary := map[string]int{"[UNK]": 0, "[CLS]": 1, "[SEP]": 2}
	dim := len(words) + 1
	table := make([][]float32, 3, 20)
	for i := range table {
		table[i] = make([]float32, dim)
		table[i][len(words)] = 0.1
	}
	for i, same := range words {
		for _, word := range same {
			vocabulary[word] = len(table)
			row := make([]float32, dim)
			row[i] = 1
			table = append(table, row)
		}
	}
	tokenizer, err := json.Marshal(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": []any{},
		"normalizer":     map[string]any{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": true, "lowercase": true},
		"pre_tokenizer":  map[string]any{"type": "BertPreTokenizer"},
		"post_processor": map[string]any{"type": "BertProcessing", "sep": []any{"[SEP]", 2}, "cls": []any{"[CLS]", 1}},
		"decoder":        map[string]any{"type": "WordPiece", "prefix": "##", "cleanup": true},
		"model": map[string]any{
			"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocabulary,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"model.onnx": lookUpNetwork(table), "tokenizer.json": tokenizer} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// lookUpNetwork is a network whose output is the rows of the table that input_ids name.
func lookUpNetwork(table [][]float32) []byte {
	g := &graph.Graph{}
	ids := g.Input("input_ids", graph.Int64, "texts", "tokens")
	for _, unused := range []string{"attention_mask", "token_type_ids"} {
		g.Input(unused, graph.Int64, "texts", "tokens")
	}
	rows := g.Floats(slices.Concat(table...), len(table), len(table[0]))
	g.Output("last_hidden_state", g.Node("Gather", []string{rows, ids}), graph.Float32, "texts", "tokens", "dimension")
	return g.Bytes()
}

// A sentence encoder that is installed is used by trainings, and needed by the models that they make.
func TestAnInstalledEncoderIsUsed(t *testing.T) {
	pack := speechtest.Models(t)
	dir := t.TempDir()
	t.Setenv("MYNAH_MODELS", filepath.Join(dir, "models")+string(filepath.ListSeparator)+pack)
	run := func(args ...string) (code int, out, said string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		code = Main(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
		return code, stdout.String(), stderr.String()
	}
	must := func(want string, args ...string) {
		t.Helper()
		if code, out, said := run(args...); code != exitOK || !strings.Contains(out, want) {
			t.Fatalf("mynah %s: %d, without %q:\n%s%s", strings.Join(args, " "), code, want, out, said)
		}
	}
	folder := filepath.Join(dir, "tiny")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	tinyEncoder(t, folder)
	var file strings.Builder
	file.WriteString("text,label\n")
	for _, verb := range []string{"buy", "purchase", "sell", "vend"} {
		for _, thing := range []string{"car", "auto", "house", "home"} {
			for _, article := range []string{"a", "my", "the"} {
				fmt.Fprintf(&file, "%s %s %s,%s\n", verb, article, thing, map[bool]string{true: "get", false: "give"}[strings.Contains("buy purchase", verb)])
			}
		}
	}
	data, model := filepath.Join(dir, "trade.csv"), filepath.Join(dir, "trade.mynah")
	if err := os.WriteFile(data, []byte(file.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	must("tiny is installed", "models", "add", folder)
	must(`"name":"tiny","task":"encoder"`, "models", "list", "--json")
	must("tiny is used from now on", "models", "use", "tiny")
	must(`"encoder":"tiny"`, "train", "--data", data, "--model", model, "--json")
	must(`"label":"get"`, "predict", "--model", model, "acquire a vehicle", "--json")
	must(`"label":"give"`, "predict", "--model", model, "offload one dwelling", "--json")
	must(`{"examples":48,"accuracy":1,`, "test", "--model", model, "--data", data, "--json")

	// A model finds the encoder that it was trained with, whichever is used otherwise.
	other := filepath.Join(dir, "other")
	if err := os.Mkdir(other, 0o755); err != nil {
		t.Fatal(err)
	}
	tinyEncoder(t, other)
	must("other is installed", "models", "add", other)
	must("other is used from now on", "models", "use", "other")
	must(`"label":"get"`, "predict", "--model", model, "acquire a vehicle", "--json")
	must(`"encoder":"other"`, "train", "--data", data, "--model", filepath.Join(dir, "other.mynah"), "--json")

	// A damaged one is put aside, and another is used.
	damaged := filepath.Join(dir, "models", "other", "model.onnx")
	whole, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"cut": whole[:len(whole)/2], "other bytes": bytes.ToUpper(whole)} {
		if err := os.WriteFile(damaged, content, 0o644); err != nil {
			t.Fatal(err)
		}
		code, out, said := run("train", "--data", data, "--model", filepath.Join(dir, "second.mynah"), "--json")
		if code != exitOK || !strings.Contains(out, `"encoder":"`) || strings.Contains(out, `"encoder":"other"`) || strings.Count(said, "The sentence encoder other is put aside") != 1 {
			t.Errorf("%s: %d, %s%s", name, code, out, said)
		}
	}
	must("other is removed", "models", "remove", "other")
	must("tiny is used from now on", "models", "use", "tiny")

	// It is found in the data folder too, wherever that is given.
	file.Reset()
	fmt.Fprintf(&file, "data: %q", dir)
	settings := filepath.Join(dir, "mynah.yaml")
	if err := os.WriteFile(settings, []byte(file.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Run("data folder", func(t *testing.T) {
		above, last := filepath.Split(filepath.Dir(pack))
		if last != "mynah" {
			t.Skipf("%s is no XDG data folder", above)
		}
		t.Setenv("XDG_DATA_HOME", above)
		t.Setenv("MYNAH_MODELS", "")
		for variable, value := range map[string]string{"MYNAH_DATA": dir, "MYNAH_CONFIG": settings} {
			t.Run(variable, func(t *testing.T) {
				t.Setenv(variable, value)
				must(`"encoder":"tiny"`, "train", "--data", data, "--model", model, "--json")
				must(`{"examples":48,"accuracy":1,`, "test", "--model", model, "--data", data, "--json")
				must(`"label":"get"`, "predict", "--model", model, "acquire a vehicle", "--json")
			})
		}
		must(`"label":"get"`, "predict", "--model", model, "--data", dir, "acquire a vehicle", "--json")
	})

	must("tiny is removed", "models", "remove", "tiny")
	for _, args := range [][]string{{"predict", "--model", model, "buy a car"}, {"test", "--model", model, "--data", data}} {
		code, out, said := run(args...)
		if code != exitOK || !strings.Contains(said, "trained with the sentence encoder tiny, which isn't here, so that it goes by the words alone") {
			t.Errorf("%s without the encoder: %d, %s%s", args[0], code, out, said)
		}
	}
	must("48 examples", "train", "--data", data, "--model", model)
	must("get", "predict", "--model", model, "buy a car")
}
