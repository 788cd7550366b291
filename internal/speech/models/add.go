package models

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/piper"
)

// Addition says about a model of one's own what its files don't.
type Addition struct {
	Name      string      // by default that of the folder, archive or file
	Kind      speech.Kind // by default found by the names of the files, where only one kind has such
	Languages []string    // BCP 47 primary tags; a Piper voice tells its own
	// Try returns why a model doesn't work, which is then not taken; nil takes any.
	Try func(ctx context.Context, m *speech.Model) error
}

// Add installs a model that a person has: a folder with its files, an archive of such a folder, or a Piper voice by its
// .onnx file, beside which lies the .onnx.json. The files are copied, a Piper voice is prepared, and the error says
// what has to be told where something can't be found out.
func (s *Store) Add(ctx context.Context, path string, a Addition) (*speech.Model, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("add model: %w", err)
	}
	if a.Name == "" {
		a.Name = nameOf(path)
	}
	if !validName(a.Name) {
		return nil, fmt.Errorf("add model: %q is no name for a model: letters, digits, '.', '_' and '-' can be used", a.Name)
	}
	if _, ok := s.catalogue.Entry(a.Name); ok {
		return nil, fmt.Errorf("add model: %s is the name of a model in the catalogue: give it another one", a.Name)
	}
	if _, err := s.folder(a.Name); err == nil {
		return nil, fmt.Errorf("add model: %s is installed already: remove it first, or give another name", a.Name)
	}
	if err := os.MkdirAll(s.Dir(), 0o755); err != nil {
		return nil, fmt.Errorf("add model: %w", err)
	}
	unlock, err := lock(ctx, s.Dir())
	if err != nil {
		return nil, err
	}
	defer unlock()
	stage, err := os.MkdirTemp(s.Dir(), scratch)
	if err != nil {
		return nil, fmt.Errorf("add model: %w", err)
	}
	defer os.RemoveAll(stage)
	root, err := os.OpenRoot(stage)
	if err != nil {
		return nil, fmt.Errorf("add model: %w", err)
	}
	defer root.Close()
	if err := copyModel(ctx, path, info, root); err != nil {
		return nil, fmt.Errorf("add model %s: %w", a.Name, err)
	}
	m, err := inspect(root, a)
	if err != nil {
		return nil, fmt.Errorf("add model %s: %w", a.Name, err)
	}
	if err := finish(root, m, "file:"+path); err != nil {
		return nil, fmt.Errorf("add model %s: %w", a.Name, err)
	}
	if a.Try != nil {
		m.Folder = stage
		if err := a.Try(ctx, &m); err != nil {
			return nil, fmt.Errorf("add model %s: %w", a.Name, err)
		}
	}
	if err := s.place(stage, a.Name); err != nil {
		return nil, fmt.Errorf("add model %s: %w", a.Name, err)
	}
	return s.Installed(a.Name)
}

// nameOf is the name of a folder, an archive or a network, without what its format adds.
func nameOf(path string) string {
	name := filepath.Base(path)
	lower := strings.ToLower(name)
	for _, suffix := range []string{".tar.bz2", ".tbz2", ".tar.gz", ".tgz", ".tar", ".zip", ".whl", ".onnx"} {
		if strings.HasSuffix(lower, suffix) {
			return name[:len(name)-len(suffix)]
		}
	}
	return name
}

// copyModel brings the files of path into root.
func copyModel(ctx context.Context, path string, info fs.FileInfo, root *os.Root) error {
	switch {
	case info.IsDir():
		from, err := os.OpenRoot(path)
		if err != nil {
			return err
		}
		defer from.Close()
		return copyFolder(ctx, from.FS(), root)
	case formatOf(path) != "":
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := unpack(ctx, f, formatOf(path), root, notOurs); err != nil {
			return err
		}
		return liftTop(root)
	case strings.HasSuffix(path, ".onnx"):
		for _, p := range []string{path, path + piper.Suffix} {
			if err := keep(p, filepath.Base(p), root); err != nil {
				return fmt.Errorf("a Piper voice is an .onnx file with its .onnx%s beside it: %w", piper.Suffix, err)
			}
		}
		return nil
	}
	return errors.New("it is no folder, no .tar.bz2, .tgz or .zip, and no .onnx file")
}

// notOurs leaves out what an installation writes itself.
func notOurs(name string) string {
	switch filepath.Base(name) {
	case speech.ModelFile, receiptFile:
		return ""
	}
	return name
}

// copyFolder copies the files of a folder. Links are refused: what they lead to may not be there tomorrow.
func copyFolder(ctx context.Context, from fs.FS, root *os.Root) error {
	entries := 0
	return fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if entries++; entries > maxEntries {
			return fmt.Errorf("over %d files", maxEntries)
		}
		if name == "." || notOurs(name) == "" {
			return nil
		}
		if d.IsDir() {
			return root.Mkdir(name, 0o755)
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is neither a file nor a folder", name)
		}
		in, err := from.Open(name)
		if err != nil {
			return err
		}
		defer in.Close()
		out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		_, err = out.ReadFrom(contextReader{ctx, in})
		if e := out.Close(); err == nil {
			err = e
		}
		return err
	})
}

