package voice

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/disgoorg/snowflake/v2"

	botgateway "github.com/disgoorg/disgo/gateway"

	"github.com/mynahbot/mynah/internal/localdiscord"
	localvoice "github.com/mynahbot/mynah/internal/localdiscord/voice"
)

// events collects a connection's events.
func events() (chan Event, func(snowflake.ID, Event)) {
	c := make(chan Event, 100)
	return c, func(_ snowflake.ID, e Event) { c <- e }
}

func next1(t *testing.T, c chan Event, kind EventKind) Event {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		select {
		case e := <-c:
			if e.Kind == kind {
				return e
			}
		case <-deadline.C:
			t.Fatalf("no event %q", kind)
		}
	}
}

// Whatever ends a socket, sound is back within two seconds, or the connection says why it stopped.
func TestCloseCodes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		code   int
		then   int // another code, which meets the attempt to resume
		rejoin bool
		stop   Reason
	}{
		"cut":                   {code: 0},
		"going away":            {code: 1001},
		"unknown opcode":        {code: 4001, rejoin: true},
		"decode":                {code: 4002, rejoin: true},
		"not authenticated":     {code: 4003, rejoin: true},
		"already authenticated": {code: 4005, rejoin: true},
		"session invalid":       {code: 4006, rejoin: true},
		"timeout":               {code: 4009, rejoin: true},
		"server not found":      {code: 4011, rejoin: true},
		"protocol":              {code: 4012, rejoin: true},
		"WebRTC crashed":        {code: 4013, rejoin: true},
		"crashed":               {code: 4015},
		"resume refused":        {code: 0, then: 4006, rejoin: true},
		"resume too late":       {code: 4015, then: 4009, rejoin: true},
		"bad request":           {code: 4020, rejoin: true},
		"authentication failed": {code: 4004, stop: ReasonToken},
		"mode":                  {code: 4016, stop: ReasonMode},
		"encryption required":   {code: 4017, stop: ReasonDAVE},
		"rate limited":          {code: 4021, stop: ReasonRateLimited},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newMainGateway(t, localvoice.Config{})
			happened, changed := events()
			e := newEar()
			mynah := g.person(1, Config{Changed: changed, Listen: func(snowflake.ID) Listener { return e }})
			other := g.person(2, Config{})
			open(t, mynah, 77)
			open(t, other, 77)
			next1(t, happened, EventConnected)
			g.mu.Lock()
			joins := g.joins
			g.mu.Unlock()
			killed := time.Now()
			if !g.server.Kill(testGuild, 1, tc.code) {
				t.Fatal("nothing to kill")
			}
			if tc.then != 0 && !g.server.Kill(testGuild, 1, tc.then) {
				t.Fatal("nothing to kill any more")
			}
			if tc.stop != "" {
				got := next1(t, happened, EventStopped)
				if got.Err == nil || got.Err.Reason != tc.stop || got.Err.Code != tc.code {
					t.Errorf("stopped with %v", got.Err)
				}
				<-mynah.Done()
				if err := mynah.Open(context.Background(), 77, false, false); !errors.As(err, new(*StopError)) {
					t.Errorf("a connection that is over opens with %v", err)
				}
				return
			}
			// A tone longer than the outage, so that some of it must come through.
			if _, err := other.Player().Play(context.Background(), "tone", newTone(440, patience)); err != nil {
				t.Fatal(err)
			}
			e.until(t, "the tone", func() bool { return len(e.of(2)) > 1600 })
			if d := time.Since(killed); d > soundBack() {
				t.Errorf("sound was back after %v", d)
			}
			g.mu.Lock()
			again := g.joins - joins
			g.mu.Unlock()
			if (again > 0) != tc.rejoin {
				t.Errorf("joined %d times again", again)
			}
			if h := mynah.Health(); !tc.rejoin && h.Resumes == 0 {
				t.Errorf("not resumed: %+v", h)
			}
		})
	}
}

