package dataset

import (
	"errors"
	"fmt"

	"github.com/mynahbot/mynah/internal/record"
)

// Remark is something that a person should know about a dataset. It reads as a sentence in English; its kind and arguments let others say it in
// another language.
type Remark struct {
	Kind RemarkKind
	Args []any
}

// RemarkKind is what is remarked, as a format for the arguments. Those that come
// often have a name; any other may come too.
type RemarkKind string

// Why something in a dataset could not be used.
const (
	FileEmpty       RemarkKind = "the file is empty"
	FileWithout     RemarkKind = "no examples in it"
	FileNoText      RemarkKind = "this is not a text file"
	FileNoZIP       RemarkKind = "this is no ZIP archive"
	FileOfOtherKind RemarkKind = "files of the kind %s hold no examples; CSV, TSV, JSON, JSONL, TXT and ZIP do"
	TextMissing     RemarkKind = "the example has no text"
	TextTooLong     RemarkKind = "the text is longer than 10,000 characters"
	AnswerMissing   RemarkKind = "the example has neither a label nor a reply"
	QuestionAlone   RemarkKind = "a question without an answer"
	ColumnNames     RemarkKind = "taken as the names of the columns: %.80q"
	ColumnsDiffer   RemarkKind = "has %d columns where %d are expected"
	QuotingBroken   RemarkKind = "broken quoting"
	JSONBroken      RemarkKind = "not valid JSON: %s"
	JSONNoText      RemarkKind = "the object has no text: expected a key such as text or question"
)

func (r Remark) String() string { return fmt.Sprintf(string(r.Kind), r.Args...) }

// remarkOn is the remark that an error of one file or example is.
func remarkOn(err error) Remark {
	for _, known := range []struct {
		err  error
		kind RemarkKind
	}{
		{errBinary, FileNoText}, {record.ErrNoText, TextMissing}, {record.ErrTextTooLong, TextTooLong}, {record.ErrNoAnswer, AnswerMissing}, {errQuoting, QuotingBroken},
	} {
		if errors.Is(err, known.err) {
			return Remark{Kind: known.kind}
		}
	}
	return Remark{Kind: "%v", Args: []any{err}}
}
