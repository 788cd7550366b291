package speech

import (
	"context"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/spoken"
)

// Synthesizer makes speech of text. It is safe for concurrent use.
type Synthesizer interface {
	// Synthesize gives the speech to emit in pieces, each as soon as it is ready, all at the same rate. It stops at the
	// first error of emit and returns that, and returns soon after ctx ends. A text without anything to say is
	// no error and gives nothing.
	Synthesize(ctx context.Context, s spoken.Speech, emit func(audio.PCM) error) error
}
