package voice

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/disgoorg/snowflake/v2"
	"go.uber.org/goleak"

	botgateway "github.com/disgoorg/disgo/gateway"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/localdiscord"
	localvoice "github.com/mynahbot/mynah/internal/localdiscord/voice"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(playRole(role)) // a process of BenchmarkVoice
	}
	flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))) // unless go test is told otherwise: calls mostly wait
	goleak.VerifyTestMain(m)
}

const testGuild = 500

// patience bounds every wait; none is expected to take nearly as long.
const patience = 2 * time.Minute

// soundBack is how soon sound has to be back after whatever happened. A busy machine takes longer: the figure itself is held where
// the long tests run.
func soundBack() time.Duration {
	if os.Getenv("MYNAH_LONG") != "" {
		return 2 * time.Second
	}
	return 20 * time.Second
}

// mainGateway plays the part of Discord's main gateway between connections and a local voice server.
type mainGateway struct {
	t       *testing.T
	server  *localvoice.Server
	mu      sync.Mutex
	conns   map[snowflake.ID]*Conn
	places  map[snowflake.ID]localdiscord.VoiceSession
	deaf    map[snowflake.ID]bool // whose wishes are not answered
	joins   int
	away    atomic.Bool  // no wish can be sent
	refused atomic.Int64 // wishes that could not

	happened chan Event // to the connection that a test is about
}

func newMainGateway(t *testing.T, c localvoice.Config) *mainGateway {
	t.Helper()
	server, err := localvoice.Start(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	g := &mainGateway{
		t: t, server: server, conns: map[snowflake.ID]*Conn{},
		places: map[snowflake.ID]localdiscord.VoiceSession{}, deaf: map[snowflake.ID]bool{},
	}
	t.Cleanup(g.close)
	return g
}

// close ends the users' last connections.
func (g *mainGateway) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	g.mu.Lock()
	conns := maps.Clone(g.conns)
	g.mu.Unlock()
	for user, conn := range conns {
		conn.Close(ctx)
		select {
		case <-conn.Done():
		default:
			g.t.Errorf("connection of %d does not end", user)
		}
	}
}

// person connects one user with its own listener and events.
func (g *mainGateway) person(user snowflake.ID, c Config) *Conn {
	return g.connection(user, NewConnections(c))
}

// connection is one of several of all.
func (g *mainGateway) connection(user snowflake.ID, all *Connections) *Conn {
	conn := all.Create(testGuild, user, func(ctx context.Context, _ snowflake.ID, channel *snowflake.ID, _, _ bool) error {
		if g.away.Load() {
			g.refused.Add(1)
			return errors.New("the main gateway is not connected")
		}
		g.wish(user, channel) // in order, and never blocking: connections queue what they are told
		return nil
	}, func() {}).(*Conn)
	g.mu.Lock()
	g.conns[user] = conn
	g.mu.Unlock()
	return conn
}

// wish answers op 4 of the main gateway: to be where one is already changes nothing, and is answered by a voice state alone.
func (g *mainGateway) wish(user snowflake.ID, channel *snowflake.ID) {
	g.mu.Lock()
	conn, place, deaf := g.conns[user], g.places[user], g.deaf[user]
	g.mu.Unlock()
	switch {
	case deaf:
	case channel != nil && place.ChannelID == localdiscord.ID(*channel):
		state := botgateway.EventVoiceStateUpdate{}
		state.GuildID, state.UserID, state.ChannelID, state.SessionID = testGuild, user, channel, place.SessionID
		conn.HandleVoiceStateUpdate(state)
	default:
		g.put(user, channel)
	}
}

// put has a user be in a channel, and names a voice server for it.
func (g *mainGateway) put(user snowflake.ID, channel *snowflake.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	conn, place := g.conns[user], g.places[user]
	state := botgateway.EventVoiceStateUpdate{}
	state.GuildID, state.UserID, state.ChannelID = testGuild, user, channel
	state.SessionID = fmt.Sprint("session", user)
	if channel == nil {
		if place.ChannelID != 0 {
			g.server.Disconnect(place)
			delete(g.places, user)
		}
		conn.HandleVoiceStateUpdate(state)
		return
	}
	g.joins++
	place = localdiscord.VoiceSession{
		GuildID: testGuild, ChannelID: localdiscord.ID(*channel), UserID: localdiscord.ID(user), SessionID: state.SessionID, CanSpeak: true,
	}
	g.places[user] = place
	endpoint, token, err := g.server.Connect(context.Background(), place)
	if err != nil {
		g.t.Error(err)
		return
	}
	conn.HandleVoiceStateUpdate(state)
	conn.HandleVoiceServerUpdate(botgateway.EventVoiceServerUpdate{Token: token, GuildID: testGuild, Endpoint: &endpoint})
}

// ear keeps what is heard.
type ear struct {
	mu     sync.Mutex
	deafTo map[snowflake.ID]bool
	heard  map[snowflake.ID][]float32
	pieces map[snowflake.ID]int
	made   map[snowflake.ID]int
	news   chan struct{}
}

func newEar() *ear {
	return &ear{deafTo: map[snowflake.ID]bool{}, heard: map[snowflake.ID][]float32{}, pieces: map[snowflake.ID]int{}, made: map[snowflake.ID]int{}, news: make(chan struct{}, 1)}
}

func (e *ear) Wants(user snowflake.ID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.deafTo[user]
}

func (e *ear) Hear(h Heard) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard[h.User] = append(e.heard[h.User], h.Samples...)
	e.pieces[h.User]++
	if h.Concealed {
		e.made[h.User]++
	}
	select {
	case e.news <- struct{}{}:
	default:
	}
}

func (e *ear) of(user snowflake.ID) []float32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]float32(nil), e.heard[user]...)
}

// until waits for what is heard to fulfil ok.
func (e *ear) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for !ok() {
		select {
		case <-e.news:
		case <-deadline.C:
			t.Fatalf("not heard: %s", what)
		}
	}
}

// tone is a Source of a sine.
type tone struct {
	frequency float64
	left, at  int
}

func newTone(frequency float64, d time.Duration) *tone {
	return &tone{frequency: frequency, left: int(d * audio.EncodeRate / time.Second)}
}

func (s *tone) Read(_ context.Context, dst []float32) (int, error) {
	n := min(len(dst), s.left)
	for i := range n {
		dst[i] = float32(0.5 * math.Sin(2*math.Pi*s.frequency*float64(s.at+i)/audio.EncodeRate))
	}
	s.at += n
	s.left -= n
	return n, eofIf(s.left == 0)
}

// power is the share of a frequency in 16 kHz samples (Goertzel), 0..1 of the whole.
func power(samples []float32, frequency float64) float64 {
	w := 2 * math.Cos(2*math.Pi*frequency/audio.DecodeRate)
	var a, b, sum float64
	for _, x := range samples {
		a, b = float64(x)+w*a-b, a
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return 0
	}
	return 2 * (a*a + b*b - w*a*b) / (sum * float64(len(samples)))
}