// liftTop moves the files of an archive's only folder to the top.
func liftTop(root *os.Root) error {
	names, err := topNames(root.FS())
	if err != nil || len(names) != 1 {
		return err
	}
	top := names[0]
	inside, err := fs.ReadDir(root.FS(), top)
	if err != nil {
		return nil // a single file
	}
	for _, e := range inside {
		if e.Name() == top {
			return fmt.Errorf("the folder %s holds another of its name", top)
		}
		if err := root.Rename(top+"/"+e.Name(), e.Name()); err != nil {
			return err
		}
	}
	return root.Remove(top)
}

// inspect finds out what kind of model lies in root, and prepares it where that is needed.
func inspect(root *os.Root, a Addition) (speech.Model, error) {
	m := speech.Model{Name: a.Name, Kind: a.Kind, Languages: a.Languages}
	names, err := topNames(root.FS())
	if err != nil {
		return m, err
	}
	network := match([]string{"*.onnx"}, names)
	if network != "" && slices.Contains(names, network+piper.Suffix) && (m.Kind == "" || m.Kind == speech.KindPiper) {
		c, err := piper.Prepare(root, network)
		if err != nil {
			return m, err
		}
		m.Kind = speech.KindPiper
		m.Files = map[string]string{"model": network, "tokens": piper.TokensFile}
		if slices.Contains(names, "espeak-ng-data") {
			m.Files["data"] = "espeak-ng-data"
		}
		if len(m.Languages) == 0 {
			m.Languages = []string{c.Primary()}
		}
	}
	err = complete(&m, root, names)
	return m, err
}

// complete finds out what of a model is not known yet, from the names of the files and folders at the top of root, and
// checks what is. It only reads.
func complete(m *speech.Model, root *os.Root, names []string) (err error) {
	for _, kind := range []speech.Kind{KindEncoder, KindMUSE, KindE5} {
		if _, err := roles(kind, names); err == nil && m.Kind == "" {
			m.Kind = kind // nothing else has a tokenizer.json, such a table or such weights
		}
	}
	if m.Kind == "" {
		if m.Kind, err = kindOf(root, names); err != nil {
			return err
		}
	}
	if m.Files == nil {
		if m.Files, err = roles(m.Kind, names); err != nil {
			return err
		}
	}
	switch TaskOf(m.Kind) {
	case Recognizer, Voice:
		if len(m.Languages) == 0 {
			return errors.New("which languages it knows has to be told")
		}
	}
	for _, l := range m.Languages {
		if !languageTag.MatchString(l) {
			return fmt.Errorf("%q is not a language: two or three small letters are wanted, such as en", l)
		}
	}
	return nil
}

// ReadFolder reads a recognizer's folder where it lies: one with a description, or one with the files of any of
// sherpa-onnx's offline models, which knows the languages given. Nothing is written.
func ReadFolder(path string, languages ...string) (*speech.Model, error) {
	m := &speech.Model{Name: filepath.Base(path), Languages: languages, Folder: path}
	if isModel(path) {
		described, err := speech.ReadModel(path)
		if err != nil {
			return nil, err
		}
		m = described
	} else {
		root, err := os.OpenRoot(path)
		if err != nil {
			return nil, fmt.Errorf("model: %w", err)
		}
		defer root.Close()
		names, err := topNames(root.FS())
		if err != nil {
			return nil, fmt.Errorf("model %s: %w", path, err)
		}
		if err := complete(m, root, names); err != nil {
			return nil, fmt.Errorf("model %s: %w", path, err)
		}
	}
	if task := TaskOf(m.Kind); task != Recognizer {
		return nil, fmt.Errorf("model %s: this is a %s, and no recognizer", path, task)
	}
	return m, nil
}

// architectures are the values of model_type in the metadata of the networks that sherpa-onnx's scripts export, where
// they tell apart what the files' names don't.
var architectures = []struct {
	value string // or its start
	kind  speech.Kind
}{
	{"whisper", speech.KindWhisper},
	{"EncDecCTC", speech.KindNemoCTC},
	{"EncDecHybridRNNTCTC", speech.KindNemoCTC},
	{"sense_voice", speech.KindSenseVoice},
	{"paraformer", speech.KindParaformer},
	{"zipformer2_ctc", speech.KindZipformerCTC},
	{"wenet_ctc", speech.KindWenetCTC},
}

// kindOf finds the kind by the names of the files and by what the network says about itself.
func kindOf(root *os.Root, names []string) (speech.Kind, error) {
	if _, err := roles(speech.KindMoonshine, names); err == nil {
		return speech.KindMoonshine, nil
	}
	network := match(append(encoderRole.patterns, modelRole.patterns...), names)
	said := ""
	if network != "" {
		f, err := root.Open(network)
		if err != nil {
			return "", err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return "", err
		}
		metadata, err := piper.Metadata(f, info.Size())
		if err != nil {
			return "", fmt.Errorf("%s: %w", network, err)
		}
		said = metadata["model_type"]
	}
	if _, err := roles(speech.KindTransducer, names); err == nil {
		if strings.HasPrefix(said, "EncDec") {
			return speech.KindNemoTransducer, nil
		}
		return speech.KindTransducer, nil
	}
	for _, a := range architectures {
		if strings.HasPrefix(said, a.value) {
			return a.kind, nil
		}
	}
	return "", fmt.Errorf("its kind can't be found out (the network says %q): tell it, as one of %s", said, strings.Join(kinds(), ", "))
}

// kinds lists the kinds that can be told.
func kinds() []string {
	var all []string
	for k := range layouts {
		all = append(all, string(k))
	}
	slices.Sort(all)
	return all
}
