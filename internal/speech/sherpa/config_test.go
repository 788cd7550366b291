package sherpa

import (
	"testing"
	"unsafe"
)

// The wanted numbers are those of a C compiler for c-api.h; they agree with the offsets in the compiled 1.13.8.
func TestLayout(t *testing.T) {
	var c recognizerConfig
	for name, tc := range map[string]struct{ got, want uintptr }{
		"size":             {unsafe.Sizeof(c), 608},
		"transducer":       {unsafe.Offsetof(c.transducer), 8},
		"whisper":          {unsafe.Offsetof(c.whisper), 48},
		"tdnn":             {unsafe.Offsetof(c.tdnn), 96},
		"tokens":           {unsafe.Offsetof(c.tokens), 104},
		"threads":          {unsafe.Offsetof(c.threads), 112},
		"debug":            {unsafe.Offsetof(c.debug), 116},
		"provider":         {unsafe.Offsetof(c.provider), 120},
		"model type":       {unsafe.Offsetof(c.modelType), 128},
		"modeling unit":    {unsafe.Offsetof(c.modelingUnit), 136},
		"bpe vocabulary":   {unsafe.Offsetof(c.bpeVocab), 144},
		"telespeech":       {unsafe.Offsetof(c.telespeech), 152},
		"sense voice":      {unsafe.Offsetof(c.senseVoice), 160},
		"moonshine":        {unsafe.Offsetof(c.moonshine), 184},
		"fire red":         {unsafe.Offsetof(c.fireRed), 224},
		"dolphin":          {unsafe.Offsetof(c.dolphin), 240},
		"zipformer ctc":    {unsafe.Offsetof(c.zipformerCTC), 248},
		"canary":           {unsafe.Offsetof(c.canary), 256},
		"wenet ctc":        {unsafe.Offsetof(c.wenetCTC), 296},
		"omnilingual":      {unsafe.Offsetof(c.omnilingual), 304},
		"med asr":          {unsafe.Offsetof(c.medASR), 312},
		"fun asr nano":     {unsafe.Offsetof(c.funASRNano), 320},
		"fire red ctc":     {unsafe.Offsetof(c.fireRedCTC), 408},
		"qwen3":            {unsafe.Offsetof(c.qwen3), 416},
		"cohere":           {unsafe.Offsetof(c.cohere), 480},
		"language model":   {unsafe.Offsetof(c.lm), 512},
		"decoding method":  {unsafe.Offsetof(c.decodingMethod), 528},
		"max active paths": {unsafe.Offsetof(c.maxActivePaths), 536},
		"hotwords file":    {unsafe.Offsetof(c.hotwordsFile), 544},
		"hotwords score":   {unsafe.Offsetof(c.hotwordsScore), 552},
		"rule fsts":        {unsafe.Offsetof(c.ruleFSTs), 560},
		"rule fars":        {unsafe.Offsetof(c.ruleFARs), 568},
		"blank penalty":    {unsafe.Offsetof(c.blankPenalty), 576},
		"homophones":       {unsafe.Offsetof(c.homophones), 584},
		"merged decoder":   {unsafe.Offsetof(c.moonshine) + unsafe.Offsetof(c.moonshine.mergedDecoder), 216},
	} {
		if tc.got != tc.want {
			t.Errorf("%s is at %d, want %d", name, tc.got, tc.want)
		}
	}
}

func TestResultLayout(t *testing.T) {
	var r recognizerResult
	for name, tc := range map[string]struct{ got, want uintptr }{
		"timestamps":        {unsafe.Offsetof(r.timestamps), 8},
		"count":             {unsafe.Offsetof(r.count), 16},
		"tokens":            {unsafe.Offsetof(r.tokens), 24},
		"array of tokens":   {unsafe.Offsetof(r.tokensArray), 32},
		"json":              {unsafe.Offsetof(r.json), 40},
		"language":          {unsafe.Offsetof(r.lang), 48},
		"emotion":           {unsafe.Offsetof(r.emotion), 56},
		"event":             {unsafe.Offsetof(r.event), 64},
		"durations":         {unsafe.Offsetof(r.durations), 72},
		"log probabilities": {unsafe.Offsetof(r.logProbs), 80},
	} {
		if tc.got != tc.want {
			t.Errorf("%s is at %d, want %d", name, tc.got, tc.want)
		}
	}
}