// 4014 and 4022 end a call or begin a move: the next voice server is waited for.
func TestServerMove(t *testing.T) {
	t.Parallel()
	g := newMainGateway(t, localvoice.Config{})
	happened, changed := events()
	e := newEar()
	mynah := g.person(1, Config{Changed: changed, Listen: func(snowflake.ID) Listener { return e }})
	open(t, mynah, 77)
	next1(t, happened, EventConnected)
	for _, code := range []int{4014, 4022} {
		g.server.Kill(testGuild, 1, code)
		next1(t, happened, EventLost)
		channel := snowflake.ID(77)
		g.put(1, &channel) // the main gateway names a server again, unasked
		next1(t, happened, EventConnected)
	}
	// No endpoint: the server is gone and another is sought.
	mynah.HandleVoiceServerUpdate(botgateway.EventVoiceServerUpdate{GuildID: testGuild})
	next1(t, happened, EventLost)
	channel := snowflake.ID(77)
	g.put(1, &channel)
	next1(t, happened, EventConnected)
	// Moved by somebody to another channel.
	channel = 78
	g.put(1, &channel)
	if m := next1(t, happened, EventMoved); m.Channel != 78 {
		t.Errorf("moved to %d", m.Channel)
	}
	next1(t, happened, EventConnected)
	other := g.person(2, Config{})
	open(t, other, 78)
	if _, err := other.Player().Play(context.Background(), "tone", newTone(440, time.Second)); err != nil {
		t.Fatal(err)
	}
	e.until(t, "somebody in the new channel", func() bool { return len(e.of(2)) > 8000 })
	// Disconnected by somebody.
	g.put(1, nil)
	if s := next1(t, happened, EventStopped); s.Err.Reason != ReasonRemoved {
		t.Errorf("stopped with %v", s.Err)
	}
}

// Whoever asks for a channel again that we are in already, whatever the connection is doing, gets it.
func TestOpenAgain(t *testing.T) {
	g := newMainGateway(t, localvoice.Config{})
	happened, changed := events()
	mynah := g.person(1, Config{Changed: changed})
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { open(t, mynah, 77) })
	}
	both.Wait()
	next1(t, happened, EventConnected)
	open(t, mynah, 77)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := mynah.Open(ctx, 77, true, false); err != nil { // muted
		t.Error(err)
	}
	g.server.Kill(testGuild, 1, closeDisconnected) // and no new server is named
	next1(t, happened, EventLost)
	open(t, mynah, 77)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.joins != 2 {
		t.Errorf("%d times joined", g.joins)
	}
}

// told is one event of the main gateway: that we are in a channel, or which voice server to use.
type told func(*mainGateway, *Conn)

// Somebody moves us. The voice state and the server update of the move come in either order, and server updates without a move come
// in between: sound is back by these events alone, without another wish of ours.
func TestMoves(t *testing.T) {
	t.Parallel()
	var token, endpoint string // of where the voice server has let us in last
	admit := func(channel localdiscord.ID) told {
		return func(g *mainGateway, _ *Conn) {
			g.mu.Lock()
			defer g.mu.Unlock()
			place := g.places[1]
			place.ChannelID = channel
			g.places[1] = place
			var err error
			if endpoint, token, err = g.server.Connect(g.t.Context(), place); err != nil {
				g.t.Error(err)
			}
		}
	}
	state := func(channel snowflake.ID) told {
		return func(g *mainGateway, c *Conn) {
			e := botgateway.EventVoiceStateUpdate{}
			g.mu.Lock()
			e.GuildID, e.UserID, e.ChannelID, e.SessionID = testGuild, 1, &channel, g.places[1].SessionID
			g.mu.Unlock()
			c.HandleVoiceStateUpdate(e)
		}
	}
	update := func(_ *mainGateway, c *Conn) {
		at := endpoint
		c.HandleVoiceServerUpdate(botgateway.EventVoiceServerUpdate{Token: token, GuildID: testGuild, Endpoint: &at})
	}
	for _, tc := range []struct {
		name string
		told []told
	}{
		{"state first", []told{admit(78), state(78), update}},
		{"update first", []told{admit(78), update, state(78)}},
		{"update first, late state", []told{admit(78), update, connected(77), state(78)}},
		{"update between two states", []told{admit(78), state(78), update, state(78)}},
		{"a new server, then a move", []told{admit(77), update, connected(77), admit(78), state(78), lost, update}},
		{"a new server, then a move with its update first", []told{admit(77), update, connected(77), admit(78), update, state(78)}},
		{"there and back", []told{admit(78), update, state(78), connected(78), admit(77), state(77), update, connected(77), admit(78), update, state(78)}},
		{"twice, states first", []told{admit(78), state(78), update, connected(78), admit(79), state(79), update, connected(79), admit(78), state(78), update}},
		{"no endpoint in between", []told{gone, lost, admit(78), state(78), update}},
		{"no endpoint in between, update first", []told{gone, lost, admit(78), update, state(78)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newMainGateway(t, localvoice.Config{})
			happened, changed := events()
			e := newEar()
			mynah := g.person(1, Config{Changed: changed, Listen: func(snowflake.ID) Listener { return e }})
			open(t, mynah, 77)
			next1(t, happened, EventConnected)
			g.happened = happened
			for _, f := range tc.told {
				f(g, mynah)
			}
			connected(78)(g, mynah)
			other := g.person(2, Config{})
			open(t, other, 78)
			play(t, other.Player(), newTone(440, time.Second))
			e.until(t, "somebody in the new channel", func() bool { return len(e.of(2)) > 8000 })
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.joins != 2 {
				t.Errorf("%d wishes to join", g.joins)
			}
		})
	}
}

