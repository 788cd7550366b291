package discord

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

// thumbsUp is the reaction, as it stands in a path.
const thumbsUp = "%F0%9F%91%8D"

// Typed questions and their answers are kept for as long as the server wants, and then known to nobody any more.
func TestExchangesExpire(t *testing.T) {
	var later atomic.Int64
	w := newWorld(t, func(c *mynah) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	})
	ann := w.login("Ann")
	kept := func() int {
		t.Helper()
		w.check(w.bot.DeleteExpired(context.Background()))
		all, err := w.store.ExportUser(context.Background(), record.UserID(ann.id))
		w.check(err)
		return len(all.Exchanges)
	}
	days := func(n int) { later.Store(int64(n) * int64(24*time.Hour)) }
	wants(t, "the default", ann.ask("general", "!settings retention").Content, "`retention` is 30 days", "questions, answers and transcripts")
	old := ann.ask("general", "!ask who are you?")
	wants(t, "the notice", ann.ask("general", "!privacy delete").Content, "after 30 days")

	days(29)
	young := ann.ask("help", "!ask what can you do?")
	limit := time.After(waitLimit)
	until := func(what string, reached func() bool) {
		t.Helper()
		for !reached() {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-limit:
				t.Fatal(what + ": waited in vain")
			}
		}
	}
	until("both exchanges", func() bool { return kept() == 2 }) // they are written behind
	days(31)
	if n := kept(); n != 1 {
		t.Fatalf("%d exchanges are kept", n)
	}
	ann.answer("general", old.ID, "!correct A bird.")
	wants(t, "a correction of what expired", ann.saying("no question").Content, "after 30 days")
	wants(t, "a correction of the last answer", ann.ask("general", "!correct A bird.").Content, "in the last 30 days")
	// A vote on what expired is nobody's opinion of anything.
	ann.react(http.MethodPut, "general", old.ID, thumbsUp)
	again := ann.ask("general", "!ask who are you?")
	ann.react(http.MethodPut, "general", again.ID, thumbsUp)
	votes := func() int {
		sum, err := w.store.FeedbackSummary(t.Context(), w.server)
		w.check(err)
		return sum.Up
	}
	ann.ask("general", "!hi") // behind it in the channel's queue
	if n := votes(); n != 1 {
		t.Errorf("%d votes", n)
	}

	// A shorter time holds at once.
	ann.answer("help", young.ID, "!correct A lot.")
	ann.saying("Noted")
	days(33)
	ann.ask("general", "!settings retention 3")
	until("a shorter time", func() bool { return kept() == 1 })
}
