package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/config"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/models"
)

type modelsCmd struct {
	config.Folder `embed:""`

	List   modelsListCmd   `cmd:"" default:"1" help:"List the models of the catalogue and those installed."`
	Pull   modelsPullCmd   `cmd:"" help:"Install a model or a pack of the catalogue."`
	Add    modelsAddCmd    `cmd:"" help:"Install a model of your own: a folder, an archive, or a Piper voice's .onnx."`
	Use    modelsUseCmd    `cmd:"" help:"Choose an installed model for its languages."`
	Remove modelsRemoveCmd `cmd:"" help:"Delete an installed model."`
	Try    modelsTryCmd    `cmd:"" hidden:"" help:"Load a model once; other commands start this one."`
}

// open opens the installed models.
func (c *modelsCmd) open(cfg *config.Config) (*models.Store, error) { return openModels(cfg, c.Folder) }

func openModels(cfg *config.Config, data config.Folder) (*models.Store, error) {
	catalogue, err := models.BuiltIn()
	if err != nil {
		return nil, err
	}
	dir, err := data.Path()
	if err != nil {
		return nil, err
	}
	return models.Open(catalogue, models.Dirs(cfg.Speech.Models, dir)...)
}

type modelLine struct {
	Name      string   `json:"name"`
	Task      string   `json:"task"`
	Kind      string   `json:"kind"`
	Languages []string `json:"languages"`
	Size      int64    `json:"size,omitempty"` // bytes to download
	Licence   string   `json:"licence,omitempty"`
	Installed bool     `json:"installed"`
	Folder    string   `json:"folder,omitempty"`
	Chosen    []string `json:"chosen,omitempty"`
	Problem   string   `json:"problem,omitempty"`
}

type modelsListCmd struct{}

// Run lists models.
func (modelsListCmd) Run(parent *cli, cfg *config.Config, o *output) error {
	store, err := parent.Models.open(cfg)
	if err != nil {
		return err
	}
	items, err := store.List()
	if err != nil {
		return err
	}
	for _, item := range items {
		line := modelLine{
			Name: item.Name, Task: string(models.TaskOf(item.Kind)), Kind: string(item.Kind), Languages: append([]string{}, item.Languages...),
			Size: item.Size, Licence: item.Licence, Installed: item.Model != nil, Chosen: item.Chosen,
		}
		state := "-"
		if item.Model != nil {
			line.Folder, state = item.Model.Folder, "installed"
		}
		if item.Problem != nil {
			line.Problem, state = item.Problem.Error(), "damaged: "+item.Problem.Error()
		}
		if len(item.Chosen) > 0 {
			state += ", chosen for " + strings.Join(item.Chosen, " ")
		}
		if err := o.result(line, "%-44s %-11s %-16s %8s  %-22s %s", item.Name, line.Task, someOf(item.Languages, 4), megabytes(item.Size), item.Licence, state); err != nil {
			return err
		}
	}
	return nil
}

type modelsPullCmd struct {
	Name string `arg:"" help:"A name that 'mynah models list' shows, speech-pack, or a language such as ru: the best for it that can be had."`
}

// Run installs a model, a pack, or the models of a language.
func (c *modelsPullCmd) Run(ctx contextBox, parent *cli, cfg *config.Config, o *output) error {
	store, err := parent.Models.open(cfg)
	if err != nil {
		return err
	}
	report := func(p models.Progress) {
		step := fmt.Sprintf("%s: %s ", p.Model, p.Step)
		switch {
		case p.Step == models.Skipped:
			o.say("%s is left out: %s", p.Model, p.Note)
		case p.Step == models.Installed: // told as the result
		case p.Total > 0:
			o.progress(step, "%3.0f %% of %s", 100*float64(p.Done)/float64(p.Total), megabytes(p.Total))
		case p.Took > 0:
			o.progress(step+p.Note, ", %s so far", p.Took.Round(time.Second))
		default:
			o.progress(step+p.Note, "")
		}
	}
	var installed []*speech.Model
	_, isPack := store.Catalogue().Pack(c.Name)
	_, isLanguage := store.Catalogue().Recommend(c.Name)
	switch {
	case isPack, isLanguage:
		pull := store.PullPack
		if isLanguage {
			pull = store.PullLanguage
		}
		result, err := pull(ctx, c.Name, report)
		if err != nil {
			return err
		}
		installed = result.Models
	default:
		m, err := store.Pull(ctx, c.Name, report)
		if err != nil {
			return err
		}
		installed = []*speech.Model{m}
	}
	o.progressEnd()
	for _, m := range installed {
		if err := o.installed(m); err != nil {
			return err
		}
	}
	return nil
}

