package answer

import (
	"context"
	"log/slog"
	"slices"

	"github.com/mynahbot/mynah/internal/learn"
)

// Knowledge is what one server's Mynah knows: pairs of questions and replies, with what people corrected,
// and a model that tells labels. It doesn't change.
type Knowledge struct {
	pairs  *Pairs
	model  *learn.Model // nil without one
	number int
	stale  bool // there is a model, but it may not answer any more

	encoder    learn.Encoder // for a model that was trained with one; may be nil
	showLabels bool          // labels are named in chat

	// tuned is the service's model that answers what the model knows; "" = the model itself does.
	tuned   string
	service ChatServer
	log     *slog.Logger
}

// Model returns the model in use, nil without one, and its number within the server.
func (k *Knowledge) Model() (m *learn.Model, number int) { return k.model, k.number }

// Pairs are what was taught as questions with replies.
func (k *Knowledge) Pairs() *Pairs { return k.pairs }

// Tuned names the service's model that answers for the model in use; "" = none does. Each prediction
// is a request then.
func (k *Knowledge) Tuned() string { return k.tuned }

// speaks reports whether a label of so many is likely enough for its response text to be an answer: more
// likely than not, with at least twice the odds of chance.
func speaks(probability float64, labels int) bool {
	chance := 1 / float64(max(labels-1, 1)) // its odds
	return probability > 0.5 && probability >= 2*chance*(1-probability)
}

// PredictHere is what is made of a text here; no service is asked.
func (k *Knowledge) PredictHere(ctx context.Context, text string) (learn.Prediction, error) {
	p, _, err := k.PredictAfter(ctx, text, Before{})
	return p, err
}

// PredictAfter is PredictHere of a text that may follow what was asked before, with what the pairs say.
func (k *Knowledge) PredictAfter(ctx context.Context, text string, before Before) (p learn.Prediction, m Match, err error) {
	if m, err = k.pairs.Ask(ctx, text, before); err != nil {
		return p, m, err
	}
	p, err = k.prediction(ctx, text, m)
	return p, m, err
}

// prediction adds what the model makes of a text to what the pairs say.
func (k *Knowledge) prediction(ctx context.Context, text string, match Match) (p learn.Prediction, err error) {
	if k.model != nil && len(k.model.Labels()) > 0 {
		if p, err = k.label(ctx, text, match.vector); err != nil {
			return p, err
		}
		p.ReplyKnown = p.ReplyKnown && speaks(p.Probability, len(k.model.Labels()))
	}
	if best, ok := match.Best(); ok && (match.Kind == Answered || !p.ReplyKnown && p.Reply == "") {
		p.Reply, p.ReplyScore, p.ReplyKnown = best.Reply, best.Probability, match.Kind == Answered
	}
	p.Known = p.LabelKnown || p.ReplyKnown
	return p, nil
}

// label is the model's own prediction. Where its encoder isn't here, it goes by the words alone.
func (k *Knowledge) label(ctx context.Context, text string, vector []float32) (learn.Prediction, error) {
	switch {
	case k.model.CheckEncoder(k.encoder) != nil:
		return k.model.Predict(text), nil
	case vector != nil && k.model.Encoder() == k.encoder.Name():
		return k.model.PredictVector(text, vector)
	}
	return k.model.PredictEncoded(ctx, k.encoder, text)
}

// Predict is PredictHere, where the service answers what is known, if the model has one.
func (k *Knowledge) Predict(ctx context.Context, text string) (learn.Prediction, error) {
	p, err := k.PredictHere(ctx, text)
	if err != nil {
		return p, err
	}
	return k.serve(ctx, text, p)
}

// serve lets the service answer what is known.
func (k *Knowledge) serve(ctx context.Context, text string, p learn.Prediction) (learn.Prediction, error) {
	if k.tuned == "" || !p.Known {
		return p, nil
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
