package voice

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/disgoorg/snowflake/v2"

	localvoice "github.com/mynahbot/mynah/internal/localdiscord/voice"
)

func eofIf(end bool) error {
	if end {
		return io.EOF
	}
	return nil
}

func open(t *testing.T, c *Conn, channel snowflake.ID) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Open(ctx, channel, false, false); err != nil {
		t.Fatal(err)
	}
}

func TestTwoPeopleHearEachOther(t *testing.T) {
	t.Parallel()
	g := newMainGateway(t, localvoice.Config{})
	ears := map[snowflake.ID]*ear{1: newEar(), 2: newEar()}
	conns := map[snowflake.ID]*Conn{}
	for user, e := range ears {
		conns[user] = g.person(user, Config{Listen: func(snowflake.ID) Listener { return e }})
		open(t, conns[user], 77)
	}
	for user, c := range conns {
		frequency := 300 * float64(user)
		item, err := c.Player().Play(context.Background(), "tone", newTone(frequency, time.Second))
		if err != nil {
			t.Fatal(err)
		}
		other := ears[3-user]
		other.until(t, "a second of the tone", func() bool { return len(other.of(user)) >= 16000 })
		if p := power(other.of(user)[1600:14400], frequency); p < 0.9 {
			t.Errorf("the tone of %d makes up %.2f of what was heard", user, p)
		}
		<-item.Done()
		if item.Err() != nil || item.Played() != time.Second {
			t.Errorf("played %v, %v", item.Played(), item.Err())
		}
	}
}
