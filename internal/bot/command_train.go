package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/teach"
	"github.com/mynahbot/mynah/internal/workspace"
)

// uploadFolder holds attachments until the job that was asked for has read them.
const uploadFolder = "files/uploads"

// train adds examples and trains.
func (b *Bot) train() *Command {
	return &Command{
		Name:       "train",
		Trusted:    true,
		ServerOnly: true,
		Slow:       true,
		Options: []Option{
			{Name: "text", Rest: true},
			{Name: "positive", Kind: Boolean},
			{Name: "label", Complete: completeLabels},
			{Name: "reply"},
			{Name: "dataset", Complete: completeDatasets},
			{Name: "provider", Choices: []string{providerLocal, providerOpenAI}},
		},
		Uploads: 5,
		Run: func(ctx context.Context, c *Call) error {
			if c.Arg("provider") == providerOpenAI && !c.bot.teacher.CanTune() {
				return c.fail("train.no_service")
			}
			args, err := c.trainArgs(ctx)
			if err != nil {
				return err
			}
			job := record.Job{Server: c.Server, Channel: c.Channel, By: c.Author.ID}
			return c.bot.startTraining(ctx, job, args, c.translation, c.Send)
		},
	}
}

// trainArgs checks what was given, and keeps it.
func (c *Call) trainArgs(ctx context.Context) (teach.Request, error) {
	args := teach.Request{Language: c.Language, Dataset: c.settings.Dataset, Message: c.Message}
	if p := c.Arg("provider"); p != providerLocal {
		args.Provider = p
	}
	label := strings.TrimSpace(c.Arg("label"))
	if positive, given := c.Bool("positive"); given {
		if label != "" {
			return args, c.fail("train.label_twice")
		}
		label = dataset.PositiveLabel(positive)
	}
	w, err := c.bot.cfg.Workspaces.Workspace(c.Server)
	if err != nil {
		return args, err
	}
	if name := c.Arg("dataset"); name != "" {
		found, err := findDataset(w, name)
		if err != nil {
			return args, c.fileError(name, err)
		}
		if found != args.Dataset.Path || label != "" { // what select_dataset said of it holds, unless this command says more
			args.Dataset = record.DatasetChoice{Path: found}
		}
		args.Named = true
	}
	text, reply := strings.TrimSpace(c.Arg("text")), strings.TrimSpace(c.Arg("reply"))
	if text == "" && reply != "" {
		return args, c.fail("train.reply_alone")
	}
	if text != "" {
		e := record.Example{Text: text, Label: label, Reply: reply}
		if err := e.Validate(); err != nil {
			return args, c.learnError(err)
		}
		args.Added, args.Duplicates, err = c.bot.teacher.Add(ctx, record.Example{
			Server: c.Server, Text: e.Text, Label: e.Label, Reply: e.Reply,
			Origin: record.Origin{Kind: record.OriginMessage, Message: c.Message, Author: c.Author.ID, At: c.bot.cfg.Now()},
		})
		if err != nil {
			return args, c.teachError(err)
		}
	} else {
		args.Label = label
	}
	args.Uploads, err = c.keepUploads(ctx, w)
	return args, err
}

// keepUploads writes the attachments into the workspace, all or none.
func (c *Call) keepUploads(ctx context.Context, w *workspace.Workspace) (names []string, err error) {
	link, err := c.bot.connection(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err == nil {
			return
		}
		for _, name := range names {
			err = errors.Join(err, w.Remove(name))
		}
	}()
	for i, a := range c.Attachments {
		name := path.Join(uploadFolder, fmt.Sprintf("%d-%d-%s", c.bot.cfg.Now().UnixNano(), i, safeName(a.Name)))
		r, err := link.fetcher.Fetch(ctx, a, c.bot.cfg.AttachmentBytes)
		if err != nil {
			return names, err
		}
		_, err = w.Create(name, r)
		if err := errors.Join(err, r.Close()); err != nil {
			return names, err
		}
		names = append(names, name)
		if err := c.brought(ctx, name); err != nil {
			return names, err
		}
	}
	return names, nil
}

// safeName makes a file's name from one that somebody chose. Its extension stays.
func safeName(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, name)
	name = strings.TrimLeft(name, ".")
	if name == "" {
		name = "file"
	}
	if runes := []rune(name); len(runes) > 80 {
		name = string(runes[len(runes)-80:])
	}
	return name
}

// Who trains: this machine, or a service with OpenAI's API beside it.
const (
	providerLocal  = "local"
	providerOpenAI = "openai"
)

