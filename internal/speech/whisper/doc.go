// Package whisper recognizes with OpenAI's Whisper models, and finds out which language is spoken.
//
// [Open] loads a pair of networks as sherpa-onnx has them, and [Recognizer.Recognize] makes text of an utterance and says how certain
// it is; [Recognizer.Detect] chooses among languages. [Prepare] makes such a pair of weights that a package registry carries. What a
// model writes about sounds that are no speech, such as "[music]", is left out.
package whisper
