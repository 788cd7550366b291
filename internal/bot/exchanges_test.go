package bot

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/mynahbot/mynah/internal/record"
)

// countedExchanges counts what is saved.
type countedExchanges struct {
	ExchangeStore
	saved int
}

func (c *countedExchanges) SaveExchange(context.Context, record.Exchange) (record.ExchangeID, error) {
	c.saved++
	return 0, nil
}

// A conversation may end after the bot: what it adds then is lost, and nothing breaks.
func TestExchangesAfterTheEnd(t *testing.T) {
	store := &countedExchanges{}
	l := newExchangeLog(store, slog.New(slog.DiscardHandler))
	var running, adding sync.WaitGroup
	running.Go(l.run)
	for range 4 {
		adding.Go(func() {
			for range 100 {
				l.add(record.Exchange{Question: "q"})
			}
		})
	}
	l.add(record.Exchange{Question: "q"})
	if err := l.flush(t.Context()); err != nil {
		t.Error(err)
	}
	l.close()
	adding.Wait()
	running.Wait()
	if store.saved == 0 || store.saved > 401 {
		t.Errorf("%d were saved", store.saved)
	}
	before := store.saved
	l.add(record.Exchange{Question: "q"})
	if err := l.flush(t.Context()); !errors.Is(err, errEnded) || store.saved != before {
		t.Errorf("after the end: %v, %d saved", err, store.saved-before)
	}
}
