package bot

import (
	"errors"
	"io/fs"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/spoken"
)

// translation says things in one language.
type translation struct {
	texts    *texts
	Language string
	prefix   string // before the names of commands
}

// in returns the words of a language, with the prefix of a server.
func (b *Bot) in(language string, s record.Settings) translation {
	return translation{texts: b.texts, Language: language, prefix: b.prefix(s)}
}

// T returns a sentence. Its place {prefix} is filled; pairs of name and value fill the others.
func (t translation) T(key string, pairs ...any) string {
	return t.texts.get(t.Language, key, append([]any{"prefix", t.prefix}, pairs...)...)
}

// refusal is an error whose text the person is meant to read.
type refusal struct {
	key   string
	pairs []any
	err   error // for the log; may be nil
}

func (e *refusal) Error() string {
	if e.err != nil {
		return e.key + ": " + e.err.Error()
	}
	return e.key
}

func (e *refusal) Unwrap() error { return e.err }

// fail is an error that is told as the sentence with that key.
func (t translation) fail(key string, pairs ...any) error { return &refusal{key: key, pairs: pairs} }

// failed is fail with a cause for the log.
func (t translation) failed(err error, key string, pairs ...any) error {
	return &refusal{key: key, pairs: pairs, err: err}
}

// sentence says what went wrong, in words for the person. known is false for an
// error that nobody thought of.
func (t translation) sentence(err error) (text string, known bool) {
	if r, ok := errors.AsType[*refusal](err); ok {
		return t.T(r.key, r.pairs...), true
	}
	if e, ok := errors.AsType[*FetchError](err); ok {
		key := [...]string{"attachment.failed", "attachment.too_large", "attachment.foreign"}[e.Fault]
		return t.T(key, "name", plain(e.Name), "limit", size(e.Limit)), true
	}
	if e, ok := errors.AsType[*spoken.HearingError](err); ok {
		key := [...]string{"audio.unreadable", "audio.too_long", "audio.no_model", "audio.no_recognizer"}[e.Fault]
		return t.T(key, "language", e.Language, "install", e.Install, "minutes", e.Minutes), true
	}
	if errors.Is(err, fs.ErrInvalid) {
		return t.T("error.path"), true
	}
	return t.T("error.broken"), false
}
