package answer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// maxModelBytes limits a model that is read back, against a blob store that was tampered with.
const maxModelBytes = 1 << 30

// DatasetResponses is the dataset of examples that hold what is said to texts of a label: a label and
// a reply, and no text.
const DatasetResponses = "responses"

// Knowledge is what one server's Mynah knows: what people corrected, and a model. Only the corrections
// change.
type Knowledge struct {
	corrections *learn.Corrections
	model       *learn.Model // nil without one
	number      int
	stale       bool // there is a model, but it may not answer any more

	encoder learn.Encoder // for a model that was trained with one; may be nil otherwise
	missing string        // the encoder that the model needs and that isn't there; "" = none

	// tuned is the service's model that answers what the model knows; "" = the model itself does.
	tuned   string
	service ChatServer
	log     *slog.Logger
}

// Model returns the model in use, nil without one, and its number within the server.
func (k *Knowledge) Model() (m *learn.Model, number int) { return k.model, k.number }

// Missing names the sentence encoder that the model needs and that isn't here; "" = it needs none.
func (k *Knowledge) Missing() string { return k.missing }

// Usable reports whether there is a model that can predict.
func (k *Knowledge) Usable() bool { return k.model != nil && k.missing == "" }

// Tuned names the service's model that answers for the model in use; "" = none does. Each prediction
// is a request then.
func (k *Knowledge) Tuned() string { return k.tuned }

// Predict is what the model in use makes of a text: what it knows, the service answers, where the
// model has one.
func (k *Knowledge) Predict(ctx context.Context, text string) (learn.Prediction, error) {
	p, err := k.PredictHere(ctx, text)
	if err != nil || k.tuned == "" || !p.Known {
		return p, err
	}
	ctx, cancel := context.WithTimeout(ctx, chatTime)
	defer cancel()
	said, err := k.service.Chat(ctx, ChatQuestion{Text: text, Tuned: k.tuned}, nil)
	switch {
	case err != nil:
		return p, err
	case said == p.Label:
		p.LabelKnown = true
	case slices.Contains(k.model.Labels(), said):
		at := slices.IndexFunc(p.Labels, func(l learn.Scored) bool { return l.Label == said })
		p.Label, p.Probability, p.LabelKnown = said, 0, true
		if at >= 0 {
			p.Probability = p.Labels[at].Probability
		}
		p.Reply, p.ReplyKnown = k.model.Response(said, text)
	default:
		p.Reply, p.ReplyKnown, p.ReplyScore = said, true, max(p.ReplyScore, p.Probability)
	}
	return p, nil
}

// PredictHere is what the model itself makes of a text; no service is asked.
func (k *Knowledge) PredictHere(ctx context.Context, text string) (learn.Prediction, error) {
	return k.model.PredictEncoded(ctx, k.encoder, text)
}

// answer is Predict, where the model answers alone when the service doesn't.
func (k *Knowledge) answer(ctx context.Context, text string) (learn.Prediction, error) {
	p, err := k.Predict(ctx, text)
	if err == nil || k.tuned == "" {
		return p, err
	}
	k.log.Warn("the fine-tuned model gave no answer", "err", err)
	return k.PredictHere(ctx, text)
}

// Of returns the knowledge of a new model that nothing keeps yet. tuned names the service's model that
// answers for it; "" = none does.
func (a *Answerer) Of(model *learn.Model, tuned string) *Knowledge {
	k := &Knowledge{model: model, encoder: a.cfg.Encoder, corrections: &learn.Corrections{}, log: a.log}
	if tuned != "" {
		k.tuned, k.service = tuned, a.cfg.Tuned
	}
	return k
}

// Knowledge returns what a server's Mynah knows: with its corrections, and thresholds and response
// texts as the server chose.
func (a *Answerer) Knowledge(ctx context.Context, server record.ServerID) (*Knowledge, error) {
	return a.cache.get(ctx, server, func(ctx context.Context) (*Knowledge, error) { return a.load(ctx, server) })
}

// Loaded is Knowledge where it is in memory, else nil.
func (a *Answerer) Loaded(server record.ServerID) *Knowledge { return a.cache.peek(server) }

// Forget makes the next question read what the server's Mynah knows anew: after a training, a
// promotion, or a deletion.
func (a *Answerer) Forget(server record.ServerID) { a.cache.forget(server) }

// ForgetAll is Forget for every server.
func (a *Answerer) ForgetAll() { a.cache.forgetAll() }

// load reads the model in use, and what was corrected.
func (a *Answerer) load(ctx context.Context, server record.ServerID) (*Knowledge, error) {
	k := a.Of(nil, "")
	active, ok, err := a.cfg.Models.ActiveModel(ctx, server)
	if err != nil {
		return nil, err
	}
	if ok {
		if k, err = a.Load(ctx, active); err != nil {
			return nil, err
		}
		if err := a.adapt(ctx, k, server); err != nil {
			return nil, err
		}
	} else {
		all, err := a.cfg.Models.Models(ctx, server)
		if err != nil {
			return nil, err
		}
		k.stale = len(all) > 0 && all[0].State == record.ModelStale
	}
	if server == 0 {
		return k, nil // direct messages without a home server: nobody may teach there for everybody
	}
	corrections, err := a.cfg.Corrections.Corrections(ctx, server, false)
	if err != nil {
		return nil, err
	}
	for _, c := range corrections {
		// Those that the model absorbed answer too: a model of another time may
		// not know them, and the wording that they match is close enough to be sure.
		k.corrections.Add(record.Example{Text: c.Question, Reply: c.Right})
	}
	return k, nil
}

// Load reads a model with all that it needs to predict.
func (a *Answerer) Load(ctx context.Context, m record.Model) (*Knowledge, error) {
	model, err := a.read(ctx, m)
	if err != nil {
		return nil, err
	}
	summary, err := m.Training()
	if err != nil {
		a.log.Warn("a model's summary can't be read", "model", m.ID, "err", err)
	}
	tuned := summary.Tuned
	if tuned != "" && a.cfg.Tuned == nil {
		a.log.Warn("no service is configured for a fine-tuned model; its examples answer alone", "server", m.Server, "model", m.Number)
		tuned = ""
	}
	k := a.Of(model, tuned)
	k.number = m.Number
	var lacks *learn.EncoderError
	if err := model.CheckEncoder(a.cfg.Encoder); errors.As(err, &lacks) {
		k.missing = lacks.Want
	}
	return k, nil
}

// read reads a model from the blob store.
func (a *Answerer) read(ctx context.Context, m record.Model) (_ *learn.Model, err error) {
	r, err := a.cfg.Blobs.OpenBlob(ctx, m.Blob)
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

// adapt makes the model answer as the server chose.
func (a *Answerer) adapt(ctx context.Context, k *Knowledge, server record.ServerID) error {
	kept, err := a.cfg.Examples.Examples(ctx, server, DatasetResponses)
	if err != nil {
		return err
	}
	if len(kept) > 0 {
		responses := map[string][]string{}
		for _, e := range kept {
			responses[e.Label] = append(responses[e.Label], e.Reply)
		}
		k.model = k.model.WithResponses(responses)
	}
	settings, err := a.cfg.Settings.Settings(ctx, server)
	if err != nil {
		return err
	}
	label, reply := k.model.Threshold(), k.model.ReplyThreshold()
	if t := settings.LabelThreshold; t != nil {
		label = *t
	}
	if t := settings.ReplyThreshold; t != nil {
		reply = *t
	}
	k.model = k.model.WithThresholds(label, reply)
	return nil
}
