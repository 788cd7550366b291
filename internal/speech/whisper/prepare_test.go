package whisper

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
)

// small is a model with one layer.
var small = dimensions{mels: 8, width: 64, heads: 1, layers: 1, audioContext: 30, textContext: 16, vocabulary: 16}

var smallWords = []string{"a", "b", "Ġc", "Ċ", "d", "e", "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|ru|>",
	"<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"}

// weightsFile is a model.bin with random weights, as half floats.
func weightsFile(d dimensions) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	shapes := map[string][]int{
		"encoder/position_encodings/encodings": {d.audioContext, d.width}, "decoder/position_encodings/encodings": {d.textContext, d.width},
		"encoder/conv1/weight": {d.width, d.mels, 3}, "encoder/conv2/weight": {d.width, d.width, 3}, "decoder/embeddings/weight": {d.vocabulary, d.width},
	}
	linear := func(name string, outputs, inputs int) {
		shapes[name+"/weight"], shapes[name+"/bias"] = []int{outputs, inputs}, []int{outputs}
	}
	norm := func(name string) { shapes[name+"/gamma"], shapes[name+"/beta"] = []int{d.width}, []int{d.width} }
	shapes["encoder/conv1/bias"], shapes["encoder/conv2/bias"] = []int{d.width}, []int{d.width}
	norm("encoder/layer_norm")
	norm("decoder/layer_norm")
	for _, side := range []string{"encoder", "decoder"} {
		name := side + "/layer_0"
		norm(name + "/self_attention/layer_norm")
		norm(name + "/ffn/layer_norm")
		linear(name+"/self_attention/linear_0", 3*d.width, d.width)
		linear(name+"/self_attention/linear_1", d.width, d.width)
		linear(name+"/ffn/linear_0", 4*d.width, d.width)
		linear(name+"/ffn/linear_1", d.width, 4*d.width)
	}
	norm("decoder/layer_0/attention/layer_norm")
	linear("decoder/layer_0/attention/linear_0", d.width, d.width)
	linear("decoder/layer_0/attention/linear_1", 2*d.width, d.width)
	linear("decoder/layer_0/attention/linear_2", d.width, d.width)

	var b []byte
	text := func(s string) { b = append(append(binary.LittleEndian.AppendUint16(b, uint16(len(s)+1)), s...), 0) }
	number := func(n int) { b = binary.LittleEndian.AppendUint32(b, uint32(n)) }
	number(6)
	text("WhisperSpec")
	number(3)
	number(len(shapes))
	for name, shape := range shapes {
		text(name)
		b = append(b, byte(len(shape)))
		elements := 1
		for _, n := range shape {
			number(n)
			elements *= n
		}
		b = append(b, elementFloat16)
		number(2 * elements)
		for range elements {
			x := r.Float32()*0.25 - 0.125
			if strings.HasSuffix(name, "gamma") {
				x = 1
			}
			f := math.Float32bits(x)
			b = binary.LittleEndian.AppendUint16(b, uint16(f>>16&0x8000|(f>>23&0xff-112)&31<<10|f>>13&0x3ff))
		}
	}
	number(1)
	text("decoder/projection/weight")
	text("decoder/embeddings/weight")
	return b
}

