package bot

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/teach"
	"github.com/mynahbot/mynah/internal/workspace"
)

const (
	datasetFolder = "datasets"
	// exportFolder holds what was too large to send.
	exportFolder = "files"
	// labelsShown, skipsShown and examplesShown are how many of each a message lists.
	labelsShown   = 15
	skipsShown    = 5
	examplesShown = 20
)

// selectDataset chooses what the next training learns beside what was taught.
func (b *Bot) selectDataset() *Command {
	return &Command{
		Name:       "select_dataset",
		Trusted:    true,
		ServerOnly: true,
		Slow:       true,
		Options: []Option{
			{Name: "path", Complete: completeDatasets},
			{Name: "positive"},
		},
		Uploads: 1,
		Run: func(ctx context.Context, c *Call) error {
			w, err := c.bot.cfg.Workspaces.Workspace(c.Server)
			if err != nil {
				return err
			}
			choice := record.DatasetChoice{Path: c.Arg("path"), Positive: c.Arg("positive")}
			if len(c.Attachments) > 0 {
				if choice.Path, err = c.keepDataset(ctx, w, c.Attachments[0], choice); err != nil {
					return err
				}
			}
			switch choice.Path {
			case "":
				if names := c.datasetNames(w); len(names) > 0 {
					return c.fail("dataset.which", "list", strings.Join(names, "`, `"))
				}
				return c.fail("dataset.none")
			case byDefault, "none":
				if err := c.changeSettings(ctx, func(s *record.Settings) error { s.Dataset = record.DatasetChoice{}; return nil }); err != nil {
					return err
				}
				return c.Say(ctx, c.T("dataset.unselected"))
			}
			if choice.Path, err = findDataset(w, choice.Path); err != nil {
				return c.fileError(c.Arg("path"), err)
			}
			examples, report, err := teach.ReadDataset(ctx, w, choice)
			if err != nil {
				return c.readError(choice.Path, report, err)
			}
			snapshot, err := snapshotDataset(w, choice.Path, examples, report.Hash)
			if err != nil {
				return err
			}
			if err := c.changeSettings(ctx, func(s *record.Settings) error { s.Dataset = choice; return nil }); err != nil {
				return err
			}
			return c.Say(ctx, c.T("dataset.selected", "path", plain(choice.Path))+"\n"+
				c.findings(report)+c.T("dataset.snapshot", "name", plain(snapshot)))
		},
	}
}

// findDataset accepts a path with or without the folder of datasets before it.
func findDataset(w *workspace.Workspace, name string) (string, error) {
	if _, err := w.Stat(name); err == nil {
		return path.Clean(name), nil
	} else if errors.Is(err, workspace.ErrOutside) {
		return "", err
	}
	inside := path.Join(datasetFolder, name)
	_, err := w.Stat(inside)
	return inside, err
}

// keepDataset puts an attachment among the datasets, at the path of a choice if
// it names one, and returns its path. What can't be used as it was chosen
// replaces nothing.
func (c *Call) keepDataset(ctx context.Context, w *workspace.Workspace, a Attachment, choice record.DatasetChoice) (_ string, err error) {
	link, err := c.bot.connection(ctx)
	if err != nil {
		return "", err
	}
	name := choice.Path
	if name == "" {
		name = path.Join(datasetFolder, safeName(a.Name))
	} else if found, err := findDataset(w, name); err == nil {
		name = found
	}
	r, err := link.fetcher.Fetch(ctx, a, c.bot.cfg.AttachmentBytes)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	folder := path.Join(uploadFolder, strconv.FormatInt(c.bot.cfg.Now().UnixNano(), 10))
	choice.Path = path.Join(folder, path.Base(name)) // the name says how it is read
	defer func() {
		for _, left := range []string{choice.Path, folder} {
			if gone := w.Remove(left); !errors.Is(gone, fs.ErrNotExist) {
				err = errors.Join(err, gone)
			}
		}
	}()
	if _, err := w.Create(choice.Path, r); err != nil {
		if fetch, ok := errors.AsType[*FetchError](err); ok {
			return "", fetch
		}
		return "", c.fileError(name, err)
	}
	if _, report, err := teach.ReadDataset(ctx, w, choice); err != nil {
		return "", c.readError(name, report, err)
	}
	if err := c.brought(ctx, name); err != nil {
		return "", err
	}
	if err := w.Rename(choice.Path, name); err != nil {
		return "", c.fileError(name, err)
	}
	return name, nil
}

