package sherpa

import (
	"fmt"
	"slices"
	"strings"
	"structs"

	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/spoken"
)

// The structures below mirror those of c-api.h, SherpaOnnxOffline…Config: the same fields in the same order, so that
// Go lays them out as C does. A nil string or a zero means the library's default.

type recognizerConfig struct {
	_ structs.HostLayout

	sampleRate, featureDim int32

	// SherpaOnnxOfflineModelConfig
	transducer struct{ encoder, decoder, joiner *byte }
	paraformer *byte
	nemoCTC    *byte
	whisper    struct {
		encoder, decoder, language, task                 *byte
		tailPaddings, tokenTimestamps, segmentTimestamps int32
	}
	tdnn                                                    *byte
	tokens                                                  *byte
	threads, debug                                          int32
	provider, modelType, modelingUnit, bpeVocab, telespeech *byte
	senseVoice                                              struct {
		model, language *byte
		useITN          int32
	}
	moonshine             struct{ preprocessor, encoder, uncachedDecoder, cachedDecoder, mergedDecoder *byte }
	fireRed               struct{ encoder, decoder *byte }
	dolphin, zipformerCTC *byte
	canary                struct {
		encoder, decoder, source, target *byte
		usePunctuation                   int32
	}
	wenetCTC, omnilingual, medASR *byte
	funASRNano                    struct {
		encoderAdaptor, llm, embedding, tokenizer, systemPrompt, userPrompt *byte
		maxNewTokens                                                        int32
		temperature, topP                                                   float32
		seed                                                                int32
		language                                                            *byte
		itn                                                                 int32
		hotwords                                                            *byte
	}
	fireRedCTC *byte
	qwen3      struct {
		frontend, encoder, decoder, tokenizer *byte
		maxTotal, maxNew                      int32
		temperature, topP                     float32
		seed                                  int32
		hotwords                              *byte
	}
	cohere struct {
		encoder, decoder, language *byte
		usePunctuation, useITN     int32
	}

	lm struct {
		model *byte
		scale float32
	}
	decodingMethod *byte
	maxActivePaths int32

	hotwordsFile  *byte
	hotwordsScore float32

	ruleFSTs, ruleFARs *byte
	blankPenalty       float32

	homophones struct{ dictDir, lexicon, ruleFSTs *byte }
}

// configure fills in the configuration for a model. language is what a model that takes one is told to expect.
func configure(m *speech.Model, language string) (*recognizerConfig, error) {
	for _, role := range roles(m) {
		if m.File(role) == "" {
			return nil, fmt.Errorf("model %s is of kind %s, but has no file for its %s", m.Name, m.Kind, role)
		}
	}
	file := func(role string) *byte { return cstring(m.File(role)) }
	c := &recognizerConfig{
		sampleRate:     spoken.Rate,
		featureDim:     80,
		tokens:         file("tokens"),
		threads:        1,
		provider:       cstring("cpu"),
		decodingMethod: cstring("greedy_search"),
	}
	switch m.Kind {
	case speech.KindMoonshine:
		c.moonshine.preprocessor = file("preprocessor")
		c.moonshine.encoder = file("encoder")
		c.moonshine.uncachedDecoder = file("uncached_decoder")
		c.moonshine.cachedDecoder = file("cached_decoder")
		c.moonshine.mergedDecoder = file("merged_decoder")
	case speech.KindWhisper:
		c.whisper.encoder, c.whisper.decoder = file("encoder"), file("decoder")
		c.whisper.language, c.whisper.task = cstring(language), cstring("transcribe")
	case speech.KindTransducer, speech.KindNemoTransducer:
		c.transducer.encoder, c.transducer.decoder, c.transducer.joiner = file("encoder"), file("decoder"), file("joiner")
		c.modelType = cstring(string(m.Kind))
	case speech.KindNemoCTC:
		c.nemoCTC = file("model")
	case speech.KindZipformerCTC:
		c.zipformerCTC = file("model")
	case speech.KindSenseVoice:
		c.senseVoice.model, c.senseVoice.useITN = file("model"), 1
	case speech.KindParaformer:
		c.paraformer = file("model")
	case speech.KindWenetCTC:
		c.wenetCTC = file("model")
	case speech.KindDolphin:
		c.dolphin = file("model")
	case speech.KindOmnilingual:
		c.omnilingual = file("model")
	case speech.KindCanary:
		c.canary.encoder, c.canary.decoder = file("encoder"), file("decoder")
		c.canary.source, c.canary.target, c.canary.usePunctuation = cstring(language), cstring(language), 1
	case speech.KindFireRed:
		c.fireRed.encoder, c.fireRed.decoder = file("encoder"), file("decoder")
	default:
		return nil, fmt.Errorf("model %s: its kind %q is no recognizer that sherpa-onnx %s knows", m.Name, m.Kind, Version)
	}
	return c, nil
}

// told reports whether a model of that kind is told the language in its configuration, so that it hears one language
// at a time.
func told(kind speech.Kind) bool { return kind == speech.KindWhisper || kind == speech.KindCanary }

// Languages that the models can be told. sherpa-onnx ends the process when it is given another one.
var (
	whisperLanguages = strings.Fields(`en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu
		ta no th ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn
		yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su`)
	canaryLanguages = []string{"en", "es", "de", "fr"}
)

// checkLanguages refuses languages that a model of its kind can't be told.
func checkLanguages(m *speech.Model) error {
	known := whisperLanguages
	if m.Kind == speech.KindCanary {
		known = canaryLanguages
	}
	if len(m.Languages) == 0 {
		return fmt.Errorf("model %s: which languages it understands is not said", m.Name)
	}
	for _, l := range m.Languages {
		if told(m.Kind) && !slices.Contains(known, l) {
			return fmt.Errorf("model %s: a model of kind %s does not know the language %q", m.Name, m.Kind, l)
		}
	}
	return nil
}

// roles are the files without which a model of its kind can't be loaded.
func roles(m *speech.Model) []string {
	switch m.Kind {
	case speech.KindMoonshine:
		if m.File("merged_decoder") != "" {
			return []string{"encoder", "merged_decoder", "tokens"}
		}
		return []string{"preprocessor", "encoder", "uncached_decoder", "cached_decoder", "tokens"}
	case speech.KindTransducer, speech.KindNemoTransducer:
		return []string{"encoder", "decoder", "joiner", "tokens"}
	case speech.KindWhisper, speech.KindCanary, speech.KindFireRed:
		return []string{"encoder", "decoder", "tokens"}
	default:
		return []string{"model", "tokens"}
	}
}