type modelsAddCmd struct {
	Path     string   `arg:"" help:"Folder, archive, or a Piper voice's .onnx with its .onnx.json beside it."`
	Name     string   `help:"Name that it gets (default: that of the folder or file)." placeholder:"NAME"`
	Kind     string   `help:"What it is, as sherpa-onnx calls it: whisper, transducer, … (default: found by its files)." placeholder:"KIND"`
	Language []string `help:"Languages that it covers." placeholder:"LANGUAGE"`
}

// Run installs a model that is not in the catalogue.
func (c *modelsAddCmd) Run(ctx contextBox, parent *cli, cfg *config.Config, o *output) error {
	store, err := parent.Models.open(cfg)
	if err != nil {
		return err
	}
	tries, err := newTrial(cfg, parent.Models.Folder, store)
	if err != nil {
		return err
	}
	try := func(ctx context.Context, m *speech.Model) error {
		o.say("%s is loaded once, to see whether it works", m.Name)
		err := tries.Try(ctx, m)
		if errors.Is(err, errNoLibrary) {
			o.say("%s is taken untried: %v", m.Name, err)
			return nil
		}
		return err
	}
	m, err := store.Add(ctx, c.Path, models.Addition{Name: c.Name, Kind: speech.Kind(c.Kind), Languages: c.Language, Try: try})
	if err != nil {
		return err
	}
	return o.installed(m)
}

// installed prints a model that was installed.
func (o *output) installed(m *speech.Model) error {
	line := modelLine{
		Name: m.Name, Task: string(models.TaskOf(m.Kind)), Kind: string(m.Kind),
		Languages: append([]string{}, m.Languages...), Installed: true, Folder: m.Folder,
	}
	return o.result(line, "%s is installed", m.Name)
}

type modelsUseCmd struct {
	Name     string   `arg:"" help:"An installed model."`
	Language []string `name:"for" help:"Only for these languages." placeholder:"LANGUAGE"`
}

// Run chooses a model.
func (c *modelsUseCmd) Run(ctx contextBox, parent *cli, cfg *config.Config, o *output) error {
	store, err := parent.Models.open(cfg)
	if err != nil {
		return err
	}
	if err := store.Use(ctx, c.Name, c.Language...); err != nil {
		return err
	}
	return o.result(map[string]any{"name": c.Name, "chosen": slices.Concat([]string{}, c.Language)}, "%s is used from now on", c.Name)
}

type modelsRemoveCmd struct {
	Name string `arg:"" help:"An installed model."`
}

// Run deletes a model.
func (c *modelsRemoveCmd) Run(ctx contextBox, parent *cli, cfg *config.Config, o *output) error {
	store, err := parent.Models.open(cfg)
	if err != nil {
		return err
	}
	if err := store.Remove(ctx, c.Name); err != nil {
		return err
	}
	return o.result(map[string]any{"name": c.Name, "installed": false}, "%s is removed", c.Name)
}

func megabytes(bytes int64) string {
	if bytes == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f MB", float64(bytes)/1e6)
}

// someOf joins the first n of a list.
func someOf(list []string, n int) string {
	if len(list) <= n {
		return strings.Join(list, " ")
	}
	return fmt.Sprintf("%s +%d", strings.Join(list[:n], " "), len(list)-n)
}
