package answer

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/answer/evidence"
)

//go:embed builtin/*.json
var aboutFiles embed.FS

const (
	// aboutThreshold is how likely right an answer about Mynah itself must be: most questions are about
	// other things.
	aboutThreshold = 0.8
	// maxAboutRunes is the longest question that may be about Mynah itself.
	maxAboutRunes = 200
)

// About returns what Mynah knows about itself, by the two letters of the language. Commands in the
// replies stand between backquotes and without a prefix.
func About() (map[string][]evidence.Wording, error) {
	entries, err := aboutFiles.ReadDir("builtin")
	if err != nil {
		return nil, err
	}
	all := map[string][]evidence.Wording{}
	for _, entry := range entries {
		data, err := aboutFiles.ReadFile("builtin/" + entry.Name())
		if err != nil {
			return nil, err
		}
		var topics []struct {
			Reply     string
			Questions []string
		}
		if err := json.Unmarshal(data, &topics); err != nil {
			return nil, fmt.Errorf("builtin/%s: %w", entry.Name(), err)
		}
		language := strings.TrimSuffix(entry.Name(), path.Ext(entry.Name()))
		for _, t := range topics {
			for _, q := range t.Questions {
				all[language] = append(all[language], evidence.Wording{Text: q, Reply: t.Reply})
			}
		}
	}
	return all, nil
}

// about is what Mynah knows about itself.
type about map[string]*Pairs // by language

// learnAbout makes it searchable.
func learnAbout(ctx context.Context, m *Matcher) (about, error) {
	taught, err := About()
	if err != nil {
		return nil, err
	}
	all := about{}
	for language, wordings := range taught {
		p, err := m.Pairs(ctx, wordings, nil)
		if err != nil {
			return nil, fmt.Errorf("what Mynah knows about itself in the language %q: %w", language, err)
		}
		all[language] = p.WithThreshold(max(p.Threshold(), aboutThreshold))
	}
	return all, nil
}

// ask finds what Mynah knows about itself, in the language of the replies first, else in any: the
// question may be in another. vector is the question's where it is known, else nil.
func (a about) ask(ctx context.Context, language, question string, vector []float32) (Candidate, bool, error) {
	if utf8.RuneCountInString(question) > maxAboutRunes {
		return Candidate{}, false, nil
	}
	var found Candidate
	ok := false
	for l, pairs := range a {
		m, err := pairs.ask(ctx, question, Before{}, vector)
		if err != nil {
			return Candidate{}, false, err
		}
		if vector == nil {
			vector = m.vector
		}
		best, _ := m.Best()
		switch {
		case m.Kind != Answered:
		case l == language:
			return best, true, nil
		case !ok || best.Probability > found.Probability:
			found, ok = best, true
		}
	}
	return found, ok, nil
}
