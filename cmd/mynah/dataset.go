package main

import (
	"strings"

	"github.com/mynahbot/mynah/internal/config"
	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/dataset/document"
	"github.com/mynahbot/mynah/internal/dataset/sheet"
	"github.com/mynahbot/mynah/internal/record"
)

// datasetReader reads files of every kind.
func datasetReader() dataset.Reader {
	return dataset.Reader{Tables: sheet.Opener{}, Documents: document.Opener{}}
}

type readCmd struct {
	Data string `arg:"" help:"Dataset: a file or a folder."`
}

type readLine struct {
	Examples int               `json:"examples"`
	Labels   map[string]int    `json:"labels"`
	Replies  int               `json:"replies"`
	Tests    int               `json:"tests"` // examples of a test part, which are not learned
	Skipped  int               `json:"skipped"`
	Sure     bool              `json:"sure"` // the layout was known, and not guessed
	ReadAs   []string          `json:"read_as"`
	Doubts   []string          `json:"doubts"`
	First    []readExampleLine `json:"first"` // up to three examples as they were read
}

type readExampleLine struct {
	Text  string `json:"text"`
	Label string `json:"label,omitempty"`
	Reply string `json:"reply,omitempty"`
}

// Run reads a dataset and says how it was understood.
func (c *readCmd) Run(ctx contextBox, cfg *config.Config, o *output) error {
	examples, found, err := readDataset(ctx, c.Data, dataset.ReadOptions{MaxCount: cfg.Limits.Examples})
	if err != nil {
		return err
	}
	line := readLine{
		Examples: found.Examples, Labels: found.Labels, Replies: found.Replies, Tests: found.Tests, Skipped: found.SkipCount, Sure: found.Sure(),
		ReadAs: sentences(found.ReadAs), Doubts: sentences(found.Doubts), First: []readExampleLine{},
	}
	for _, e := range dataset.Preview(examples) {
		line.First = append(line.First, readExampleLine{e.Text, e.Label, e.Reply})
	}
	tellRead(o, examples, found)
	return o.result(line, "%d examples, %d labels, %d replies", line.Examples, len(line.Labels), line.Replies)
}

func sentences(all []dataset.Skip) []string {
	said := []string{}
	for _, s := range all {
		said = append(said, strings.TrimPrefix(s.Where+": "+s.Why.String(), ": "))
	}
	return said
}

// tellRead says how a dataset was understood, with some of its examples as they were read, and what was left out.
func tellRead(o *output, examples []record.Example, r dataset.ReadReport) {
	const shown = 5
	for i, s := range sentences(r.ReadAs) {
		if i == shown {
			o.say("… and %d files more", len(r.ReadAs)-shown)
			break
		}
		o.say("%s", s)
	}
	for _, e := range dataset.Preview(examples) {
		right := e.Label
		if e.Reply != "" {
			right = strings.TrimPrefix(right+" → "+e.Reply, " → ")
		}
		o.say("  %.80s → %.80s", e.Text, strings.ReplaceAll(right, "\n", " "))
	}
	tellSkipped(o, r)
	for _, s := range sentences(r.Doubts) {
		o.say("not sure: %s", s)
	}
}
