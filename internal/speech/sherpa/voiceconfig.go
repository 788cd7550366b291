package sherpa

// The structures of this file mirror those of the C API for synthesis; see recognizerConfig.

// voiceConfig mirrors SherpaOnnxOfflineTtsConfig.
type voiceConfig struct {
	// SherpaOnnxOfflineTtsModelConfig
	vits struct {
		model, lexicon, tokens, dataDir      *byte
		noiseScale, noiseScaleW, lengthScale float32
		dictDir                              *byte
	}
	threads, debug int32
	provider       *byte
	matcha         struct {
		acousticModel, vocoder, lexicon, tokens, dataDir *byte
		noiseScale, lengthScale                          float32
		dictDir                                          *byte
	}
	kokoro struct {
		model, voices, tokens, dataDir *byte
		lengthScale                    float32
		dictDir, lexicon, lang         *byte
	}
	kitten struct {
		model, voices, tokens, dataDir *byte
		lengthScale                    float32
	}
	zipvoice struct {
		tokens, encoder, decoder, vocoder, dataDir, lexicon *byte
		featScale, tShift, targetRMS, guidanceScale         float32
	}
	pocket struct {
		lmFlow, lmMain, encoder, decoder, textConditioner, vocabJSON, tokenScoresJSON *byte
		voiceEmbeddingCacheCapacity                                                   int32
	}
	supertonic struct {
		durationPredictor, textEncoder, vectorEstimator, vocoder, ttsJSON, unicodeIndexer, voiceStyle *byte
	}

	ruleFSTs     *byte
	maxSentences int32
	ruleFARs     *byte
	silenceScale float32
}

// generationConfig mirrors SherpaOnnxGenerationConfig.
type generationConfig struct {
	silenceScale, speed            float32
	speaker                        int32
	referenceAudio                 *float32
	referenceLength, referenceRate int32
	referenceText                  *byte
	steps                          int32
	extra                          *byte
}

// generatedAudio mirrors SherpaOnnxGeneratedAudio.
type generatedAudio struct {
	samples *float32
	n       int32
	rate    int32
}