// snapshotDataset archives the examples of a dataset under their hash.
func snapshotDataset(w *workspace.Workspace, name string, examples []record.Example, hash string) (string, error) {
	base := strings.TrimSuffix(path.Base(name), path.Ext(name))
	snapshot := path.Join("archives", base+"-"+hash[:12]+".jsonl")
	if _, err := w.Stat(snapshot); err == nil {
		return snapshot, nil // the same examples as before
	}
	var b bytes.Buffer
	if err := learn.WriteSnapshot(&b, examples); err != nil {
		return "", err
	}
	_, err := w.Create(snapshot, &b)
	return snapshot, err
}

// findings says what was found in a dataset.
func (c *Call) findings(r dataset.ReadReport) string {
	var b strings.Builder
	line := func(key string, pairs ...any) { b.WriteString(c.T(key, pairs...) + "\n") }
	line("dataset.found", "files", r.Files, "examples", r.Examples, "labels", len(r.Labels), "questions", r.Replies,
		"duplicates", r.Duplicates, "near", r.NearDuplicates)
	if len(r.Labels) > 0 {
		b.WriteString(labelCounts(r.Labels) + "\n")
	}
	if r.ContradictionCount > 0 {
		first := r.Contradictions[0]
		line("train.contradictions", "count", r.ContradictionCount, "example", plain(shorten(first.Text, 80)), "kept", plain(shorten(first.Answers[0], 80)))
	}
	if n := len(r.RareLabels); n > 0 {
		line("train.rare", "count", n, "labels", plain(strings.Join(r.RareLabels[:min(n, 5)], ", ")), "few", learn.RareLabel)
	}
	if r.SkipCount > 0 {
		line("dataset.skipped", "count", r.SkipCount)
		for _, s := range r.Skipped[:min(len(r.Skipped), skipsShown)] {
			b.WriteString("• " + plain(s.Where) + ": " + c.remark(s.Why) + "\n")
		}
	}
	return b.String()
}

// labelCounts lists labels with how many examples they have, most first.
func labelCounts(counts map[string]int) string {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	var shown []string
	for _, name := range names[:min(len(names), labelsShown)] {
		shown = append(shown, code(name)+" "+strconv.Itoa(counts[name]))
	}
	text := strings.Join(shown, ", ")
	if len(names) > labelsShown {
		text += ", …"
	}
	return text
}

// datasetNames lists what lies among the datasets.
func (c *Call) datasetNames(w *workspace.Workspace) []string {
	found, err := w.List(datasetFolder)
	if err != nil {
		c.bot.log.Error("the datasets can't be listed", "server", c.Server, "err", err)
	}
	var names []string
	for _, d := range found {
		names = append(names, path.Join(datasetFolder, d.Name()))
	}
	return names
}

func completeDatasets(_ context.Context, c *Call, typed string) ([]Choice, error) {
	files, err := c.completeEntries(typed, datasetFolder, false)
	if err != nil {
		return nil, err
	}
	folders, err := c.completeEntries(typed, datasetFolder, true)
	if err != nil {
		return nil, err
	}
	folders = slices.DeleteFunc(folders, func(choice Choice) bool { return choice.Value == datasetFolder })
	return append(folders, files...), nil
}

// datasets are the commands on what was taught.
func (b *Bot) datasets() []*Command {
	return []*Command{
		{Name: "dataset list", ServerOnly: true, Run: listDatasets},
		{Name: "dataset show", ServerOnly: true, Trusted: true, Slow: true, Options: []Option{{Name: "path", Rest: true, Complete: completeDatasets}}, Run: showDataset},
		{Name: "dataset find", ServerOnly: true, Trusted: true, Slow: true, Options: []Option{{Name: "text", Required: true, Rest: true, Verbatim: true}}, Run: findExamples},
		{
			Name: "dataset edit", ServerOnly: true, Trusted: true, Run: editExample,
			Options: []Option{
				{Name: "example", Kind: Integer, Required: true},
				{Name: "text", Rest: true},
				{Name: "label", Complete: completeLabels},
				{Name: "reply"},
			},
		},
		{Name: "dataset disable", ServerOnly: true, Trusted: true, Slow: true, Options: exampleOptions(), Run: disableExamples(true)},
		{Name: "dataset enable", ServerOnly: true, Trusted: true, Slow: true, Options: exampleOptions(), Run: disableExamples(false)},
		{
			Name: "dataset remove", ServerOnly: true, Trusted: true, Slow: true, Run: removeExamples,
			Options: append(exampleOptions(), Option{Name: "correction", Kind: Integer}),
		},
		{Name: "dataset export", ServerOnly: true, Trusted: true, Slow: true, Run: exportDataset},
	}
}