// folder has the files that [Prepare] takes.
func folder(t *testing.T) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	file := weightsFile(small)
	config, err := json.Marshal(map[string]any{"suppress_ids": []int{1, 3}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		firstPart: file[:len(file)/2], secondPart: file[len(file)/2:], configFile: config, vocabularyFile: []byte(strings.Join(smallWords, "\n") + "\n"),
	} {
		if err := root.WriteFile(name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestPrepare has the runtime compute with what is written: token by token it comes to the same as all at once.
func TestPrepare(t *testing.T) {
	if err := onnx.Load(speechtest.Model(t, speech.KindLibrary, "").File("onnxruntime")); err != nil {
		t.Fatal(err)
	}
	root := folder(t)
	if err := Prepare(root); err != nil {
		t.Fatal(err)
	}
	var names []string
	entries, err := os.ReadDir(root.Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{DecoderFile, EncoderFile, TokensFile}; !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}
	if table, err := root.ReadFile(TokensFile); err != nil || !strings.HasPrefix(string(table), "YQ== 0\nYg== 1\nIGM= 2\nCg== 3\n") {
		t.Errorf("tokens %q, %v", table, err)
	}
	first, err := root.ReadFile(EncoderFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, note := range []string{"sot_sequence\x12\x067,8,11", "all_language_codes\x12\x05en,ru", "non_speech_tokens\x12\x031,3", "n_text_ctx\x12\x0216"} {
		if !bytes.Contains(first, []byte(note)) {
			t.Errorf("the encoder lacks the note %q", note)
		}
	}

	listen, err := onnx.NewSession(filepath.Join(root.Name(), EncoderFile), []string{"mel"}, []string{"n_layer_cross_k", "n_layer_cross_v"})
	if err != nil {
		t.Fatal(err)
	}
	defer listen.Close()
	read, err := onnx.NewSession(filepath.Join(root.Name(), DecoderFile),
		[]string{"tokens", "in_n_layer_self_k_cache", "in_n_layer_self_v_cache", "n_layer_cross_k", "n_layer_cross_v", "offset"},
		[]string{"logits", "out_n_layer_self_k_cache", "out_n_layer_self_v_cache"})
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	const frames = 40
	sound := make([]float32, small.mels*frames)
	for i := range sound {
		sound[i] = float32(math.Sin(float64(i)))
	}
	audio, err := listen.Run(onnx.Tensor{Shape: []int64{1, int64(small.mels), frames}, Float32: sound})
	if err != nil {
		t.Fatal(err)
	}
	if want := []int64{1, 1, frames / 2, 64}; !slices.Equal(audio[0].Shape, want) || !slices.Equal(audio[1].Shape, want) {
		t.Fatalf("shapes %v and %v, want %v", audio[0].Shape, audio[1].Shape, want)
	}
	empty := onnx.Tensor{Shape: []int64{1, 1, int64(small.textContext), 64}, Float32: make([]float32, small.textContext*64)}
	step := func(keys, values onnx.Tensor, offset int64, tokens ...int64) []onnx.Tensor {
		out, err := read.Run(onnx.Tensor{Shape: []int64{1, int64(len(tokens))}, Int64: tokens}, keys, values, audio[0], audio[1],
			onnx.Tensor{Shape: []int64{1}, Int64: []int64{offset}})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	tokens := []int64{7, 9, 11, 15, 2, 4}
	whole := step(empty, empty, 0, tokens...)[0].Float32
	keys, values := empty, empty
	for i, token := range tokens {
		out := step(keys, values, int64(i), token)
		keys, values = out[1], out[2]
		row := whole[i*small.vocabulary : (i+1)*small.vocabulary]
		for j, x := range out[0].Float32 {
			if d := math.Abs(float64(x - row[j])); d > 0.25 {
				t.Errorf("token %d: logit %d is %.3f alone and %.3f among all", i, j, x, row[j])
			}
		}
	}
	// A later token must not be seen by an earlier one.
	other := step(empty, empty, 0, append(slices.Clone(tokens[:5]), 0)...)[0].Float32
	for i, x := range other[:3*small.vocabulary] {
		if math.Abs(float64(x-whole[i])) > 0.25 {
			t.Fatalf("logit %d changes with what comes later: %v, %v", i, x, whole[i])
		}
	}
}

func TestPrepareRefuses(t *testing.T) {
	for name, break_ := range map[string]func(root *os.Root) error{
		"half the weights":   func(r *os.Root) error { return r.WriteFile(secondPart, nil, 0o644) },
		"no second part":     func(r *os.Root) error { return r.Remove(secondPart) },
		"other weights":      func(r *os.Root) error { return r.WriteFile(firstPart, []byte("\x06\x00\x00\x00\x03\x00ab\x00"), 0o644) },
		"a small vocabulary": func(r *os.Root) error { return r.WriteFile(vocabularyFile, []byte("a\nb\n"), 0o644) },
		"a longer vocabulary": func(r *os.Root) error {
			return r.WriteFile(vocabularyFile, []byte(strings.Join(smallWords, "\n")+"\nx\n"), 0o644)
		},
		"no settings": func(r *os.Root) error { return r.WriteFile(configFile, []byte("["), 0o644) },
	} {
		root := folder(t)
		if err := break_(root); err != nil {
			t.Fatal(err)
		}
		if err := Prepare(root); err == nil {
			t.Errorf("%s: prepared", name)
		}
	}
}

func TestHalf(t *testing.T) {
	for bits, want := range map[uint16]float32{0: 0, 0x3c00: 1, 0xc000: -2, 0x3555: 0.33325195, 1: 5.9604645e-8, 0x7c00: float32(math.Inf(1)), 0x7bff: 65504} {
		if got := half(bits); got != want {
			t.Errorf("%#x: %v, want %v", bits, got, want)
		}
	}
}

func FuzzReadWeights(f *testing.F) {
	file := weightsFile(dimensions{mels: 1, width: 1, heads: 1, layers: 1, audioContext: 1, textContext: 1, vocabulary: 1})
	f.Add(file)
	f.Add(file[:100])
	f.Fuzz(func(t *testing.T, file []byte) {
		w, err := readWeights(bytes.NewReader(file))
		if err != nil {
			return
		}
		for name, tensor := range w {
			if len(tensor.raw) > len(file) {
				t.Errorf("%s has %d bytes of a file of %d", name, len(tensor.raw), len(file))
			}
			if _, err := w.floats(name, tensor.shape...); err != nil && tensor.kind == elementFloat32 && fmt.Sprint(tensor.shape) == "[1]" && len(tensor.raw) == 4 {
				t.Error(err)
			}
		}
		if d, err := measure(w); err == nil && d.layers > len(w) {
			t.Errorf("%d layers of %d tensors", d.layers, len(w))
		}
	})
}
