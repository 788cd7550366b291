package main

import (
	"context"

	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/speech/models"
)

// speechModels lets servers have models installed.
type speechModels struct{ store *models.Store }

// Size implements [bot.SpeechModels]: that of the largest that may be installed.
func (m speechModels) Size(language string) (bytes int64, ok bool) {
	r, ok := m.store.Catalogue().Recommend(language)
	if !ok {
		return 0, false
	}
	for _, name := range r.Recognizers {
		e, _ := m.store.Catalogue().Entry(name)
		bytes = max(bytes, e.Size)
	}
	return bytes, true
}

// Pull implements [bot.SpeechModels].
func (m speechModels) Pull(ctx context.Context, language string, report func(bot.SpeechPull)) error {
	_, err := m.store.PullLanguage(ctx, language, func(p models.Progress) {
		pull := bot.SpeechPull{Model: p.Model, Took: p.Took}
		if p.Total > 0 {
			pull.Share = float64(p.Done) / float64(p.Total)
		}
		if p.Step != models.Skipped {
			report(pull)
		}
	})
	return err
}
