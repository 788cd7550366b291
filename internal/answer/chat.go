package answer

import (
	"context"
	"errors"
	"time"

	"github.com/mynahbot/mynah/internal/learn"
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
	Nearest  []learn.Neighbour // taught questions with replies, nearest first
	Grounded bool              // answer only from Nearest, or return ErrNotGrounded
	// Tuned is a fine-tuned model, which gets the text alone, as it was trained; "" is the usual model.
	Tuned string
}

// ErrNotGrounded says that the examples don't answer the question.
var ErrNotGrounded = errors.New("the examples don't answer the question")

const (
	// chatTime is how long a chat server may take for an answer.
	chatTime = time.Minute
	// chatExamples is how many taught questions it gets as context.
	chatExamples = 8
)

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

// Chat has the chat server answer a question from the examples of a server that are nearest to it.
// update gets the answer so far, from one goroutine. ok is false where it has no answer.
func (a *Answerer) Chat(ctx context.Context, s record.Settings, question string, update func(soFar string)) (text string, ok bool) {
	on, grounded := a.Chats(s)
	if !on {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, chatTime)
	defer cancel()
	k, err := a.Knowledge(ctx, s.Server)
	if err != nil {
		a.log.Error("examples for the chat server can't be read", "server", s.Server, "err", err)
		return "", false
	}
	var nearest []learn.Neighbour
	if k.model != nil {
		nearest = k.model.Neighbours(question, chatExamples)
	}
	text, err = a.cfg.Chat.Chat(ctx, ChatQuestion{Text: question, Nearest: nearest, Grounded: grounded}, update)
	if err != nil && !errors.Is(err, ErrNotGrounded) && !errors.Is(ctx.Err(), context.Canceled) {
		a.log.Warn("the chat server gave no answer", "server", s.Server, "err", err)
	}
	return text, err == nil
}
