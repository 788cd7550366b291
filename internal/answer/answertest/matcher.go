// Package answertest gives tests what takes long to make.
package answertest

import (
	"log/slog"
	"sync"
	"testing"

	"github.com/mynahbot/mynah/internal/answer"
)

// byWords reads the background once for all tests of a process: with the race detector that takes a while.
var byWords = sync.OnceValues(func() (*answer.Matcher, error) {
	return answer.NewMatcher(nil, "", slog.New(slog.DiscardHandler))
})

// ByWords is a matcher without an encoder.
func ByWords(t testing.TB) *answer.Matcher {
	t.Helper()
	m, err := byWords()
	if err != nil {
		t.Fatal(err)
	}
	return m
}
