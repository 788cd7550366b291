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
	EncodingUnknown RemarkKind = "its letters are written in an encoding that can't be made out: save it as UTF-8"
	FileNoZIP       RemarkKind = "this is no ZIP archive"
	FileOfOtherKind RemarkKind = "files of the kind %s hold no examples that can be read; CSV, XLSX, JSON, YAML, TXT, Markdown, DOCX, PDF and ZIP do"
	FileBroken      RemarkKind = "the file is damaged: %v"
	OtherArchive    RemarkKind = "%s archives are not opened: pack the files as ZIP"
	OldOffice       RemarkKind = "this is an old or a password-protected Office file: save it as XLSX, CSV or DOCX without a password"
	Encrypted       RemarkKind = "it is encrypted: send it without a password"
	NoTextInside    RemarkKind = "there is no text in it, only pictures of pages: send the text itself"
	TooManyPages    RemarkKind = "the document is longer than %d MB of text: send it in parts"
	NotInstalled    RemarkKind = "%s is not installed here: whoever runs me installs the package %s"
	ChatExport      RemarkKind = "this is a chat export of %s; what people wrote to one another is no list of questions and answers: make a table of two columns, " +
		"question and answer, of what is worth knowing"
	UnknownObject RemarkKind = "an object with the keys %s is no layout that I know: send a list of objects with the keys question and answer, or text and label"
	Prose         RemarkKind = "running text without questions: make headings of questions, or write Q: and A: before questions and answers"
	TextMissing   RemarkKind = "the example has no text"
	TextTooLong   RemarkKind = "the text is longer than 10,000 characters"
	AnswerMissing RemarkKind = "the example has neither a label nor a reply"
	QuestionAlone RemarkKind = "a question without an answer"
	SeveralLabels RemarkKind = "more than one label: %s"
	ColumnNames   RemarkKind = "taken as the names of the columns: %.80q"
	ColumnsDiffer RemarkKind = "has %d columns where %d are expected"
	QuotingBroken RemarkKind = "broken quoting"
	JSONBroken    RemarkKind = "not valid JSON: %s"
	YAMLBroken    RemarkKind = "not valid YAML: %s"
	JSONNoText    RemarkKind = "the object has no text: expected a key such as text or question"
)

// What a format or a place says to leave out.
const (
	SideFile         RemarkKind = "left out: it lies beside the data and holds none"
	FolderUnlabelled RemarkKind = "left out: its folder says that it has no label"
	BesideFolders    RemarkKind = "left out: it lies beside the folders that are labels"
	NotAccepted      RemarkKind = "left out: it was marked as %s, and not accepted"
	NoAnswerInText   RemarkKind = "left out: the data says that the text doesn't answer it"
	TitleRow         RemarkKind = "left out: a title above the table: %.60q"
)

// How a file was understood.
const (
	ReadAsFormat   RemarkKind = "read as %s"
	ReadAsColumns  RemarkKind = "columns: %s"
	TestPart       RemarkKind = "examples of a test part, which are not learned: %d"
	EachFileOneRow RemarkKind = "each file is one text, its folder the label"
)

// Why what was read may be wrong.
const (
	NoHeader        RemarkKind = "no words that name the columns were found: they were guessed from what stands in them"
	HeaderUnsure    RemarkKind = "the row %.80q was taken as the names of the columns, and could be an example itself"
	ColumnGuessed   RemarkKind = "no column is named as an answer or a label: “%s” was taken for it"
	TextGuessed     RemarkKind = "no column is named as a question or a text: “%s” was taken for it"
	SeveralAnswers  RemarkKind = "several columns are named as answers: only “%s” was taken"
	OneLabel        RemarkKind = "questions that all have one label, %q"
	UniqueLabels    RemarkKind = "nearly every text has a label of its own (%d labels of %d texts)"
	NumberedLabels  RemarkKind = "the labels are numbers in a row"
	LabelsAreLong   RemarkKind = "the labels look like sentences, and were taken as replies"
	RepliesAreTimes RemarkKind = "the replies look like dates and times"
	RepliesAreLinks RemarkKind = "the replies look like addresses of web pages"
	RepliesAreIDs   RemarkKind = "the replies look like numbers or ids"
	TextsAreTimes   RemarkKind = "the texts look like dates, numbers or addresses"
	ManySkipped     RemarkKind = "more than a tenth could not be read (%d of %d)"
	FieldsJoined    RemarkKind = "rows with more fields than columns: %d; what was too much was joined to “%s”, separators included"
	KeysAsLabels    RemarkKind = "the keys of the object were taken as labels"
	KeysAsQuestions RemarkKind = "the keys of the object were taken as questions"
	LinesAsQuestion RemarkKind = "lines that end with a question mark were taken as questions, and what follows as answers"
	HeadingsGuessed RemarkKind = "headings that aren't questions were taken as such"
	BoldAsQuestions RemarkKind = "bold lines were taken as questions"
	FilesAreLists   RemarkKind = "each file was taken as one text, though some look like lists"
)

func (r Remark) String() string { return fmt.Sprintf(string(r.Kind), r.Args...) }

// remarkOn is the remark that an error of one file or example is.
func remarkOn(err error) Remark {
	for _, known := range []struct {
		err  error
		kind RemarkKind
	}{
		{errBinary, FileNoText}, {errEncoding, EncodingUnknown}, {record.ErrNoText, TextMissing}, {record.ErrTextTooLong, TextTooLong}, {record.ErrNoAnswer, AnswerMissing}, {errQuoting, QuotingBroken},
	} {
		if errors.Is(err, known.err) {
			return Remark{Kind: known.kind}
		}
	}
	return Remark{Kind: "%v", Args: []any{err}}
}
