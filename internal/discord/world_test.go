package discord

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/disgoorg/snowflake/v2"
	"go.uber.org/goleak"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/answer/answertest"
	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/learn/report"
	"github.com/mynahbot/mynah/internal/localdiscord"
	localvoice "github.com/mynahbot/mynah/internal/localdiscord/voice"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/store"
	"github.com/mynahbot/mynah/internal/store/jobs"
	"github.com/mynahbot/mynah/internal/teach"
	"github.com/mynahbot/mynah/internal/workspace"
)

// waitLimit is how long a test waits for what must come.
const waitLimit = 2 * time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a Mynah with everything real, on a local Discord, and the people in it.
type world struct {
	t      testing.TB
	local  *localdiscord.Server
	voice  *localvoice.Server // nil in a world without one
	line   localdiscord.Line
	store  *store.Store
	spaces *workspace.Workspaces
	jobs   *jobs.Jobs
	bot    *bot.Bot
	mynah  *Client
	log    *logRecorder
	http   *http.Client // of people
	server record.ServerID
	dir    string // of the store

	settings *heldSettings
	running  bool
}

// quick lifts the limits of requests where a test doesn't ask for Discord's (see strict): with them each channel has a message a second.
func quick(world localdiscord.World) localdiscord.World {
	if world.RateLimits == (localdiscord.WorldRateLimits{}) {
		world.RateLimits.Unlimited = true
	}
	return world
}

// strict asks for Discord's own limits.
func strict() localdiscord.World {
	world := localdiscord.DefaultWorld()
	world.RateLimits.Global = localdiscord.DefaultGlobalRequests
	return world
}

// newWorld starts a world; change may alter the bot's configuration.
func newWorld(t testing.TB, change func(*mynah)) *world {
	t.Helper()
	return newWorldIn(t, localdiscord.Config{}, change)
}

func newWorldIn(t testing.TB, cfg localdiscord.Config, change func(*mynah)) *world {
	t.Helper()
	cfg.World = quick(cfg.World)
	ctx := context.Background()
	local, err := localdiscord.Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := local.Close(); err != nil {
			t.Error(err)
		}
	})
	w := around(t, local)
	w.start(change)
	return w
}

// around is a world on a local Discord, with nothing started.
func around(t testing.TB, local *localdiscord.Server) *world {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	w := &world{t: t, local: local, line: local.Ready(), log: &logRecorder{}, http: &http.Client{Transport: transport, Timeout: waitLimit}}
	w.server = record.ServerID(w.line.Servers[0].ID)
	var err error
	w.dir = t.TempDir()
	if w.store, err = store.Open(context.Background(), store.Config{Dir: w.dir}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.check(w.store.Close()) })
	w.spaces = workspace.Open(w.dir)
	t.Cleanup(func() { w.check(w.spaces.Close()) })
	return w
}

// attach starts Mynah with a token of choice and returns why it couldn't.
func attach(t testing.TB, local *localdiscord.Server, token string, noContent bool) (*world, error) {
	t.Helper()
	w := around(t, local)
	return w, w.connect(Config{Token: token, NoMessageContent: noContent}, nil)
}

// hold keeps the queue of the channel "general" until release is closed.
func (w *world) hold(release <-chan struct{}) {
	w.t.Helper()
	held := make(chan struct{})
	w.settings.hold(held, release)
	m := bot.Message{ID: 1, Server: w.server, Channel: record.ChannelID(w.channel("general")), Author: bot.Person{ID: 1, Name: "holder"}, Text: "x"}
	w.bot.HandleMessage(m, nil)
	select {
	case <-held:
	case <-time.After(waitLimit):
		w.t.Fatal("the queue is not held")
	}
}

// heldSettings is the store's settings, whose next reading can be held.
type heldSettings struct {
	bot.SettingsStore
	mu      sync.Mutex
	held    chan<- struct{}
	release <-chan struct{}
}

func (s *heldSettings) hold(held chan<- struct{}, release <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held, s.release = held, release
}

func (s *heldSettings) Settings(ctx context.Context, server record.ServerID) (record.Settings, error) {
	s.mu.Lock()
	held, release := s.held, s.release
	s.held, s.release = nil, nil
	s.mu.Unlock()
	if held != nil {
		close(held)
		<-release
	}
	return s.SettingsStore.Settings(ctx, server)
}

