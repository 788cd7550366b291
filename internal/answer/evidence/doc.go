// Package evidence decides whether a question that was taught answers one that is asked.
//
// An [Index] holds what a server was taught: wordings, each with its reply. [Index.Ask] finds the
// replies that may answer a question, and for each the evidence: how near the meanings are, and how
// much nearer than those of other replies and of ordinary chat; which rare words both have and which
// one of them lacks; what kind of text it is. A [Judge], a small calibrated model that ships with the
// program, turns the evidence into probabilities.
//
// The [Background] is what every server is compared with: ordinary chat and general questions, in each
// language. It is why ten pairs have something to be told apart from.
//
// Judges are trained by train/, which go generate runs, from the texts below texts/: FAQs with other
// wordings and questions near them that they don't answer. A FAQ is a file of lines: Q a question as
// taught, A its answer, + another wording of it, - a question that no entry answers.
package evidence
