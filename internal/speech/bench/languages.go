package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/engine"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/speech/wer"
	"github.com/mynahbot/mynah/internal/spoken"
)

// letters counts wrong letters as wer.Compare counts wrong words; ё and е are one.
func letters(said, heard string) wer.Count {
	apart := func(s string) string {
		var b strings.Builder
		for _, r := range strings.ReplaceAll(strings.ToLower(s), "ё", "е") {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				b.WriteRune(r)
				b.WriteByte(' ')
			}
		}
		return b.String()
	}
	return wer.Compare(apart(said), apart(heard))
}

// russian prints the error rates of the Russian clips, and what of them is certain.
func (b *bench) russian(ctx context.Context, clips []clip) error {
	var none *spoken.NoModelError
	if _, err := b.engine.Recognize(ctx, spoken.Utterance{Language: "ru"}); errors.As(err, &none) {
		fmt.Println("Russian: no model is installed: mynah models pull ru")
		return nil
	}
	var words, all, certain wer.Count
	n, uncertain := 0, 0
	seconds, took := 0.0, 0.0
	for _, c := range clips {
		if c.Language != "ru" {
			continue
		}
		t, err := b.transcribeIn(ctx, c.File, "ru")
		if err != nil {
			return fmt.Errorf("%s: %w", c.File, err)
		}
		n++
		seconds, took = seconds+t.Audio.Seconds(), took+t.Took.Seconds()
		heard := t.Text
		if t.Guess != "" {
			uncertain++
			heard = t.Guess
		} else {
			certain = certain.Add(letters(c.Text, heard))
		}
		plain := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "ё", "е") }
		words, all = words.Add(wer.Compare(plain(c.Text), plain(heard))), all.Add(letters(c.Text, heard))
		if b.verbose {
			fmt.Printf("%s %.2f\n  said  %s\n  heard %s\n", c.File, t.Confidence, c.Text, heard)
		}
	}
	fmt.Printf("Russian, %d clips: words %s wrong, letters %s; %d of them only guessed, the others letters %s; real-time factor %.3f\n", n, words, all, uncertain, certain, took/max(seconds, 1))
	return nil
}

// without is a store in which nothing recognizes.
type without struct{ *models.Store }

func (without) Usable(models.Task) ([]*speech.Model, error) { return nil, nil }

func (w without) Find(task models.Task, language string) (*speech.Model, error) {
	if task == models.Recognizer {
		return nil, models.ErrNotInstalled
	}
	return w.Store.Find(task, language)
}

// confusion prints what is made of clips whose language a server doesn't expect: with the models of one language only, and with
// those of both.
func (b *bench) confusion(ctx context.Context, clips []clip) error {
	english := engine.Open(engine.Config{Streams: 1, Models: b.pack}, without{b.store})
	defer english.Close()
	var errs []error
	count := map[string]int{}
	for _, c := range clips {
		if c.Language != "ru" && !(c.Language == "en" && strings.HasPrefix(c.File, "en/")) {
			continue
		}
		count[c.Language]++
		if c.Language == "ru" {
			f, err := os.Open(filepath.Join(b.data, c.File))
			if err != nil {
				return err
			}
			t, err := english.Transcribe(ctx, f, []string{"en"}, nil)
			f.Close()
			if err != nil {
				return err
			}
			if t.Text != "" {
				count["invented"]++
				errs = append(errs, fmt.Errorf("%s: English %q at %.2f is made of Russian", c.File, t.Text, t.Confidence))
			}
		}
		for _, server := range []string{"en", "ru"} {
			languages := []string{server, "en", "ru"}
			t, err := b.transcribeIn(ctx, c.File, slices.Compact(languages)...)
			if err != nil {
				return fmt.Errorf("%s: %w", c.File, err)
			}
			if t.Language == c.Language {
				count[c.Language+" in "+server]++
			} else if b.verbose {
				fmt.Printf("%s: %s for %s in a server in %s: %q %q\n", c.File, t.Language, c.Language, server, t.Text, t.Guess)
			}
		}
	}
	fmt.Printf("English models alone: a text is made of %d of %d Russian clips\n", count["invented"], count["ru"])
	for _, l := range []string{"en", "ru"} {
		fmt.Printf("language %s found: %d of %d clips in an English server, %d in a Russian one\n", l, count[l+" in en"], count[l], count[l+" in ru"])
	}
	return errors.Join(errs...)
}

// cases checks the recordings that were not understood once, whose words are those of a clip.
func (b *bench) cases(ctx context.Context, clips []clip) error {
	folder := filepath.Join(b.data, "..", "cases", "audio")
	entries, err := os.ReadDir(folder)
	if err != nil {
		fmt.Println("cases: not there")
		return nil
	}
	i := slices.IndexFunc(clips, func(c clip) bool { return c.File == "en/jfk.wav" })
	if i < 0 {
		return errors.New("the clip of the cases is not there")
	}
	var errs []error
	n := 0
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".txt") {
			continue
		}
		n++
		t, err := b.transcribe(ctx, filepath.Join("..", "cases", "audio", e.Name()))
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", e.Name(), err))
		case strings.HasPrefix(e.Name(), "loop"):
			fmt.Printf("  %s: %q\n", e.Name(), t.Text)
			if len(strings.Fields(t.Text)) > 16 {
				errs = append(errs, fmt.Errorf("%s: %q goes round in circles", e.Name(), t.Text))
			}
		case wer.Compare(clips[i].Text, t.Text).Rate() > 0.15:
			errs = append(errs, fmt.Errorf("%s: %q", e.Name(), t.Text))
		}
	}
	fmt.Printf("cases: %d of %d recordings come out right\n", n-len(errs), n)
	return errors.Join(errs...)
}
