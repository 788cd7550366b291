package models

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/mynahbot/mynah/internal/learn/sentence/e5"
	"github.com/mynahbot/mynah/internal/learn/sentence/muse"
	"github.com/mynahbot/mynah/internal/speech"
)

// layouts tells, for each kind, the sets of roles that it can have. Each role has the patterns of its usual file
// names, the preferred first: the smaller int8 files before the others.
var layouts = map[speech.Kind][]layout{
	speech.KindMoonshine: {
		{{"encoder", []string{"encoder_model.ort", "encoder_model.onnx"}}, {"merged_decoder", []string{"decoder_model_merged.ort", "decoder_model_merged.onnx"}}, tokensRole},
		{{"preprocessor", []string{"preprocess*.onnx"}}, {"encoder", onnx("encode")}, {"uncached_decoder", onnx("uncached_decode")}, {"cached_decoder", onnx("cached_decode")}, tokensRole},
	},
	speech.KindWhisper:        {{encoderRole, decoderRole, tokensRole}},
	speech.KindCanary:         {{encoderRole, decoderRole, tokensRole}},
	speech.KindFireRed:        {{encoderRole, decoderRole, tokensRole}},
	speech.KindTransducer:     {{encoderRole, decoderRole, joinerRole, tokensRole}},
	speech.KindNemoTransducer: {{encoderRole, decoderRole, joinerRole, tokensRole}},
	speech.KindNemoCTC:        {{modelRole, tokensRole}},
	speech.KindZipformerCTC:   {{modelRole, tokensRole}},
	speech.KindSenseVoice:     {{modelRole, tokensRole}},
	speech.KindParaformer:     {{modelRole, tokensRole}},
	speech.KindWenetCTC:       {{modelRole, tokensRole}},
	speech.KindDolphin:        {{modelRole, tokensRole}},
	speech.KindOmnilingual:    {{modelRole, tokensRole}},
	speech.KindVAD:            {{{"model", []string{"silero_vad*.onnx", "*.onnx"}}}},
	speech.KindPiper: {
		{{"model", []string{"*.onnx"}}, tokensRole, {"data", []string{"espeak-ng-data"}}},
		{{"model", []string{"*.onnx"}}, tokensRole},
	},
	speech.KindLibrary: {{{"library", []string{"libsherpa-onnx-c-api.so"}}, {"onnxruntime", []string{"libonnxruntime.so"}}}},
	KindSpeaker:        {{{"model", []string{"*.onnx"}}}},
	KindMUSE:           {{{"model", []string{muse.ModelFile}}, {"table", []string{muse.TableFile}}, {"tokenizer", []string{muse.TokenizerFile}}}},
	KindE5:             {{{"model", []string{e5.ModelFile}}, {"weights", []string{e5.WeightsFile}}}},
	KindEncoder:        {{{"model", []string{"model*.onnx", "*.onnx"}}, {"tokenizer", []string{"tokenizer.json"}}}},
}

// layout is one set of roles.
type layout []role

type role struct {
	name     string
	patterns []string // of path.Match, tried in their order
}

func onnx(start string) []string { return []string{start + "*.int8.onnx", start + "*.onnx"} }

var (
	encoderRole = role{"encoder", append(onnx("encoder"), onnx("*encoder")...)}
	decoderRole = role{"decoder", append(onnx("decoder"), onnx("*decoder")...)}
	joinerRole  = role{"joiner", append(onnx("joiner"), onnx("*joiner")...)}
	modelRole   = role{"model", onnx("model")}
	tokensRole  = role{"tokens", []string{"tokens.txt", "*tokens.txt"}}
)

// roles finds the files of the kind among names, the files and folders at the top of a model's folder.
func roles(kind speech.Kind, names []string) (map[string]string, error) {
	sets, ok := layouts[kind]
	if !ok {
		return nil, fmt.Errorf("models of kind %q are not known", kind)
	}
	var missing string
	for _, set := range sets {
		files := map[string]string{}
		missing = ""
		for _, r := range set {
			if files[r.name] = match(r.patterns, names); files[r.name] == "" {
				missing = r.name
				break
			}
		}
		if missing == "" {
			return files, nil
		}
	}
	return nil, fmt.Errorf("a model of kind %s must have a %s, and none of its files is one", kind, missing)
}

// match is the first name, in alphabetical order, that matches the earliest pattern; "" where none does.
func match(patterns, names []string) string {
	names = slices.Sorted(slices.Values(names))
	for _, p := range patterns {
		for _, n := range names {
			if ok, _ := path.Match(p, n); ok {
				return n
			}
		}
	}
	return ""
}

// topNames lists the files and folders at the top of a folder.
func topNames(folder fs.FS) ([]string, error) {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