func listDatasets(ctx context.Context, c *Call) error {
	w, err := c.bot.cfg.Workspaces.Workspace(c.Server)
	if err != nil {
		return err
	}
	taught, err := c.bot.cfg.Examples.Examples(ctx, c.Server, "")
	if err != nil {
		return err
	}
	var b strings.Builder
	corrections, err := c.bot.cfg.Corrections.Corrections(ctx, c.Server, false)
	if err != nil {
		return err
	}
	pinned, err := c.bot.teacher.Pinned(ctx, c.Server)
	if err != nil {
		return err
	}
	disabled := 0
	for _, e := range taught {
		if e.Disabled {
			disabled++
		}
	}
	b.WriteString(c.T("dataset.taught", "examples", len(taught), "disabled", disabled, "corrections", len(corrections), "pinned", len(pinned)) + "\n")
	names := c.datasetNames(w)
	if len(names) == 0 {
		b.WriteString(c.T("dataset.none"))
	} else {
		b.WriteString(c.T("dataset.list") + "\n")
	}
	for _, name := range names {
		b.WriteString("• " + code(name))
		if name == c.settings.Dataset.Path {
			b.WriteString(" — " + c.T("dataset.is_selected"))
		}
		b.WriteString("\n")
	}
	return c.Say(ctx, b.String())
}

// showDataset describes a dataset of the workspace, or what was taught.
func showDataset(ctx context.Context, c *Call) error {
	w, err := c.bot.cfg.Workspaces.Workspace(c.Server)
	if err != nil {
		return err
	}
	if name := c.Arg("path"); name != "" {
		found, err := findDataset(w, name)
		if err != nil {
			return c.fileError(name, err)
		}
		_, report, err := teach.ReadDataset(ctx, w, record.DatasetChoice{Path: found})
		if err != nil {
			return c.readError(name, report, err)
		}
		return c.Say(ctx, c.findings(report))
	}
	taught, err := c.bot.cfg.Examples.Examples(ctx, c.Server, "")
	if err != nil {
		return err
	}
	if len(taught) == 0 {
		return c.Say(ctx, c.T("dataset.empty"))
	}
	examples := make([]record.Example, len(taught))
	for i, e := range taught {
		examples[i] = record.Example{Text: e.Text, Label: e.Label, Reply: e.Reply}
	}
	_, found := learn.Clean(examples)
	return c.Say(ctx, c.findings(dataset.ReadReport{Findings: found, Examples: len(examples)})+c.exampleLines(taught[max(0, len(taught)-5):]))
}

func exportDataset(ctx context.Context, c *Call) error {
	examples, err := c.bot.teacher.Taught(ctx, c.Server)
	if err != nil {
		return err
	}
	if len(examples) == 0 {
		return c.Say(ctx, c.T("dataset.empty"))
	}
	var b bytes.Buffer
	if err := learn.WriteSnapshot(&b, examples); err != nil {
		return err
	}
	return c.sendOrKeep(ctx, "dataset.jsonl", b.Bytes(), c.T("dataset.exported", "count", len(examples)))
}

// sendOrKeep sends a file where Discord takes it, else puts it into the workspace.
func (c *Call) sendOrKeep(ctx context.Context, name string, data []byte, text string) error {
	if int64(len(data)) <= c.UploadLimit {
		_, err := c.Send(ctx, Reply{Text: text, Files: []File{bytesFile(name, data)}})
		return err
	}
	w, err := c.bot.cfg.Workspaces.Workspace(c.Server)
	if err != nil {
		return err
	}
	kept := path.Join(exportFolder, c.bot.cfg.Now().UTC().Format("20060102-150405-")+name)
	if _, err := w.Create(kept, bytes.NewReader(data)); err != nil {
		return err
	}
	return c.Say(ctx, text+" "+c.T("files.too_large_to_send", "name", plain(kept), "size", size(int64(len(data))), "limit", size(c.UploadLimit)))
}

// bytesFile is a file made of bytes.
func bytesFile(name string, data []byte) File {
	return File{Name: name, Size: int64(len(data)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
}
