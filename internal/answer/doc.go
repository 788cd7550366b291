// Package answer decides what Mynah says to a question: what people corrected, what the model in use
// knows, what Mynah knows about itself, what a configured chat server writes, or nothing.
//
// [New] makes an Answerer, and [Answerer.Decide] takes every question, typed or spoken. A [Decision] is
// a value without sentences: who renders it finds the words. [Answerer.Chat] asks the chat server where
// nothing that was taught answers.
//
// An Answerer keeps the [Knowledge] of the servers that were asked last in memory. Whoever changes
// what a server was taught calls [Answerer.Forget], and the next question reads it anew. The package
// reads and never writes: what changes knowledge is package teach.
package answer
