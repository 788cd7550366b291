package sherpa

import (
	"testing"
	"unsafe"
)

// The offsets were printed by a C program that includes c-api.h of version 1.13.8.
func TestVoiceLayout(t *testing.T) {
	var c voiceConfig
	var g generationConfig
	var a generatedAudio
	for name, test := range map[string]struct{ got, want uintptr }{
		"size":                {unsafe.Sizeof(c), 448},
		"noise scale":         {unsafe.Offsetof(c.vits.noiseScale), 32},
		"dict dir":            {unsafe.Offsetof(c.vits.dictDir), 48},
		"threads":             {unsafe.Offsetof(c.threads), 56},
		"provider":            {unsafe.Offsetof(c.provider), 64},
		"matcha":              {unsafe.Offsetof(c.matcha), 72},
		"kokoro":              {unsafe.Offsetof(c.kokoro), 128},
		"debug":               {unsafe.Offsetof(c.debug), 60},
		"kitten":              {unsafe.Offsetof(c.kitten), 192},
		"zipvoice":            {unsafe.Offsetof(c.zipvoice), 232},
		"pocket":              {unsafe.Offsetof(c.pocket), 296},
		"supertonic":          {unsafe.Offsetof(c.supertonic), 360},
		"speaker":             {unsafe.Offsetof(g.speaker), 8},
		"reference length":    {unsafe.Offsetof(g.referenceLength), 24},
		"reference rate":      {unsafe.Offsetof(g.referenceRate), 28},
		"reference text":      {unsafe.Offsetof(g.referenceText), 32},
		"steps":               {unsafe.Offsetof(g.steps), 40},
		"rule fsts":           {unsafe.Offsetof(c.ruleFSTs), 416},
		"max sentences":       {unsafe.Offsetof(c.maxSentences), 424},
		"rule fars":           {unsafe.Offsetof(c.ruleFARs), 432},
		"silence scale":       {unsafe.Offsetof(c.silenceScale), 440},
		"size of generation":  {unsafe.Sizeof(g), 56},
		"reference audio":     {unsafe.Offsetof(g.referenceAudio), 16},
		"extra":               {unsafe.Offsetof(g.extra), 48},
		"size of the audio":   {unsafe.Sizeof(a), 16},
		"rate of the audio":   {unsafe.Offsetof(a.rate), 12},
		"length of the audio": {unsafe.Offsetof(a.n), 8},
	} {
		if test.got != test.want {
			t.Errorf("%s: %d, want %d", name, test.got, test.want)
		}
	}
}
