// Package dataset reads what people have into examples: files, folders and archives of texts with
// labels, or of questions with answers.
//
// A [Reader] with [Reader.ReadPath] reads a file or folder of a workspace, and with [Reader.ReadUpload]
// one file that was sent. Both return the examples and a [ReadReport]: how each file was understood, what
// was skipped, and why what was read may be wrong. Nothing doubtful may be used before a person has seen
// [Preview] of it.
//
// What is no text is opened by others, whom the Reader's user chooses: packages sheet (XLSX, ODS, Parquet)
// and document (Markdown, HTML, DOCX, PDF) below this one.
//
// read.go holds the Reader and its report, tree.go walks folders and archives, file.go tells what a file
// is, and decode.go brings text to UTF-8. Tables are csv.go (records), header.go (columns by their names),
// content.go (by what stands in them) and table.go. json.go and yaml.go decode, formats.go lists the
// formats that are known by their keys, each with its reader in a file of its own; project.go joins what
// several files of a bot say. text.go and blocks.go find questions and answers in running text. doubt.go
// looks at results. Every reader is fuzzed.
package dataset
