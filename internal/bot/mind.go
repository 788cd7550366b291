package bot

import (
	"container/list"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/learn/openai"
	"github.com/mynahbot/mynah/internal/record"
)

const (
	// maxMinds is how many servers' models are kept in memory; those that
	// nobody asked longest go first.
	maxMinds = 64
	// maxModelBytes limits a model that is read back, against a blob store that
	// was tampered with.
	maxModelBytes = 1 << 30
)

// mind is what one server's Mynah knows: what people corrected, and the model
// in use. Only the corrections change.
type mind struct {
	corrections *learn.Corrections
	model       *learn.Model // nil without one
	id          record.ModelID
	number      int
	stale       bool // there is a model, but it may not answer any more

	encoder learn.Encoder // for a model that was trained with one; may be nil otherwise
	missing string        // the encoder that the model needs and that isn't there; "" = none

	// tuned is the service's model that answers what the model knows; "" = the model itself does.
	tuned   string
	service ChatServer
	log     *slog.Logger
}

// local is what the model itself makes of a text.
func (m *mind) local(ctx context.Context, text string) (learn.Prediction, error) {
	return m.model.PredictEncoded(ctx, m.encoder, text)
}

// predict is what the model in use makes of a text: what it knows, the service
// answers, where the model has one.
func (m *mind) predict(ctx context.Context, text string) (learn.Prediction, error) {
	p, err := m.local(ctx, text)
	if err != nil || m.tuned == "" || !p.Known {
		return p, err
	}
	ctx, cancel := context.WithTimeout(ctx, chatTime)
	defer cancel()
	said, err := m.service.Chat(ctx, openai.Question{Text: text, Tuned: m.tuned}, nil)
	switch {
	case err != nil:
		return p, err
	case said == p.Label:
		p.LabelKnown = true
	case slices.Contains(m.model.Labels(), said):
		at := slices.IndexFunc(p.Labels, func(l learn.Scored) bool { return l.Label == said })
		p.Label, p.Probability, p.LabelKnown = said, 0, true
		if at >= 0 {
			p.Probability = p.Labels[at].Probability
		}
		p.Reply, p.ReplyKnown = m.model.Response(said, text)
	default:
		p.Reply, p.ReplyKnown, p.ReplyScore = said, true, max(p.ReplyScore, p.Probability)
	}
	return p, nil
}

// answer is predict, where the model answers alone when the service doesn't.
func (m *mind) answer(ctx context.Context, text string) (learn.Prediction, error) {
	p, err := m.predict(ctx, text)
	if err == nil || m.tuned == "" {
		return p, err
	}
	m.log.Warn("the fine-tuned model gave no answer", "err", err)
	return m.local(ctx, text)
}

// minds loads each server's mind when it is first asked, and keeps the newest.
type minds struct {
	bot     *Bot
	about   map[string]*learn.Model // by language: what Mynah knows about itself
	mu      sync.Mutex
	loaded  map[record.ServerID]*list.Element // of *mindEntry
	recency *list.List                        // newest first
}

type mindEntry struct {
	server record.ServerID
	ready  chan struct{} // closed when mind and err are set
	mind   *mind
	err    error
}

func newMinds(b *Bot) (*minds, error) {
	m := &minds{bot: b, about: map[string]*learn.Model{}, loaded: map[record.ServerID]*list.Element{}, recency: list.New()}
	for _, language := range b.texts.languages {
		about, err := learn.BuiltinModel(b.ctx, language)
		if err != nil {
			return nil, fmt.Errorf("what Mynah knows about itself in the language %q: %w", language, err)
		}
		m.about[language] = about.WithThresholds(about.Threshold(), aboutThreshold)
	}
	return m, nil
}

// aboutThreshold is how near a question must come to one about Mynah itself. It
// is strict, since most questions are about other things: "where is the hall" has
// 0.38 and "who are you and what can you do" 0.49.
const aboutThreshold = 0.45

