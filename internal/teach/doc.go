// Package teach changes what a server's Mynah knows: from an upload, a correction or an edit to the
// model in use.
//
// [New] makes a Teacher. [Teacher.Run] is a training: it gathers what was taught, trains, compares
// the new model with the one in use, and puts it into use where it is not worse. Its [Outcome] is a
// value without sentences; who renders it finds the words. The other methods of Teacher change single
// things: they keep the change, and let it answer from then on. [May] says who may.
//
// Whoever changes what Mynah knows stands here; whoever changes how a question is decided stands in
// package answer, which this one asks for predictions.
package teach
