// Package dataset reads what people have into examples: files, folders and archives of texts with
// labels, or of questions with answers.
//
// Call [ReadPath] for a file or folder of a workspace, and [ReadUpload] for one file that was sent.
// Both return the examples, and a [ReadReport] of what was found, skipped and is doubtful. Every
// format has a file of its own: table.go (CSV, TSV), json.go (JSON and JSON lines), text.go; read.go
// holds the limits and walks folders and archives. Every reader is given text that decode.go has
// brought to UTF-8, and is fuzzed.
package dataset
