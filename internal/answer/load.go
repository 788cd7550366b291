package answer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/mynahbot/mynah/internal/answer/evidence"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// maxModelBytes limits a model that is read back, against a blob store that was tampered with.
const maxModelBytes = 1 << 30

// DatasetResponses is the dataset of examples that hold what is said to texts of a label: a label and
// a reply, and no text.
const DatasetResponses = "responses"

// Of returns the knowledge of a new model that nothing keeps yet. tuned names the service's model that
// answers for it; "" = none does.
func (a *Answerer) Of(ctx context.Context, model *learn.Model, tuned string) (*Knowledge, error) {
	k := a.of(model, tuned)
	return k, a.matcher.search(ctx, k, nil)
}

// Know returns the knowledge of a model alone. encoder gives vectors to a model that needs them; it may be
// nil.
func (m *Matcher) Know(ctx context.Context, model *learn.Model, encoder learn.Encoder) (*Knowledge, error) {
	k := &Knowledge{model: model, encoder: encoder, log: m.log}
	return k, m.search(ctx, k, nil)
}

func (a *Answerer) of(model *learn.Model, tuned string) *Knowledge {
	k := &Knowledge{model: model, encoder: a.cfg.Encoder, log: a.log}
	if tuned != "" {
		k.tuned, k.service = tuned, a.cfg.Tuned
	}
	return k
}

// search makes what a model was taught searchable, with what was corrected.
func (m *Matcher) search(ctx context.Context, k *Knowledge, corrections []record.Correction) (err error) {
	var taught []record.Example
	var known Vectors
	if k.model != nil {
		for _, p := range k.model.Pairs() {
			taught = append(taught, record.Example{Text: p.Question, Reply: p.Reply})
		}
		known = m.VectorsOf(k.model)
	}
	k.pairs, err = m.Pairs(ctx, Wordings(Corrected(taught, corrections)), known)
	return err
}

// Wordings are the examples as they are compared with questions. Examples of labels alone are left out.
func Wordings(examples []record.Example) []evidence.Wording {
	out := make([]evidence.Wording, 0, len(examples))
	for _, e := range examples {
		if e.Reply != "" || e.Label == "" {
			out = append(out, evidence.Wording{Text: e.Text, Reply: e.Reply})
		}
	}
	return out
}

// Corrected is what was taught as people corrected it, oldest correction first: each adds its question
// with the right reply, in place of what was taught for the same words. Where it is the same question,
// all that was answered likewise gets the right reply too. What is never to be answered has the reply "".
func Corrected(taught []record.Example, corrections []record.Correction) []record.Example {
	if len(corrections) == 0 {
		return taught
	}
	out := slices.Clone(taught)
	place := map[string]int{} // of texts with replies; the last one counts
	for i, e := range out {
		if e.Reply != "" {
			place[learn.Normalize(e.Text)] = i
		}
	}
	for _, c := range corrections {
		right := c.Right
		switch c.Kind {
		case record.CorrectionSame:
			for i := range out {
				if out[i].Reply == c.Given && c.Given != "" {
					out[i].Reply = right
				}
			}
		case record.CorrectionNever:
			right = ""
		}
		e := record.Example{Text: c.Question, Reply: right, Origin: record.Origin{
			Kind: record.OriginCorrection, Message: c.Message, Author: c.By, At: c.At,
		}}
		key := learn.Normalize(c.Question)
		if at, ok := place[key]; ok {
			e.Label = out[at].Label
			out[at] = e
			continue
		}
		place[key] = len(out)
		out = append(out, e)
	}
	return out
}

// Knowledge returns what a server's Mynah knows: with its corrections, and thresholds and response
// texts as the server chose.
func (a *Answerer) Knowledge(ctx context.Context, server record.ServerID) (*Knowledge, error) {
	return a.cache.get(ctx, server, func(ctx context.Context) (*Knowledge, error) { return a.load(ctx, server) })
}

// Loaded is Knowledge where it is in memory, else nil.
func (a *Answerer) Loaded(server record.ServerID) *Knowledge { return a.cache.peek(server) }

// Forget makes the next question read what the server's Mynah knows anew: after a training, a
// promotion, a correction, or a deletion.
func (a *Answerer) Forget(server record.ServerID) { a.cache.forget(server) }

// ForgetAll is Forget for every server.
func (a *Answerer) ForgetAll() { a.cache.forgetAll() }

// load reads the model in use, and what was corrected.
func (a *Answerer) load(ctx context.Context, server record.ServerID) (*Knowledge, error) {
	k := a.of(nil, "")
	active, ok, err := a.cfg.Models.ActiveModel(ctx, server)
	if err != nil {
		return nil, err
	}
	if ok {
		if k, err = a.open(ctx, active); err != nil {
			return nil, err
		}
	} else {
		all, err := a.cfg.Models.Models(ctx, server)
		if err != nil {
			return nil, err
		}
		k.stale = len(all) > 0 && all[0].State == record.ModelStale
	}
	var corrections []record.Correction
	if server != 0 { // direct messages without a home server: nobody may teach there for everybody
		if corrections, err = a.cfg.Corrections.Corrections(ctx, server, false); err != nil {
			return nil, err
		}
	}
	if err := a.matcher.search(ctx, k, corrections); err != nil {
		return nil, err
	}
	return k, a.adapt(ctx, k, server)
}

// Load reads a model with all that it needs to predict.
func (a *Answerer) Load(ctx context.Context, m record.Model) (*Knowledge, error) {
	k, err := a.open(ctx, m)
	if err != nil {
		return nil, err
	}
	return k, a.matcher.search(ctx, k, nil)
}

// open is Load without what is to be searched.
func (a *Answerer) open(ctx context.Context, m record.Model) (*Knowledge, error) {
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
	if err := model.CheckEncoder(a.cfg.Encoder); err != nil {
		a.log.Warn("a model tells labels by the words alone", "server", m.Server, "model", m.Number, "err", err)
	}
	k := a.of(model, tuned)
	k.number = m.Number
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

// adapt makes what is known answer as the server chose.
func (a *Answerer) adapt(ctx context.Context, k *Knowledge, server record.ServerID) error {
	settings, err := a.cfg.Settings.Settings(ctx, server)
	if err != nil {
		return err
	}
	k.showLabels = settings.ShowLabels
	if t := settings.ReplyThreshold; t != nil {
		k.pairs = k.pairs.WithThreshold(*t)
	}
	if k.model == nil {
		return nil
	}
	if t := settings.LabelThreshold; t != nil {
		k.model = k.model.WithThreshold(*t)
	}
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
	return nil
}
