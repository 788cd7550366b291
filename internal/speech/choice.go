package speech

import (
	"context"
	"slices"
	"time"

	"github.com/mynahbot/mynah/internal/spoken"
)

const (
	// surely is how sure a detector must be to settle a recording's language. Where it isn't, certainty decides, and after enough
	// speech for good.
	surely = 0.8
	enough = 2 * time.Second
)

// choice finds the language of a recording out as its segments come.
type choice struct {
	t       *Transcriber
	among   []string // at least one
	settled string
}

// language is that of a segment.
func (c *choice) language(ctx context.Context, s Segment) (string, error) {
	switch {
	case len(c.among) == 1:
		return c.among[0], nil
	case c.settled != "":
		return c.settled, nil
	}
	if c.t.Detector != nil {
		language, sure, err := c.t.Detector.Detect(ctx, s.Samples, c.among)
		if err != nil {
			return "", err
		}
		if language != "" && sure >= surely {
			c.settled = language
			return language, nil
		}
	}
	language, err := c.byCertainty(ctx, s)
	if s.Speech >= enough {
		c.settled = language
	}
	return language, err
}

// byCertainty takes the language in which the segment is recognized with the most certainty. A recognizer that doesn't say
// how certain it is comes after those that are.
func (c *choice) byCertainty(ctx context.Context, s Segment) (string, error) {
	best, most := c.among[0], -1.0
	for _, l := range c.among {
		t, err := c.t.Utterance(ctx, slices.Clone(s.Samples), l)
		if err != nil {
			return "", err
		}
		confidence := t.Confidence
		switch {
		case t.Text == "":
			confidence = 0
		case confidence == 1:
			confidence = spoken.Certain
		}
		if confidence > most {
			best, most = l, confidence
		}
	}
	return best, nil
}
