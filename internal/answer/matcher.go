package answer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/mynahbot/mynah/internal/answer/evidence"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/partial"
)

// Matcher compares questions with what was taught: by their meaning where there is a sentence encoder,
// else by their words. It serves all servers. Safe for concurrent use.
type Matcher struct {
	encoder learn.Encoder // nil: words alone
	judge   *evidence.Judge
	lines   []evidence.Line
	folder  string
	log     *slog.Logger

	mu         sync.Mutex
	background *evidence.Background // ready; nil until it is needed first
}

// NewMatcher makes a matcher. encoder may be nil, and counts for nothing where no judge was trained with
// it. The vectors of the background take seconds to compute, once: they are kept in folder, which need
// not exist; "" = nowhere. log may be nil.
func NewMatcher(encoder learn.Encoder, folder string, log *slog.Logger) (*Matcher, error) {
	if log == nil {
		log = slog.Default()
	}
	m := &Matcher{folder: folder, log: log}
	var err error
	if m.lines, err = evidence.Lines(); err != nil {
		return nil, err
	}
	if encoder != nil {
		judge, ok, err := evidence.JudgeFor(encoder.Name())
		if err != nil {
			return nil, err
		}
		if ok {
			m.judge, m.encoder = judge, encoder
			return m, nil
		}
		log.Warn("no judge was trained with this sentence encoder; questions are compared by their words", "encoder", encoder.Name())
	}
	var ok bool
	if m.judge, ok, err = evidence.JudgeFor(""); err == nil && !ok {
		err = errors.New("the judge of words is missing")
	}
	return m, err
}

// Warm computes what the first question would wait for.
func (m *Matcher) Warm(ctx context.Context) error {
	_, err := m.ready(ctx)
	return err
}

// ready returns the background with its vectors. Who comes while they are computed waits.
func (m *Matcher) ready(ctx context.Context) (*evidence.Background, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.background != nil {
		return m.background, nil
	}
	b := evidence.NewBackground(m.lines)
	if m.encoder != nil && !m.read(b) {
		if err := b.Encode(ctx, m.encoder); err != nil {
			return nil, fmt.Errorf("the vectors of the background: %w", err)
		}
		m.write(b)
	}
	m.background = b
	return b, nil
}

// file names the kept vectors, and unfinished begins the names of those that are being written.
func (m *Matcher) file() string { return "background-" + m.encoder.Name() + ".vectors" }

const unfinished = ".background-"

// read reads the vectors that an earlier run kept.
func (m *Matcher) read(b *evidence.Background) bool {
	if m.folder == "" {
		return false
	}
	root, err := os.OpenRoot(m.folder)
	if err != nil {
		return false
	}
	defer root.Close()
	f, err := root.Open(m.file())
	if err != nil {
		return false
	}
	defer f.Close()
	err = b.Load(f)
	if err != nil {
		m.log.Debug("kept vectors can't be used", "err", err)
	}
	return err == nil
}

// write keeps the vectors for the next run. That they can't be kept harms nothing.
func (m *Matcher) write(b *evidence.Background) {
	if m.folder == "" {
		return
	}
	err := func() error {
		if err := os.MkdirAll(m.folder, 0o755); err != nil {
			return err
		}
		// What a write left that was killed goes first.
		if _, err := partial.Sweep(m.folder, func(name string) bool { return strings.HasPrefix(name, unfinished) }); err != nil {
			return err
		}
		root, err := os.OpenRoot(m.folder)
		if err != nil {
			return err
		}
		defer root.Close()
		temporary := unfinished + strconv.Itoa(os.Getpid())
		f, err := root.Create(temporary)
		if err != nil {
			return err
		}
		if err := errors.Join(partial.Hold(f), b.Save(f), root.Rename(temporary, m.file()), f.Close()); err != nil {
			return errors.Join(err, root.RemoveAll(temporary))
		}
		return nil
	}()
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		m.log.Debug("vectors can't be kept", "err", err)
	}
}

// Pairs makes what was taught searchable, in the order in which it was taught. known are vectors that
// need not be computed; nil for none.
func (m *Matcher) Pairs(ctx context.Context, taught []evidence.Wording, known Vectors) (*Pairs, error) {
	b, err := m.ready(ctx)
	if err != nil {
		return nil, err
	}
	p := &Pairs{judge: m.judge, thresholds: m.judge.Thresholds()}
	if m.encoder == nil {
		p.index, err = evidence.NewIndex(ctx, b, nil, taught)
	} else {
		p.index, err = evidence.NewIndex(ctx, b, remembering{m.encoder, known}, taught)
	}
	return p, err
}

// Without makes the same pairs searchable, but for those whose questions are left out.
func (m *Matcher) Without(ctx context.Context, p *Pairs, leave func(question string) bool) (*Pairs, error) {
	var taught []evidence.Wording
	known := Vectors{}
	for i, w := range p.index.Wordings() {
		text, reply := p.index.Vectors(i)
		if text != nil {
			known[w.Text], known[w.Reply] = text, reply
		}
		if !leave(w.Text) {
			taught = append(taught, w)
		}
	}
	rest, err := m.Pairs(ctx, taught, known)
	if err == nil {
		rest.thresholds = p.thresholds
	}
	return rest, err
}

// Vectors are known vectors of texts.
type Vectors map[string][]float32

// VectorsOf are those that a model keeps of its pairs, where this matcher's encoder gave them.
func (m *Matcher) VectorsOf(model *learn.Model) Vectors {
	kept := model.Vectors()
	if kept == nil || m.encoder == nil || kept.Encoder != m.encoder.Name() {
		return nil
	}
	known := Vectors{}
	for i, text := range model.Texts() {
		known[text] = kept.Vector(i)
	}
	return known
}

// Keep returns the model with the vectors of its pairs, so that they aren't computed each time that it
// is loaded.
func (m *Matcher) Keep(ctx context.Context, model *learn.Model) (*learn.Model, error) {
	texts := model.Texts()
	if m.encoder == nil || len(texts) == 0 {
		return model, nil
	}
	const atOnce = 256
	vectors := make([][]float32, 0, len(texts))
	for from := 0; from < len(texts); from += atOnce {
		part, err := m.encoder.Encode(ctx, texts[from:min(from+atOnce, len(texts))])
		if err != nil {
			return nil, err
		}
		vectors = append(vectors, part...)
	}
	return model.WithVectors(learn.Pack(m.encoder.Name(), vectors)), nil
}

// remembering is an encoder that need not compute vectors that are known.
type remembering struct {
	learn.Encoder
	known Vectors
}

// Encode implements [evidence.Encoder].
func (r remembering) Encode(ctx context.Context, texts []string) ([][]float32, error) {
	out := make([][]float32, len(texts))
	var missing []string
	for i, t := range texts {
		if out[i] = r.known[t]; out[i] == nil {
			missing = append(missing, t)
		}
	}
	if len(missing) == 0 {
		return out, nil
	}
	computed, err := r.Encoder.Encode(ctx, missing)
	if err != nil {
		return nil, err
	}
	if len(computed) != len(missing) {
		return nil, fmt.Errorf("%w: %d vectors for %d texts", learn.ErrEncoder, len(computed), len(missing))
	}
	for i := range out {
		if out[i] == nil {
			out[i], computed = computed[0], computed[1:]
		}
	}
	return out, nil
}

// Knows implements [evidence.Speller], where the encoder does.
func (r remembering) Knows(word string) bool {
	s, ok := r.Encoder.(evidence.Speller)
	return ok && s.Knows(word)
}