// of returns a server's mind.
func (m *minds) of(ctx context.Context, server record.ServerID) (*mind, error) {
	m.mu.Lock()
	if at, ok := m.loaded[server]; ok {
		m.recency.MoveToFront(at)
		entry := at.Value.(*mindEntry)
		m.mu.Unlock()
		select {
		case <-entry.ready:
			return entry.mind, entry.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	entry := &mindEntry{server: server, ready: make(chan struct{})}
	m.loaded[server] = m.recency.PushFront(entry)
	if m.recency.Len() > maxMinds {
		oldest := m.recency.Remove(m.recency.Back()).(*mindEntry)
		delete(m.loaded, oldest.server)
	}
	m.mu.Unlock()
	entry.mind, entry.err = m.load(ctx, server)
	if entry.err != nil {
		m.forget(server)
	}
	close(entry.ready)
	return entry.mind, entry.err
}

// peek returns a server's mind where it is in memory, else nil.
func (m *minds) peek(server record.ServerID) *mind {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.loaded[server]
	if !ok {
		return nil
	}
	entry := at.Value.(*mindEntry)
	select {
	case <-entry.ready:
		return entry.mind
	default:
		return nil
	}
}

// forget makes the next question load the server's mind anew: after a training,
// a promotion, or a deletion.
func (m *minds) forget(server record.ServerID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.loaded[server]; ok {
		m.recency.Remove(at)
		delete(m.loaded, server)
	}
}

// forgetAll is forget for every server.
func (m *minds) forgetAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.loaded)
	m.recency.Init()
}

// load reads the model in use, and what was corrected.
func (m *minds) load(ctx context.Context, server record.ServerID) (*mind, error) {
	found := &mind{}
	active, ok, err := m.bot.cfg.Models.ActiveModel(ctx, server)
	if err != nil {
		return nil, err
	}
	if ok {
		if found, err = m.bot.think(ctx, active); err != nil {
			return nil, err
		}
		if err := found.adapt(ctx, m.bot, server); err != nil {
			return nil, err
		}
	} else {
		all, err := m.bot.cfg.Models.Models(ctx, server)
		if err != nil {
			return nil, err
		}
		found.stale = len(all) > 0 && all[0].State == record.ModelStale
	}
	found.corrections = &learn.Corrections{}
	if server == 0 {
		return found, nil // direct messages without a home server: nobody may teach there for everybody
	}
	corrections, err := m.bot.cfg.Corrections.Corrections(ctx, server, false)
	if err != nil {
		return nil, err
	}
	for _, c := range corrections {
		// Those that the model absorbed answer too: a model of another time may
		// not know them, and the wording that they match is close enough to be sure.
		found.corrections.Add(record.Example{Text: c.Question, Reply: c.Right})
	}
	return found, nil
}

// think reads a model with all that it needs to predict.
func (b *Bot) think(ctx context.Context, m record.Model) (*mind, error) {
	model, err := b.loadModel(ctx, m)
	if err != nil {
		return nil, err
	}
	found := &mind{model: model, id: m.ID, number: m.Number, encoder: b.cfg.Encoder, log: b.log}
	var lacks *learn.EncoderError
	if err := model.CheckEncoder(b.cfg.Encoder); errors.As(err, &lacks) {
		found.missing = lacks.Want
	}
	if s := b.summary(m); s.Tuned != "" {
		if b.cfg.Tuning == nil {
			b.log.Warn("no service is configured for a fine-tuned model; its examples answer alone", "server", m.Server, "model", m.Number)
			return found, nil
		}
		found.tuned, found.service = s.Tuned, b.cfg.Tuning
	}
	return found, nil
}

// adapt makes the model answer as the server chose.
func (m *mind) adapt(ctx context.Context, b *Bot, server record.ServerID) error {
	responses, err := b.responses(ctx, server)
	if err != nil {
		return err
	}
	if len(responses) > 0 {
		m.model = m.model.WithResponses(responses)
	}
	settings, err := b.cfg.Settings.Settings(ctx, server)
	if err != nil {
		return err
	}
	label, reply := m.model.Threshold(), m.model.ReplyThreshold()
	if t := settings.LabelThreshold; t != nil {
		label = *t
	}
	if t := settings.ReplyThreshold; t != nil {
		reply = *t
	}
	m.model = m.model.WithThresholds(label, reply)
	return nil
}

// summary reads what was kept with a model.
func (b *Bot) summary(m record.Model) (s trainSummary) {
	if len(m.Summary) > 0 {
		if err := json.Unmarshal(m.Summary, &s); err != nil {
			b.log.Warn("a model's summary can't be read", "model", m.ID, "err", err)
		}
	}
	return s
}

// loadModel reads a model from the blob store.
func (b *Bot) loadModel(ctx context.Context, m record.Model) (_ *learn.Model, err error) {
	r, err := b.cfg.Blobs.OpenBlob(ctx, m.Blob)
	if err != nil {
		return nil, fmt.Errorf("model %d of server %s: %w", m.Number, m.Server, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	model, err := learn.Load(io.LimitReader(r, maxModelBytes), learn.Limits{})
	if err != nil {
		return nil, fmt.Errorf("model %d of server %s: %w", m.Number, m.Server, err)
	}
	return model, nil
}
