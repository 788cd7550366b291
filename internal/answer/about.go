package answer

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/learn"
)

const (
	// aboutThreshold is how near a question must come to one about Mynah itself. It is strict, since
	// most questions are about other things: "where is the hall" has 0.38 and "who are you and what
	// can you do" 0.49.
	aboutThreshold = 0.45
	// maxAboutRunes is the longest question that may be about Mynah itself.
	maxAboutRunes = 200
)

// about is what Mynah knows about itself in one language.
type about struct {
	language string
	model    *learn.Model
}

// learnAbout makes what Mynah knows about itself, in each language.
func (a *Answerer) learnAbout(ctx context.Context) error {
	languages, err := learn.BuiltinLanguages()
	if err != nil {
		return err
	}
	for _, language := range languages {
		m, err := learn.BuiltinModel(ctx, language)
		if err != nil {
			return fmt.Errorf("what Mynah knows about itself in the language %q: %w", language, err)
		}
		a.about = append(a.about, about{language, m.WithThresholds(m.Threshold(), aboutThreshold)})
	}
	return nil
}

// aboutItself finds what Mynah knows about itself, in the language of the replies first, else in any:
// the question may be in another.
func (a *Answerer) aboutItself(language, question string) (learn.Prediction, bool) {
	if utf8.RuneCountInString(question) > maxAboutRunes {
		return learn.Prediction{}, false
	}
	var found learn.Prediction
	for _, about := range a.about {
		switch p := about.model.Predict(question); {
		case !p.ReplyKnown:
		case about.language == language:
			return p, true
		case !found.ReplyKnown:
			found = p
		}
	}
	return found, found.ReplyKnown
}
