// Command bench measures how fast Mynah answers texts through the local
// Discord: REST request of the person, gateway, bot, store, REST request of
// Mynah, gateway, all on this machine. It prints the median and the 99th
// percentile from sending a message to seeing the reply, and the memory before
// and after.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/discord"
	"github.com/mynahbot/mynah/internal/localdiscord"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/store"
	"github.com/mynahbot/mynah/internal/store/jobs"
	"github.com/mynahbot/mynah/internal/teach"
	"github.com/mynahbot/mynah/internal/workspace"
)

const (
	people   = 40
	channels = 4
	// patience is how long the last replies may take.
	patience = 10 * time.Second
)

func main() {
	duration := flag.Duration("duration", 15*time.Second, "how long to send")
	// It fills what is bounded: the channels' histories of the local Discord, and the newest exchanges.
	warmUp := flag.Duration("warm-up", 22*time.Second, "how long to send before anything is measured")
	rate := flag.Int("rate", 200, "messages a second")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *warmUp, *duration, *rate); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, warmUp, duration time.Duration, rate int) (err error) {
	world := localdiscord.World{Bots: []localdiscord.WorldBot{{WorldAccount: localdiscord.WorldAccount{Name: "Mynah"}}}}
	server := localdiscord.WorldServer{Name: "bench"}
	for i := range people {
		world.People = append(world.People, localdiscord.WorldAccount{Name: fmt.Sprintf("person%d", i)})
	}
	for i := range channels {
		server.Channels = append(server.Channels, localdiscord.WorldChannel{Name: fmt.Sprintf("channel%d", i)})
	}
	world.Servers = []localdiscord.WorldServer{server}
	world.RateLimits.Unlimited, world.Gateway.Unlimited = true, true // what is measured is Mynah
	local, err := localdiscord.Start(ctx, localdiscord.Config{World: world})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, local.Close()) }()
	line := local.Ready()

	dir, err := os.MkdirTemp("", "mynah-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	kept, err := store.Open(ctx, store.Config{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	spaces := workspace.Open(dir)
	defer func() { err = errors.Join(err, spaces.Close()) }()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	work, err := jobs.New(ctx, kept, jobs.Config{Log: log})
	if err != nil {
		return err
	}
	answers, err := answer.New(answer.Config{Settings: kept, Corrections: kept, Examples: kept, Models: kept, Blobs: kept, Log: log})
	if err != nil {
		return err
	}
	teacher, err := teach.New(teach.Config{
		Settings: kept, Corrections: kept, Examples: kept, Models: kept, Blobs: kept,
		Jobs: work, Workspaces: spaces, Answers: answers, Log: log,
	})
	if err != nil {
		return err
	}
	mynah, err := bot.New(bot.Config{
		Answers: answers, Teacher: teacher,
		Settings: kept, Exchanges: kept, Corrections: kept, Feedback: kept, Examples: kept, Models: kept,
		Privacy: kept, Workspaces: spaces, Transcripts: kept, Retention: kept, Jobs: work, ReplyMode: record.ReplyAll, Log: log,
	})
	if err != nil {
		return err
	}
	mynah.Start()
	account, _ := line.Account("Mynah")
	client, err := discord.Open(ctx, discord.Config{Token: account.Token, RESTURL: line.REST, CDNURL: line.CDN, Log: log}, mynah)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err = errors.Join(err, mynah.Stop(ctx))
		client.Close(ctx)
	}()

	b := &bench{line: line, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}, sent: map[string]time.Time{}, early: map[string]time.Time{}}
	watching, err := b.watch(ctx)
	if err != nil {
		return err
	}
	defer watching()
	if _, err := b.send(ctx, warmUp, rate); err != nil {
		return err
	}
	before := memory()
	b.forget()
	sent, err := b.send(ctx, duration, rate)
	if err != nil {
		return err
	}
	took := b.results()
	if len(took) == 0 {
		return errors.New("nothing was answered")
	}
	slices.Sort(took)
	at := func(q float64) float64 { return took[int(q*float64(len(took)-1))].Seconds() * 1000 }
	fmt.Printf("text answers   %d sent in %s (%d/s), %d answered: median %.1f ms (goal < 10), p99 %.1f ms (goal < 50), longest %.1f ms\n",
		sent, duration, rate, len(took), at(0.5), at(0.99), at(1))
	fmt.Printf("text memory    heap %.1f MB before, %.1f MB after (bot, local Discord and bench together)\n", before, memory())
	return nil
}

// memory is the live heap in MB.
func memory() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / 1e6
}

