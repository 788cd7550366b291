package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mynahbot/mynah/internal/speech"
)

// LanguageError says that nothing that recognizes a language could be had, in one sentence with what to do instead.
type LanguageError struct {
	Language string
	Tried    []*PullError
}

func (e *LanguageError) Error() string {
	if len(e.Tried) == 0 {
		return fmt.Sprintf("no model of the catalogue recognizes the language %q: install one of your own with mynah models add", e.Language)
	}
	var names, why []string
	for _, p := range e.Tried {
		names = append(names, p.Model)
		for _, err := range p.Causes {
			if r := reason(err); !slices.Contains(why, r) {
				why = append(why, r)
			}
		}
	}
	return fmt.Sprintf("nothing that recognizes the language %q could be had (%s): %s; try again later, or install a copy of %s from another machine with mynah models add",
		e.Language, strings.Join(names, ", "), strings.Join(why, "; "), names[0])
}

// Unwrap returns why each model could not be had.
func (e *LanguageError) Unwrap() []error {
	var all []error
	for _, p := range e.Tried {
		all = append(all, p)
	}
	return all
}

// PullLanguage installs what hears and speaks a language: the best recognizer that can be had, which is then the one in use,
// the best voice, and what both need. A model that can't be had is reported as skipped, with what is installed instead; only
// where there is no recognizer at all the error is a *[LanguageError]. report may be nil.
func (s *Store) PullLanguage(ctx context.Context, language string, report func(Progress)) (PackResult, error) {
	if report == nil {
		report = func(Progress) {}
	}
	result := PackResult{Skipped: map[string]error{}}
	r, ok := s.catalogue.Recommend(language)
	if !ok {
		return result, &LanguageError{Language: language}
	}
	for _, task := range []Task{Library, VAD} {
		if _, err := s.Find(task, ""); err == nil {
			continue
		}
		i := slices.IndexFunc(s.catalogue.Models, func(e Entry) bool { return TaskOf(e.Kind) == task })
		if i < 0 {
			continue
		}
		m, err := s.Pull(ctx, s.catalogue.Models[i].Name, report)
		if err != nil {
			return result, err
		}
		result.Models = append(result.Models, m)
	}
	failed := &LanguageError{Language: language}
	recognizer, err := s.first(ctx, r.Recognizers, &result, report, failed)
	if err != nil {
		return result, err
	}
	if recognizer == nil {
		return result, failed
	}
	if err := s.Use(ctx, recognizer.Name, language); err != nil {
		return result, err
	}
	_, err = s.first(ctx, r.Voices, &result, report, nil)
	return result, err
}

// first installs the first of the models that can be had; nil where none can.
func (s *Store) first(ctx context.Context, names []string, result *PackResult, report func(Progress), failed *LanguageError) (*speech.Model, error) {
	for i, name := range names {
		m, err := s.Pull(ctx, name, report)
		if err == nil {
			result.Models = append(result.Models, m)
			return m, nil
		}
		var pull *PullError
		if !errors.As(err, &pull) {
			return nil, err
		}
		if failed != nil {
			failed.Tried = append(failed.Tried, pull)
		}
		if failed != nil && i == len(names)-1 {
			return nil, nil // told with all the others
		}
		result.Skipped[name] = err
		report(Progress{Model: name, Step: Skipped, Note: err.Error()})
	}
	return nil, nil
}
