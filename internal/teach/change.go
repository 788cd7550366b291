package teach

import (
	"context"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/record"
)

// DatasetPinned is the dataset of examples that no training learns: the server's own test set.
const DatasetPinned = "pinned"

// Add adds one example to what is taught. The error is a *[TooManyError] where that is full.
func (t *Teacher) Add(ctx context.Context, e record.Example) (added, duplicates int, err error) {
	counts, err := t.cfg.Examples.CountExamples(ctx, e.Server)
	if err != nil {
		return 0, 0, err
	}
	if counts[""] >= t.cfg.MaxExamples {
		return 0, 0, &TooManyError{All: counts[""] + 1, Most: t.cfg.MaxExamples}
	}
	return t.cfg.Examples.AddExamples(ctx, e.Server, []record.Example{e})
}

// AddResponses adds response texts of labels, which answer at once.
func (t *Teacher) AddResponses(ctx context.Context, server record.ServerID, responses map[string][]string, origin record.Origin) error {
	_, _, err := t.cfg.Examples.AddExamples(ctx, server, responseExamples(responses, origin))
	t.cfg.Answers.Forget(server)
	return err
}

// Pin adds examples to the server's own test set.
func (t *Teacher) Pin(ctx context.Context, server record.ServerID, examples []record.Example) (added, duplicates int, err error) {
	pinned := make([]record.Example, len(examples))
	for i, e := range examples {
		e.Dataset = DatasetPinned
		pinned[i] = e
	}
	return t.cfg.Examples.AddExamples(ctx, server, pinned)
}

// Pinned reads the server's own test set.
func (t *Teacher) Pinned(ctx context.Context, server record.ServerID) ([]record.Example, error) {
	return t.cfg.Examples.Examples(ctx, server, DatasetPinned)
}

// Remove removes the examples that a filter chooses, and returns how many they were. Trainings learn
// them no more; response texts among them answer no more at once.
func (t *Teacher) Remove(ctx context.Context, server record.ServerID, filter record.ExampleFilter) (int, error) {
	n, err := t.cfg.Examples.RemoveExamples(ctx, server, filter)
	t.cfg.Answers.Forget(server)
	return n, err
}

// RemoveCorrections removes corrections, which answer no more at once.
func (t *Teacher) RemoveCorrections(ctx context.Context, server record.ServerID, ids ...record.CorrectionID) error {
	defer t.cfg.Answers.Forget(server)
	for _, id := range ids {
		if _, err := t.cfg.Corrections.DeleteCorrection(ctx, server, id); err != nil {
			return err
		}
	}
	return nil
}

// Disable leaves the examples that a filter chooses out of trainings, or takes them in again, and
// returns how many they were.
func (t *Teacher) Disable(ctx context.Context, server record.ServerID, filter record.ExampleFilter, disabled bool) (int, error) {
	return t.cfg.Examples.DisableExamples(ctx, server, filter, disabled)
}

// Edit changes what one example says. The error is [record.ErrDuplicate] where another says the same;
// found is false where the example isn't there.
func (t *Teacher) Edit(ctx context.Context, server record.ServerID, e record.Example) (found bool, err error) {
	found, err = t.cfg.Examples.EditExample(ctx, server, e)
	t.cfg.Answers.Forget(server)
	return found, err
}

// Correct keeps what is right in place of the answer of an exchange, and lets it answer from now on.
func (t *Teacher) Correct(ctx context.Context, e record.Exchange, by record.UserID, right string) error {
	if _, err := t.cfg.Answers.Knowledge(ctx, e.Server); err != nil {
		return err // nothing is kept that can't answer
	}
	_, err := t.cfg.Corrections.SaveCorrection(ctx, record.Correction{
		Server: e.Server, Question: e.Question, Given: e.Answer, Right: right, By: by, Asker: e.Asker, Message: e.AnsweredIn, At: t.cfg.Now(),
	})
	if err != nil {
		return err
	}
	return t.cfg.Answers.Correct(ctx, e.Server, e.Question, right)
}

// Promote puts a model into use that waits. It must be readable.
func (t *Teacher) Promote(ctx context.Context, m record.Model) error {
	return t.use(ctx, m, t.cfg.Models.Promote)
}

// Restore goes back to a model that was in use. It must be readable.
func (t *Teacher) Restore(ctx context.Context, m record.Model) error {
	return t.use(ctx, m, t.cfg.Models.Restore)
}

// UnreadableError says that a model can't be read back.
type UnreadableError struct{ Err error }

func (e *UnreadableError) Error() string { return "the model can't be read: " + e.Err.Error() }
func (e *UnreadableError) Unwrap() error { return e.Err }

func (t *Teacher) use(ctx context.Context, m record.Model, put func(context.Context, record.ServerID, record.ModelID) error) error {
	if _, err := t.cfg.Answers.Load(ctx, m); err != nil {
		return &UnreadableError{err}
	}
	if err := put(ctx, m.Server, m.ID); err != nil {
		return err
	}
	t.cfg.Answers.Forget(m.Server)
	return nil
}

// correctionExample is a correction as trainings learn it.
func correctionExample(k record.Correction) record.Example {
	return record.Example{Text: k.Question, Reply: k.Right, Origin: record.Origin{
		Kind: record.OriginCorrection, Message: k.Message, Author: k.By, At: k.At,
	}}
}

// Taught returns all that a server was taught by examples and corrections, in this order.
func (t *Teacher) Taught(ctx context.Context, server record.ServerID) ([]record.Example, error) {
	examples, err := t.cfg.Examples.Examples(ctx, server, "")
	if err != nil {
		return nil, err
	}
	corrections, err := t.cfg.Corrections.Corrections(ctx, server, false)
	if err != nil {
		return nil, err
	}
	for _, k := range corrections {
		examples = append(examples, correctionExample(k))
	}
	return examples, nil
}

// Responses reads what the server says to texts of each label.
func (t *Teacher) Responses(ctx context.Context, server record.ServerID) (map[string][]string, error) {
	kept, err := t.cfg.Examples.Examples(ctx, server, answer.DatasetResponses)
	if err != nil {
		return nil, err
	}
	all := map[string][]string{}
	for _, e := range kept {
		all[e.Label] = append(all[e.Label], e.Reply)
	}
	return all, nil
}