// bench sends as many people, and sees all replies through one session.
type bench struct {
	line localdiscord.Line
	http *http.Client

	mu    sync.Mutex
	sent  map[string]time.Time // by message id
	early map[string]time.Time // replies seen before the request that sent the question returned
	took  []time.Duration
}

// watch connects the session that sees replies, until the function that it
// returns is called.
func (b *bench) watch(ctx context.Context) (stop func(), err error) {
	account, _ := b.line.Account("person0")
	mynah, _ := b.line.Account("Mynah")
	ctx, cancel := context.WithCancel(ctx)
	conn, _, err := websocket.Dial(ctx, b.line.Gateway+"?v=10&encoding=json", nil)
	if err != nil {
		cancel()
		return nil, err
	}
	conn.SetReadLimit(64 << 20)
	ready, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			_, raw, err := conn.Read(ctx)
			if err != nil {
				return
			}
			at := time.Now()
			var m struct {
				Op int
				T  string
				D  struct {
					Interval int `json:"heartbeat_interval"`
					Author   struct{ ID localdiscord.ID }
					Message  *struct {
						ID string `json:"message_id"`
					} `json:"message_reference"`
				}
			}
			if json.Unmarshal(raw, &m) != nil {
				continue
			}
			switch {
			case m.Op == 10:
				_ = conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"op":2,"d":{"token":%q,"intents":513,"properties":{}}}`, account.Token))
				go func() {
					tick := time.NewTicker(time.Duration(m.D.Interval) * time.Millisecond)
					defer tick.Stop()
					for {
						select {
						case <-tick.C:
							_ = conn.Write(ctx, websocket.MessageText, []byte(`{"op":1,"d":null}`))
						case <-ctx.Done():
							return
						}
					}
				}()
			case m.T == "READY":
				close(ready)
			case m.T == "MESSAGE_CREATE" && m.D.Author.ID == mynah.ID && m.D.Message != nil:
				b.answered(m.D.Message.ID, at)
			}
		}
	}()
	select {
	case <-ready:
	case <-done:
		cancel()
		return nil, errors.New("the watching session ended")
	}
	return func() {
		cancel()
		_ = conn.CloseNow()
		<-done
	}, nil
}

func (b *bench) answered(id string, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	began, ok := b.sent[id]
	if !ok {
		b.early[id] = at
		return
	}
	delete(b.sent, id)
	b.took = append(b.took, at.Sub(began))
}

// send sends at a steady rate, and waits for what is still to be answered.
func (b *bench) send(ctx context.Context, duration time.Duration, rate int) (sent int, err error) {
	questions := []string{"who are you", "what can you do?", "when does the tournament start", "how do I teach you", "!hi"}
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	end := time.After(duration)
	var wg sync.WaitGroup
	failed := make(chan error, 1)
	for running := true; running; {
		select {
		case <-tick.C:
			i := sent
			sent++
			wg.Go(func() {
				if err := b.say(ctx, i, questions[i%len(questions)]); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			})
		case <-end:
			running = false
		case err := <-failed:
			return sent, err
		case <-ctx.Done():
			return sent, ctx.Err()
		}
	}
	wg.Wait()
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		b.mu.Lock()
		left := len(b.sent)
		b.mu.Unlock()
		if left == 0 {
			break
		}
	}
	return sent, nil
}

func (b *bench) say(ctx context.Context, i int, text string) error {
	account, _ := b.line.Account(fmt.Sprintf("person%d", i%people))
	channel := b.line.Servers[0].Channels[i%channels]
	body, err := json.Marshal(map[string]string{"content": text})
	if err != nil {
		return err
	}
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s/v10/channels/%d/messages", b.line.REST, uint64(channel.ID)), bytes.NewReader(body))
	if err != nil {
		return err
	}
	rq.Header.Set("Authorization", account.Token)
	rq.Header.Set("Content-Type", "application/json")
	began := time.Now()
	rs, err := b.http.Do(rq)
	if err != nil {
		return err
	}
	defer rs.Body.Close()
	var m struct{ ID string }
	if err := json.NewDecoder(rs.Body).Decode(&m); err != nil || rs.StatusCode != http.StatusOK {
		return fmt.Errorf("a message was not taken: %d %w", rs.StatusCode, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if at, ok := b.early[m.ID]; ok {
		delete(b.early, m.ID)
		b.took = append(b.took, at.Sub(began))
		return nil
	}
	b.sent[m.ID] = began
	return nil
}

// forget drops what the warm-up measured.
func (b *bench) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.took = nil
}

func (b *bench) results() []time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.took)
}
