package engine

import (
	"context"
	"errors"
	"testing"

	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/spoken"
)

// onlyLibrary is a store with a library that isn't loaded, and no models.
type onlyLibrary struct{}

func (onlyLibrary) Find(task models.Task, _ string) (*speech.Model, error) {
	if task == models.Library {
		return &speech.Model{Folder: "/none"}, nil
	}
	return nil, models.ErrNotInstalled
}
func (onlyLibrary) Usable(models.Task) ([]*speech.Model, error) { return nil, nil }
func (onlyLibrary) Catalogue() *models.Catalogue                { return &models.Catalogue{} }

// A model that can't be loaded is put aside once, with a sentence; what people are told is that nothing recognizes.
func TestPutAside(t *testing.T) {
	broken := errors.New("it ended the process that loaded it")
	told := 0
	e := Open(Config{
		Models: []*speech.Model{{Name: "a", Folder: "/a", Languages: []string{"en"}}},
		Load:   func(context.Context, *speech.Model) error { return broken },
		Aside: func(m *speech.Model, err error) {
			told++
			if m.Name != "a" || !errors.Is(err, ErrAside) {
				t.Errorf("%s: %v", m.Name, err)
			}
		},
	}, onlyLibrary{})
	defer e.Close()
	first := e.putAside(e.config.Models[0], broken)
	if !errors.Is(first, ErrAside) || !errors.Is(first, broken) {
		t.Errorf("the first: %v", first)
	}
	for range 3 {
		_, err := e.Recognize(t.Context(), spoken.Utterance{Language: "en", Samples: make([]float32, 10)})
		var none *spoken.NoModelError
		if err == nil || !errors.As(err, &none) && !errors.Is(err, ErrAside) {
			t.Errorf("afterwards: %v", err)
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
	var fault *spoken.HearingError
	if err := e.explain(first); !errors.As(err, &fault) || fault.Fault != spoken.HearingNoRecognizer {
		t.Errorf("people are told %v", err)
	}
}
