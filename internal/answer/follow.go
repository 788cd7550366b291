package answer

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"github.com/mynahbot/mynah/internal/answer/evidence"
)

// Before is what the same person asked last in the same place.
type Before struct {
	Question string // "" = nothing that counts any more
	Taught   string // the question that was taught and gave the answer; "" where none did
}

// odds are how an earlier question moves the odds among candidates, as they came out best for the pairs of
// questions in evidence/texts/*/follow.txt.
var odds = evidence.Follow{Earlier: 0.4, Same: -0.4}

const (
	// followLead is by how much the first candidate must be ahead of the second to answer.
	followLead = 0.01
	// maxFollowWords is how many words a question that follows another has at most.
	maxFollowWords = 9
)

// follow answers a question that only makes sense after another one. ok is false where it stands on its
// own, or nothing answers it.
func (p *Pairs) follow(ctx context.Context, question string, before Before, alone Match) (m Match, ok bool, err error) {
	if before.Question == "" || !leansOn(question) {
		return m, false, nil
	}
	found, err := p.index.Following(ctx, odds, before.Question, before.Taught, question, alone.vector)
	if err != nil || len(found) == 0 || found[0].Same { // what was asked about before is asked anew in its own words
		return m, false, err
	}
	m = Match{Kind: Suggested, vector: alone.vector}
	for _, f := range found {
		m.Candidates = append(m.Candidates, Candidate{Question: p.index.Wording(f.Wording), Reply: f.Reply, Probability: p.thresholds.Answer})
	}
	if evidence.Lead(found) >= followLead {
		m.Kind = Answered
	}
	return m, m.Candidates[0].Reply != "", nil
}

// leansOn reports whether a text is a short question that takes up something said before: it begins with
// "and" or "what about", or has a word that stands for another.
func leansOn(text string) bool {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 || len(words) > maxFollowWords {
		return false
	}
	asks := strings.Contains(text, "?") || slices.ContainsFunc(words, evidence.Asks)
	if begins := slices.Contains(takingUp, words[0]); begins && (asks || len(words) > 1) {
		return true
	}
	return asks && slices.ContainsFunc(words, func(w string) bool { return slices.Contains(standingFor, w) })
}

// takingUp begin questions that take up an earlier one.
var takingUp = strings.Fields("and but or also then so ok okay а и но или тогда ещё еще ок")

// standingFor are words that stand for something said before.
var standingFor = strings.Fields(`it its that this them they those these one ones there else
	его её ее их это этого этому этим этот эта эту они он она оно туда там тот та ту те второй вторая второе втором другой другое другая`)
