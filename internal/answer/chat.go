package answer

import (
	"context"
	"errors"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

// ChatServer writes answers.
type ChatServer interface {
	// Chat answers q. update, if not nil, gets the answer so far, from one goroutine. The error wraps
	// [ErrNotGrounded] where the examples don't answer it.
	Chat(ctx context.Context, q ChatQuestion, update func(soFar string)) (string, error)
}

// ChatQuestion is what a chat server is asked.
type ChatQuestion struct {
	Text     string
	Nearest  []Candidate // what was taught and is likeliest to answer it, the likeliest first
	Grounded bool        // answer only from Nearest, or return ErrNotGrounded
	Persona  string      // how it is to sound; "" = as usual
	// Tuned is a fine-tuned model, which gets the text alone, as it was trained; "" is the usual model.
	Tuned string
}

// ErrNotGrounded says that the examples don't answer the question.
var ErrNotGrounded = errors.New("the examples don't answer the question")

// chatTime is how long a chat server may take for an answer.
const chatTime = time.Minute

// Off is the value of settings that switch something off.
const Off = "off"

// CanChat reports whether a chat server is configured.
func (a *Answerer) CanChat() bool { return a.cfg.Chat != nil }

// Chats reports whether the chat server answers in a server, and whether only from examples.
func (a *Answerer) Chats(s record.Settings) (on, grounded bool) {
	grounded = a.cfg.ChatGrounded
	if s.Grounded != nil {
		grounded = *s.Grounded
	}
	return a.cfg.Chat != nil && s.Chat != Off, grounded
}

// Chat has the chat server answer a question from what a server was taught and is likeliest to answer it.
// update gets the answer so far, from one goroutine. ok is false where it has no answer.
func (a *Answerer) Chat(ctx context.Context, s record.Settings, question string, update func(soFar string)) (text string, ok bool) {
	on, grounded := a.Chats(s)
	if !on {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, chatTime)
	defer cancel()
	k, err := a.Knowledge(ctx, s.Server)
	var match Match
	if err == nil {
		match, err = k.pairs.Ask(ctx, question, Before{})
	}
	if err != nil {
		a.log.Error("examples for the chat server can't be read", "server", s.Server, "err", err)
		return "", false
	}
	text, err = a.cfg.Chat.Chat(ctx, ChatQuestion{
		Text: question, Nearest: match.Candidates, Grounded: grounded, Persona: s.Persona,
	}, update)
	if err != nil && !errors.Is(err, ErrNotGrounded) && !errors.Is(ctx.Err(), context.Canceled) {
		a.log.Warn("the chat server gave no answer", "server", s.Server, "err", err)
	}
	return text, err == nil
}
