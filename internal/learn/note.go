package learn

import "fmt"

// Note is something that a person should know about a training. It reads as a sentence in
// English; its kind and arguments let others say it in another language.
type Note struct {
	Kind NoteKind
	Args []any
}

// NoteKind is what a note says, as a format for the arguments.
type NoteKind string

// What a training notes.
const (
	LabelsUnlearned NoteKind = "No labels were learned: %v."
	EncoderUnused   NoteKind = "The sentence encoder is not used: with it %s of the held-out texts were right, without it %s."
)

func (n Note) String() string { return fmt.Sprintf(string(n.Kind), n.Args...) }
