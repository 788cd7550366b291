package bot

import (
	"github.com/mynahbot/mynah/internal/dataset"
)

// remarkTexts are the texts of what a reader remarks on often.
var remarkTexts = map[dataset.RemarkKind]string{
	dataset.FileEmpty:        "skip.file_empty",
	dataset.FileWithout:      "skip.file_without",
	dataset.FileNoText:       "skip.file_no_text",
	dataset.EncodingUnknown:  "skip.encoding_unknown",
	dataset.FileNoZIP:        "skip.file_no_zip",
	dataset.FileOfOtherKind:  "skip.file_of_other_kind",
	dataset.TextMissing:      "skip.text_missing",
	dataset.TextTooLong:      "train.text_too_long",
	dataset.AnswerMissing:    "skip.answer_missing",
	dataset.QuestionAlone:    "skip.question_alone",
	dataset.ColumnNames:      "skip.column_names",
	dataset.ColumnsDiffer:    "skip.columns_differ",
	dataset.QuotingBroken:    "skip.quoting_broken",
	dataset.JSONBroken:       "skip.json_broken",
	dataset.JSONNoText:       "skip.json_no_text",
	dataset.FileBroken:       "skip.file_broken",
	dataset.OtherArchive:     "skip.other_archive",
	dataset.OldOffice:        "skip.old_office",
	dataset.Encrypted:        "skip.encrypted",
	dataset.NoTextInside:     "skip.no_text_inside",
	dataset.TooManyPages:     "skip.too_many_pages",
	dataset.NotInstalled:     "skip.not_installed",
	dataset.ChatExport:       "skip.chat_export",
	dataset.UnknownObject:    "skip.unknown_object",
	dataset.Prose:            "skip.prose",
	dataset.SeveralLabels:    "skip.several_labels",
	dataset.YAMLBroken:       "skip.yaml_broken",
	dataset.SideFile:         "skip.side_file",
	dataset.FolderUnlabelled: "skip.folder_unlabelled",
	dataset.BesideFolders:    "skip.beside_folders",
	dataset.NotAccepted:      "skip.not_accepted",
	dataset.NoAnswerInText:   "skip.no_answer_in_text",
	dataset.TitleRow:         "skip.title_row",
	dataset.ReadAsFormat:     "skip.read_as_format",
	dataset.ReadAsColumns:    "skip.read_as_columns",
	dataset.TestPart:         "skip.test_part",
	dataset.EachFileOneRow:   "skip.each_file_one_row",
	dataset.NoHeader:         "skip.no_header",
	dataset.HeaderUnsure:     "skip.header_unsure",
	dataset.ColumnGuessed:    "skip.column_guessed",
	dataset.TextGuessed:      "skip.text_guessed",
	dataset.SeveralAnswers:   "skip.several_answers",
	dataset.OneLabel:         "skip.one_label",
	dataset.UniqueLabels:     "skip.unique_labels",
	dataset.NumberedLabels:   "skip.numbered_labels",
	dataset.LabelsAreLong:    "skip.labels_are_long",
	dataset.RepliesAreTimes:  "skip.replies_are_times",
	dataset.RepliesAreLinks:  "skip.replies_are_links",
	dataset.RepliesAreIDs:    "skip.replies_are_ids",
	dataset.TextsAreTimes:    "skip.texts_are_times",
	dataset.ManySkipped:      "skip.many_skipped",
	dataset.FieldsJoined:     "skip.fields_joined",
	dataset.KeysAsLabels:     "skip.keys_as_labels",
	dataset.KeysAsQuestions:  "skip.keys_as_questions",
	dataset.LinesAsQuestion:  "skip.lines_as_question",
	dataset.HeadingsGuessed:  "skip.headings_guessed",
	dataset.BoldAsQuestions:  "skip.bold_as_questions",
	dataset.FilesAreLists:    "skip.files_are_lists",
}

// remark says what a reader remarked on: in English where that comes rarely.
func (t translation) remark(m dataset.Remark) string {
	key, known := remarkTexts[m.Kind]
	if !known {
		return plain(m.String())
	}
	return t.said(key, m.Args)
}