// start starts the bot on the world's store and connects it.
// mynah configures what Mynah is made of, below its connection.
type mynah struct {
	answer answer.Config
	teach  teach.Config
	bot.Config
}

func (w *world) start(change func(*mynah)) {
	w.t.Helper()
	account, _ := w.line.Account("Mynah")
	if err := w.connect(Config{Token: account.Token}, change); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) connect(to Config, change func(*mynah)) error {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	var err error
	log := slog.New(w.log)
	if w.jobs, err = jobs.New(ctx, w.store, jobs.Config{Log: log, Ended: func(ctx context.Context, j record.Job) { w.bot.JobEnded(ctx, j) }}); err != nil {
		w.t.Fatal(err)
	}
	w.settings = &heldSettings{SettingsStore: w.store}
	p := mynah{
		answer: answer.Config{Matcher: answertest.ByWords(w.t), Settings: w.settings, Corrections: w.store, Examples: w.store, Models: w.store, Blobs: w.store, Log: log},
		teach: teach.Config{
			Settings: w.settings, Corrections: w.store, Examples: w.store, Models: w.store, Blobs: w.store,
			Jobs: w.jobs, Workspaces: w.spaces, Log: log,
		},
		Config: bot.Config{
			Report:   report.Write,
			Settings: w.settings, Exchanges: w.store, Corrections: w.store, Feedback: w.store, Examples: w.store,
			Models: w.store, Privacy: w.store, Workspaces: w.spaces, Transcripts: w.store, Retention: w.store, Jobs: w.jobs, Log: log,
			Recognizers: []string{"local", "google", "openai"}, Talking: &bot.Talking{Synthesizer: toneSynthesizer{}, Store: w.store},
		},
	}
	if change != nil {
		change(&p)
	}
	if p.Answers, err = answer.New(p.answer); err != nil {
		w.t.Fatal(err)
	}
	p.teach.Answers = p.Answers
	if p.Teacher, err = teach.New(p.teach); err != nil {
		w.t.Fatal(err)
	}
	if w.bot, err = bot.New(p.Config); err != nil {
		w.t.Fatal(err)
	}
	w.jobs.Handle(record.JobTrain, w.bot.Train)
	w.bot.Start()
	to.RESTURL, to.CDNURL, to.Log = w.line.REST, w.line.CDN, log
	if w.mynah, err = Open(ctx, to, w.bot); err != nil {
		w.check(w.bot.Stop(ctx))
		return err
	}
	if err := w.jobs.Start(ctx); err != nil {
		w.t.Fatal(err)
	}
	w.running = true
	w.t.Cleanup(w.stop)
	return nil
}

// stop ends the bot in the order of a program that ends.
func (w *world) stop() {
	if !w.running {
		return
	}
	w.running = false
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	w.check(w.bot.Stop(ctx))
	w.check(w.jobs.Stop(ctx))
	w.mynah.Close(ctx)
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Error(err)
	}
}

// channel returns the id of a channel by name.
func (w *world) channel(name string) snowflake.ID {
	w.t.Helper()
	ch, ok := w.line.Channel(name)
	if !ok {
		w.t.Fatalf("no channel %q", name)
	}
	return snowflake.ID(ch.ID)
}

// mention is how a message mentions Mynah.
func (w *world) mention() string {
	a, _ := w.line.Account("Mynah")
	return fmt.Sprintf("<@%d>", uint64(a.ID))
}

// logRecorder keeps the log for failures and checks.
type logRecorder struct {
	mu    sync.Mutex
	lines []string
}

func (l *logRecorder) Enabled(context.Context, slog.Level) bool { return true }
func (l *logRecorder) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logRecorder) WithGroup(string) slog.Handler            { return l }
func (l *logRecorder) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.Level, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		return true
	})
	if os.Getenv("MYNAH_TEST_LOG") != "" {
		fmt.Fprintln(os.Stderr, b.String())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, b.String())
	return nil
}

// trim forgets all but the newest lines.
func (l *logRecorder) trim() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = slices.Clone(l.lines[max(0, len(l.lines)-200):])
}

func (l *logRecorder) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

func (l *logRecorder) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines[max(0, len(l.lines)-40):], "\n")
}
