// Package speech turns speech into text: it finds where somebody speaks, cuts that into utterances, and gives each to
// a recognizer that covers its language.
//
// Start with the engine package below this one, which opens what the configuration names; or put the parts together:
// a [spoken.VAD] finds speech in frames, a [Segmenter] on top of it cuts at pauses, a [spoken.Recognizer] makes text from one
// utterance, and a [Transcriber] runs all three over a file of any length in bounded memory. The recognizers live in
// packages of their own: sherpa runs models on this machine, google and openai ask servers.
//
// Audio in this package is mono float32 at 16 kHz. Languages are BCP 47 primary tags ("en", "ru").
package speech