// connected waits until sound can be sent in a channel, lost until the connection is lost; gone takes the voice server away.
func connected(channel snowflake.ID) told {
	return func(g *mainGateway, _ *Conn) {
		g.t.Helper()
		for next1(g.t, g.happened, EventConnected).Channel != channel {
		}
	}
}

func lost(g *mainGateway, _ *Conn) { next1(g.t, g.happened, EventLost) }

func gone(_ *mainGateway, c *Conn) {
	c.HandleVoiceServerUpdate(botgateway.EventVoiceServerUpdate{GuildID: testGuild})
}

// What breaks the session often breaks the main gateway too: a fresh session is asked for once that is back.
func TestMainGatewayAway(t *testing.T) {
	t.Parallel()
	g := newMainGateway(t, localvoice.Config{})
	happened, changed := events()
	mynah := g.person(1, Config{Changed: changed})
	open(t, mynah, 77)
	next1(t, happened, EventConnected)
	g.away.Store(true)
	if !g.server.Kill(testGuild, 1, 4006) {
		t.Fatal("no socket to close")
	}
	next1(t, happened, EventLost)
	deadline, tick := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for g.refused.Load() < 2 {
		select {
		case <-tick.C:
		case e := <-happened:
			t.Fatalf("%v %v while the main gateway is away", e.Kind, e.Err)
		case <-deadline:
			t.Fatal("no wish was tried again")
		}
	}
	g.away.Store(false)
	next1(t, happened, EventConnected)
}

// A full channel and a missing permission look alike: Discord does not answer at all.
func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	g := newMainGateway(t, localvoice.Config{})
	g.deaf[1] = true
	mynah := g.person(1, Config{})
	ctx, cancel := context.WithTimeout(context.Background(), 2*answerWait)
	defer cancel()
	var stop *StopError
	if err := mynah.Open(ctx, 77, false, false); !errors.As(err, &stop) || stop.Reason != ReasonNoAnswer {
		t.Errorf("opened with %v", err)
	}
}

// Dead heartbeats are noticed and the session is resumed.
func TestSilentGateway(t *testing.T) {
	t.Parallel()
	g := newMainGateway(t, localvoice.Config{Heartbeat: 200 * time.Millisecond})
	happened, changed := events()
	mynah := g.person(1, Config{Changed: changed})
	open(t, mynah, 77)
	next1(t, happened, EventConnected)
	g.server.IgnoreHeartbeats(1, true)
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for h := mynah.Health(); h.Resumes == 0 || !h.Ready; h = mynah.Health() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the session was not resumed")
		}
	}
	g.server.IgnoreHeartbeats(1, false)
}