// startTraining queues the job and sends the message that it will edit.
func (b *Bot) startTraining(ctx context.Context, job record.Job, args teach.Request, t translation, send func(context.Context, Reply) (record.MessageID, error)) error {
	raw, err := json.Marshal(args)
	if err != nil {
		return err
	}
	job.Kind, job.Args = record.JobTrain, raw
	id, err := b.cfg.Jobs.Enqueue(ctx, job)
	if err != nil {
		return err
	}
	text := t.T("train.queued", "job", id)
	if args.Added+args.Duplicates > 0 {
		text += " " + t.T("train.added", "added", args.Added, "duplicates", args.Duplicates)
	}
	message, err := send(ctx, Reply{Text: text})
	if err != nil {
		return err // the job goes on, and writes a message of its own at the end
	}
	return b.cfg.Jobs.SetMessage(ctx, id, message)
}

// teachError says what a training ended in.
func (t translation) teachError(err error) error {
	if e, ok := errors.AsType[*teach.ReadError](err); ok {
		return t.readError(e.Name, e.Report, e.Err)
	}
	if e, ok := errors.AsType[*teach.TooManyError](err); ok {
		if e.Upload {
			return t.failed(err, "train.too_many_with_upload", "all", e.All, "examples", e.Most)
		}
		return t.failed(err, "train.too_many_examples", "examples", e.Most)
	}
	e, ok := errors.AsType[*teach.ServiceError](err)
	switch {
	case ok && errors.Is(err, learn.ErrTooFew):
		return t.failed(err, "train.too_few_to_tune", "min", teach.MinFineTuning)
	case ok:
		return t.failed(err, "train.service_failed", "why", plain(e.Err.Error()))
	case errors.Is(err, teach.ErrNoService):
		return t.failed(err, "train.no_service")
	}
	return t.learnError(err)
}

// learnError says what is wrong with examples.
func (t translation) learnError(err error) error {
	for _, known := range []struct {
		err error
		key string
	}{
		{record.ErrNoText, "train.no_text"},
		{record.ErrNoAnswer, "train.no_answer"},
		{record.ErrTextTooLong, "train.text_too_long"},
		{learn.ErrOneLabel, "train.one_label"},
		{learn.ErrTooFew, "train.too_few"},
		{learn.ErrTooManyLabel, "train.too_many_labels"},
		{learn.ErrTooManyExamples, "train.too_many_examples"},
		{dataset.ErrTooManyFiles, "train.too_many_files"},
		{dataset.ErrTooLarge, "train.too_large"},
	} {
		if errors.Is(err, known.err) {
			return t.failed(err, known.key, "min", learn.MinExamples, "labels", learn.MaxLabels, "examples", learn.MaxExamples, "files", dataset.MaxEntries)
		}
	}
	return err
}

// readError is learnError for a dataset that was read, with what was skipped first.
func (t translation) readError(name string, report dataset.ReadReport, err error) error {
	switch {
	case errors.Is(err, dataset.ErrNoExamples) && len(report.Skipped) > 0:
		s := report.Skipped[0]
		return t.failed(err, "train.no_examples_because", "name", plain(name), "where", plain(s.Where), "why", t.remark(s.Why))
	case errors.Is(err, dataset.ErrNoExamples):
		return t.failed(err, "train.no_examples", "name", plain(name))
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrInvalid):
		return t.fileError(name, err)
	}
	return t.learnError(err)
}

// remark says what a reader remarked on: in English where that comes rarely.
func (t translation) remark(m dataset.Remark) string {
	key, known := map[dataset.RemarkKind]string{
		dataset.FileEmpty:       "skip.file_empty",
		dataset.FileWithout:     "skip.file_without",
		dataset.FileNoText:      "skip.file_no_text",
		dataset.FileNoZIP:       "skip.file_no_zip",
		dataset.FileOfOtherKind: "skip.file_of_other_kind",
		dataset.TextMissing:     "skip.text_missing",
		dataset.TextTooLong:     "train.text_too_long",
		dataset.AnswerMissing:   "skip.answer_missing",
		dataset.QuestionAlone:   "skip.question_alone",
		dataset.ColumnNames:     "skip.column_names",
		dataset.ColumnsDiffer:   "skip.columns_differ",
		dataset.QuotingBroken:   "skip.quoting_broken",
		dataset.JSONBroken:      "skip.json_broken",
		dataset.JSONNoText:      "skip.json_no_text",
	}[m.Kind]
	if !known {
		return plain(m.String())
	}
	return t.said(key, m.Args)
}

// note says what a training noted.
func (t translation) note(n learn.Note) string {
	key, known := map[learn.NoteKind]string{
		learn.LabelsUnlearned: "train.labels_unlearned",
		learn.EncoderUnused:   "train.encoder_unused",
	}[n.Kind]
	if !known {
		return plain(n.String())
	}
	return t.said(key, n.Args)
}

// said is a sentence whose places {a}, {b}, … are the arguments of a remark or a note.
func (t translation) said(key string, args []any) string {
	var pairs []any
	for i, arg := range args {
		text := plain(fmt.Sprint(arg))
		if err, ok := arg.(error); ok {
			if sentence, known := t.sentence(t.learnError(err)); known {
				text = sentence
			}
		}
		pairs = append(pairs, string(rune('a'+i)), text)
	}
	return t.T(key, pairs...)
}
