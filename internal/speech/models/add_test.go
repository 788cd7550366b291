package models

import (
	"archive/zip"
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/mynahbot/mynah/internal/speech"
)

// network is an ONNX file without content, which says what it is.
func network(modelType string) []byte {
	entry := protowire.AppendTag(nil, 1, protowire.BytesType)
	entry = protowire.AppendString(entry, "model_type")
	entry = protowire.AppendTag(entry, 2, protowire.BytesType)
	entry = protowire.AppendString(entry, modelType)
	b := protowire.AppendTag(nil, 7, protowire.BytesType)
	b = protowire.AppendBytes(b, []byte("graph"))
	b = protowire.AppendTag(b, 14, protowire.BytesType)
	return protowire.AppendBytes(b, entry)
}

const voiceConfig = `{"audio": {"sample_rate": 22050}, "espeak": {"voice": "ru"}, "phoneme_id_map": {"_": [0], "^": [1], "$": [2]},
	"language": {"family": "ru"}}`

func write(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAdd(t *testing.T) {
	voice := map[string][]byte{"irina.onnx": network("vits"), "irina.onnx.json": []byte(voiceConfig)}
	transducer := map[string][]byte{"encoder.int8.onnx": network("EncDecRNNTBPEModel"), "decoder.onnx": nil, "joiner.onnx": nil, "tokens.txt": nil}
	for name, test := range map[string]struct {
		files map[string][]byte
		path  string // inside the folder of the files
		a     Addition
		want  *speech.Model
		err   string
	}{
		"a Piper voice by its network": {voice, "irina.onnx", Addition{}, &speech.Model{Name: "irina", Kind: speech.KindPiper, Languages: []string{"ru"},
			Files: map[string]string{"model": "irina.onnx", "tokens": "tokens.txt"}}, ""},
		"a Piper voice by its folder": {voice, "", Addition{Name: "irina", Languages: []string{"uk"}}, &speech.Model{Name: "irina", Kind: speech.KindPiper, Languages: []string{"uk"},
			Files: map[string]string{"model": "irina.onnx", "tokens": "tokens.txt"}}, ""},
		"a sentence encoder": {map[string][]byte{"model_quantized.onnx": network(""), "tokenizer.json": []byte("{}")}, "", Addition{Name: "small"}, &speech.Model{Name: "small", Kind: KindEncoder,
			Files: map[string]string{"model": "model_quantized.onnx", "tokenizer": "tokenizer.json"}}, ""},
		"a NeMo transducer": {transducer, "", Addition{Name: "own", Languages: []string{"ru"}}, &speech.Model{Name: "own", Kind: speech.KindNemoTransducer, Languages: []string{"ru"},
			Files: map[string]string{"encoder": "encoder.int8.onnx", "decoder": "decoder.onnx", "joiner": "joiner.onnx", "tokens": "tokens.txt"}}, ""},
		"a NeMo CTC": {map[string][]byte{"model.int8.onnx": network("EncDecCTCModelBPE"), "tokens.txt": nil}, "", Addition{Name: "own", Languages: []string{"ru"}},
			&speech.Model{Name: "own", Kind: speech.KindNemoCTC, Languages: []string{"ru"}, Files: map[string]string{"model": "model.int8.onnx", "tokens": "tokens.txt"}}, ""},
		"Whisper": {map[string][]byte{"tiny-encoder.onnx": network("whisper-tiny"), "tiny-decoder.onnx": nil, "tiny-tokens.txt": nil}, "", Addition{Name: "own", Languages: []string{"en"}},
			&speech.Model{Name: "own", Kind: speech.KindWhisper, Languages: []string{"en"}, Files: map[string]string{"encoder": "tiny-encoder.onnx", "decoder": "tiny-decoder.onnx", "tokens": "tiny-tokens.txt"}}, ""},
		"what its kind tells": {map[string][]byte{"model.onnx": network(""), "tokens.txt": nil}, "", Addition{Name: "own", Kind: speech.KindDolphin, Languages: []string{"ja"}},
			&speech.Model{Name: "own", Kind: speech.KindDolphin, Languages: []string{"ja"}, Files: map[string]string{"model": "model.onnx", "tokens": "tokens.txt"}}, ""},

		"no languages":             {transducer, "", Addition{Name: "own"}, nil, "languages"},
		"a language by its name":   {transducer, "", Addition{Name: "own", Languages: []string{"Russian"}}, nil, "not a language"},
		"an unknown kind":          {map[string][]byte{"model.onnx": network("brand_new"), "tokens.txt": nil}, "", Addition{Name: "own", Languages: []string{"ru"}}, nil, `"brand_new"`},
		"a told kind without file": {transducer, "", Addition{Name: "own", Kind: speech.KindNemoCTC, Languages: []string{"ru"}}, nil, "must have a model"},
		"no network at all":        {map[string][]byte{"notes.md": nil}, "", Addition{Name: "own"}, nil, "can't be found out"},
		"a broken network":         {map[string][]byte{"model.onnx": []byte("<html>"), "tokens.txt": nil}, "", Addition{Name: "own", Languages: []string{"ru"}}, nil, "onnx"},
		"a voice without its JSON": {map[string][]byte{"irina.onnx": network("vits")}, "irina.onnx", Addition{}, nil, "beside it"},
		"another file":             {map[string][]byte{"notes.md": nil}, "notes.md", Addition{}, nil, "no folder"},
		"a name of the catalogue":  {transducer, "", Addition{Name: "whisper-tiny", Languages: []string{"ru"}}, nil, "the catalogue"},
		"a bad name":               {transducer, "", Addition{Name: "../own", Languages: []string{"ru"}}, nil, "no name"},
		"what is not there":        {nil, "nothing", Addition{}, nil, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			from := t.TempDir()
			write(t, from, test.files)
			c, err := BuiltIn()
			if err != nil {
				t.Fatal(err)
			}
			s := open(t, c, t.TempDir())
			got, err := s.Add(t.Context(), filepath.Join(from, test.path), test.a)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want one with %q", err, test.err)
				}
				if names, _ := s.folders(); len(names) != 0 {
					t.Errorf("%v was installed", names)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Name != test.want.Name || got.Kind != test.want.Kind || !slices.Equal(got.Languages, test.want.Languages) || !maps.Equal(got.Files, test.want.Files) {
				t.Errorf("%+v, want %+v", got, test.want)
			}
			leftovers(t, s.Dir(), got.Name)
			if err := s.Verify(got.Name); err != nil {
				t.Error(err)
			}
			if _, err := s.Add(t.Context(), filepath.Join(from, test.path), test.a); err == nil {
				t.Error("it could be added twice")
			}
		})
	}
}

