package speech

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/mynahbot/mynah/internal/spoken"
)

// ModelFile is the name of the file in an installed model's folder that describes it: a [Model] as JSON.
const ModelFile = "model.json"

// maxModelFile limits the size of a [ModelFile]: a description is a few hundred bytes.
const maxModelFile = 64 << 10

// Kind says what a model folder holds. For recognizers it is sherpa-onnx's name of the architecture.
type Kind string

// The kinds that are not recognizers. Each names the roles of its files.
const (
	KindLibrary Kind = "library" // library (libsherpa-onnx-c-api.so), onnxruntime (libonnxruntime.so)
	KindVAD     Kind = "vad"     // model (Silero)
	KindPiper   Kind = "piper"   // model, tokens, data (the folder espeak-ng-data)
)

// The kinds of recognizers, with the roles of their files. Each but Moonshine's older export names its roles as
// sherpa-onnx's configuration does.
const (
	KindMoonshine      Kind = "moonshine"       // encoder, merged_decoder, tokens; or preprocessor, encoder, uncached_decoder, cached_decoder, tokens
	KindWhisper        Kind = "whisper"         // encoder, decoder, tokens
	KindTransducer     Kind = "transducer"      // encoder, decoder, joiner, tokens
	KindNemoTransducer Kind = "nemo_transducer" // encoder, decoder, joiner, tokens
	KindNemoCTC        Kind = "nemo_ctc"        // model, tokens
	KindZipformerCTC   Kind = "zipformer_ctc"   // model, tokens
	KindSenseVoice     Kind = "sense_voice"     // model, tokens
	KindParaformer     Kind = "paraformer"      // model, tokens
	KindWenetCTC       Kind = "wenet_ctc"       // model, tokens
	KindDolphin        Kind = "dolphin"         // model, tokens
	KindOmnilingual    Kind = "omnilingual"     // model, tokens
	KindCanary         Kind = "canary"          // encoder, decoder, tokens
	KindFireRed        Kind = "fire_red_asr"    // encoder, decoder, tokens
)

// Model describes an installed model folder.
type Model struct {
	Name      string            `json:"name"`
	Kind      Kind              `json:"kind"`
	Languages []string          `json:"languages,omitempty"` // BCP 47 primary tags; empty for what knows no language
	Files     map[string]string `json:"files"`               // role → file name inside the folder

	Folder string `json:"-"` // where it was read from
}

// File is the path of the file with that role, "" where the model has none.
func (m *Model) File(role string) string {
	name := m.Files[role]
	if name == "" {
		return ""
	}
	return filepath.Join(m.Folder, name)
}

// Covers reports whether the model knows the language.
func (m *Model) Covers(language string) bool { return slices.Contains(m.Languages, language) }

// Begin returns the transcript of an utterance before its words are known, in the utterance's language or, where that has none, in the
// model's first. It refuses a language that the model doesn't know with a *[NoModelError], and what is longer than [MaxUtterance].
func (m *Model) Begin(u spoken.Utterance) (spoken.Transcript, error) {
	language := u.Language
	if language == "" {
		language = m.Languages[0]
	}
	if !m.Covers(language) {
		return spoken.Transcript{}, &spoken.NoModelError{Language: language}
	}
	length := spoken.Duration(len(u.Samples))
	if length > spoken.MaxUtterance {
		return spoken.Transcript{}, fmt.Errorf("model %s: an utterance of %v is over %v", m.Name, length, spoken.MaxUtterance)
	}
	return spoken.Transcript{Language: language, Confidence: 1, Audio: length, Speech: length}, nil
}

// ReadModel reads the description in folder and checks that every file it names is there.
func ReadModel(folder string) (*Model, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	defer root.Close()
	f, err := root.Open(ModelFile)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", folder, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxModelFile+1))
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", folder, err)
	}
	if len(b) > maxModelFile {
		return nil, fmt.Errorf("model %s: %s is over %d bytes", folder, ModelFile, maxModelFile)
	}
	m := &Model{Folder: folder}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("model %s: %s: %w", folder, ModelFile, err)
	}
	for role, name := range m.Files {
		if _, err := root.Stat(name); err != nil {
			return nil, fmt.Errorf("model %s: its %s is missing: %w", folder, role, err)
		}
	}
	return m, nil
}
