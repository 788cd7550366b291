package bot

import (
	"context"

	"github.com/mynahbot/mynah/internal/record"
)

// votes are the emoji that count as feedback.
var votes = map[string]int{"👍": +1, "👎": -1}

// HandleReaction counts 👍 and 👎 under Mynah's replies. It returns at once.
func (b *Bot) HandleReaction(r Reaction) {
	vote, counts := votes[firstRune(r.Emoji)]
	if !counts {
		return
	}
	err := b.work.add(lane{channel: r.Channel}, func() { b.vote(b.ctx, r, vote) })
	if err != nil {
		b.log.Warn("a vote was dropped", "channel", r.Channel, "message", r.Message, "err", err)
	}
}

// firstRune leaves out the skin tone that may follow a hand.
func firstRune(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}

// vote saves one. Only answers to questions count: what else Mynah says is not
// anybody's opinion of the model.
func (b *Bot) vote(ctx context.Context, r Reaction, vote int) {
	server := r.Server
	if server == 0 {
		server = b.cfg.HomeServer
	}
	e, known, err := b.memory.byMessage(ctx, server, r.Message)
	if err == nil && known && e.Channel != r.Channel && e.Asker != r.User {
		var link *link
		if link, err = b.connection(ctx); err == nil {
			known, err = link.members.Sees(ctx, server, e.Channel, r.User)
		}
	}
	if err == nil && known {
		f := record.Feedback{Server: server, User: r.User, Message: e.AnsweredIn, Vote: vote, At: b.cfg.Now()}
		if r.Added {
			_, err = b.cfg.Feedback.SaveFeedback(ctx, f)
		} else {
			err = b.cfg.Feedback.TakeBackVote(ctx, f)
		}
	}
	if err != nil {
		b.log.Error("a vote could not be saved", "message", r.Message, "err", err)
	}
}