// TestReadFolder reads folders as they are downloaded, and leaves them as they are.
func TestReadFolder(t *testing.T) {
	whisper := map[string][]byte{"tiny-encoder.int8.onnx": network("whisper-tiny"), "tiny-decoder.int8.onnx": nil, "tiny-tokens.txt": nil, "test_wavs/0.wav": nil}
	described := map[string][]byte{speech.ModelFile: []byte(`{"name": "own", "kind": "nemo_ctc", "languages": ["ru"], "files": {"model": "m.onnx"}}`), "m.onnx": nil}
	for name, test := range map[string]struct {
		files     map[string][]byte
		languages []string
		kind      speech.Kind
		err       string
	}{
		"Whisper":           {whisper, []string{"en", "ru"}, speech.KindWhisper, ""},
		"Zipformer":         {map[string][]byte{"encoder-epoch-99.onnx": network(""), "decoder-epoch-99.onnx": nil, "joiner-epoch-99.onnx": nil, "tokens.txt": nil}, []string{"ru"}, speech.KindTransducer, ""},
		"GigaAM":            {map[string][]byte{"model.int8.onnx": network("EncDecCTCModel"), "tokens.txt": nil}, []string{"ru"}, speech.KindNemoCTC, ""},
		"Moonshine":         {map[string][]byte{"encoder_model.onnx": nil, "decoder_model_merged.onnx": nil, "tokens.txt": nil}, []string{"en"}, speech.KindMoonshine, ""},
		"with its own word": {described, []string{"ru"}, speech.KindNemoCTC, ""},

		"a language by its name": {whisper, []string{"Russian"}, "", "not a language"},
		"no languages":           {whisper, nil, "", "languages"},
		"an unknown kind":        {map[string][]byte{"model.onnx": network("brand_new"), "tokens.txt": nil}, []string{"ru"}, "", `"brand_new"`},
		"a sentence encoder":     {map[string][]byte{"model.onnx": network(""), "tokenizer.json": nil}, nil, "", "no recognizer"},
		"a Piper voice":          {map[string][]byte{"irina.onnx": network("vits"), "irina.onnx.json": []byte(voiceConfig)}, []string{"ru"}, "", "can't be found out"},
		"nothing":                {nil, []string{"ru"}, "", "can't be found out"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, test.files)
			m, err := ReadFolder(dir, test.languages...)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) || !strings.Contains(err.Error(), dir) {
					t.Errorf("error %v, want one with %q", err, test.err)
				}
			} else if err != nil || m.Kind != test.kind || !slices.Equal(m.Languages, test.languages) || m.Folder != dir || m.Name == "" {
				t.Errorf("%+v, %v", m, err)
			}
			for file := range test.files {
				if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
					t.Error(err)
				}
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) > len(test.files) {
				t.Errorf("%v, %v", entries, err)
			}
		})
	}
	if _, err := ReadFolder(filepath.Join(t.TempDir(), "none"), "ru"); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a folder that isn't there: %v", err)
	}
}

func TestAddArchive(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range map[string][]byte{"own-model/model.onnx": network("EncDecCTCModel"), "own-model/tokens.txt": []byte("a 0\n")} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(content)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"own.zip": b.Bytes()})
	s := open(t, &Catalogue{}, t.TempDir())
	m, err := s.Add(t.Context(), filepath.Join(dir, "own.zip"), Addition{Languages: []string{"ru"}})
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != "own" || m.Kind != speech.KindNemoCTC || m.Files["tokens"] != "tokens.txt" {
		t.Errorf("%+v", m)
	}
}

func TestAddRefusesLinks(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"model.onnx": network("EncDecCTCModel")})
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "tokens.txt")); err != nil {
		t.Fatal(err)
	}
	_, err := open(t, &Catalogue{}, t.TempDir()).Add(t.Context(), dir, Addition{Name: "own", Languages: []string{"ru"}})
	if err == nil || !strings.Contains(err.Error(), "neither a file nor a folder") {
		t.Errorf("error %v", err)
	}
}
