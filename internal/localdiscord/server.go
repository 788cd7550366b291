package localdiscord

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

// sweepInterval is how often what has run out of time is looked for: unanswered interactions, silent connections,
// sessions that nobody resumed.
const sweepInterval = 100 * time.Millisecond

// closeWait is how long Close waits for clients to answer the closing of their connections.
const closeWait = 500 * time.Millisecond

// Config says where a local Discord listens and what is in it. The zero value serves DefaultWorld on a free
// port of 127.0.0.1.
type Config struct {
	// Listen is a TCP address; "127.0.0.1:0" by default. Since anyone who reaches the server can learn every token from
	// it, Start refuses an address that is not loopback unless Remote is set.
	Listen string
	Remote bool
	// World is what there is at the start; a zero World means DefaultWorld.
	World World
	// Data is a folder for uploaded files, and for the IDs that were made for the world, which stay the same. Empty means
	// a temporary one, which Close removes.
	Data string
	// Log gets what goes wrong; nil means nothing is logged. Tokens are never logged.
	Log *slog.Logger
	// Now is the clock; nil means time.Now. Deadlines are looked at every 100 ms of real time.
	Now func() time.Time
	// Voice carries the voice of voice channels; nil means that joining one changes voice states only.
	Voice VoiceServer
	// VoiceCA is the file with the certificate authority of the voice server's wss://, for Line.
	VoiceCA string
	// Page is served at / and below, except for the paths that the server has itself; nil means no page.
	Page http.Handler
}

// Server is a running local Discord.
type Server struct {
	cfg      Config
	log      *slog.Logger
	host     string // host:port
	listen   net.Listener
	http     *http.Server
	store    *fileStore
	routes   *http.ServeMux
	ctx      context.Context
	cancel   context.CancelFunc
	work     sync.WaitGroup // connections and background loops
	voiceJob chan struct{}  // capacity 1: voiceJobs grew
	unhook   func() bool    // of the context given to Start
	stop     sync.Once
	stopErr  error

	// mu guards all that follows and everything reachable from it. It is held while state is read or changed and events
	// are queued, never while bytes move: bodies are read before, answers are encoded and sent after.
	mu           sync.Mutex
	closed       bool
	lastID       ID
	accounts     map[ID]*account
	order        []*account
	byToken      map[string]*account
	guilds       map[ID]*guild
	guildOrder   []*guild
	channels     map[ID]*channel
	sessions     map[string]*session
	conns        map[*conn]struct{}
	interactions map[string]*interaction // by token
	// interactionOrder holds them from the oldest on, and some that are forgotten already.
	interactionOrder []*interaction
	buckets          map[bucketKey]*bucket
	faults           []*fault
	gatewayFaults    []*gatewayFault
	resumes          resumeGateway
	voiceJobs        []func()
}

// Start builds the world, listens, and serves until Close is called or ctx ends.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if len(cfg.World.People)+len(cfg.World.Bots)+len(cfg.World.Servers) == 0 {
		given := cfg.World
		cfg.World = DefaultWorld()
		cfg.World.UploadLimit, cfg.World.RateLimits, cfg.World.Gateway = given.UploadLimit, given.RateLimits, given.Gateway
	}
	if err := cfg.World.Validate(); err != nil {
		return nil, fmt.Errorf("world: %w", err)
	}
	s := &Server{cfg: cfg, log: cfg.Log, voiceJob: make(chan struct{}, 1),
		sessions: map[string]*session{}, conns: map[*conn]struct{}{}, interactions: map[string]*interaction{}, buckets: map[bucketKey]*bucket{}}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("local Discord: %w", err)
	}
	addr := l.Addr().(*net.TCPAddr)
	if !addr.IP.IsLoopback() && !cfg.Remote {
		l.Close()
		return nil, fmt.Errorf("local Discord: %s is reachable from other machines, and everyone who reaches it can act as anyone in it; listen on 127.0.0.1", cfg.Listen)
	}
	s.listen = l
	s.host = l.Addr().String()
	if addr.IP.IsUnspecified() {
		s.host = fmt.Sprintf("127.0.0.1:%d", addr.Port)
	}
	if s.store, err = openFileStore(cfg.Data); err != nil {
		l.Close()
		return nil, fmt.Errorf("local Discord: %w", err)
	}
	if err := s.populate(); err != nil {
		return nil, errors.Join(fmt.Errorf("local Discord: %w", err), l.Close(), s.store.close())
	}
	s.routes = s.restRoutes()
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.http = &http.Server{Handler: s.guard(s.handler()), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug), MaxHeaderBytes: 64 << 10}
	s.work.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("local Discord stopped serving", "err", err)
		}
	})
	if err := s.openResume(); err != nil {
		return nil, errors.Join(fmt.Errorf("local Discord: %w", err), s.Close())
	}
	s.work.Go(s.sweep)
	s.work.Go(s.runVoiceJobs)
	s.unhook = context.AfterFunc(ctx, func() { s.Close() })
	return s, nil
}

// populate builds the world, with the IDs of earlier runs in the same folder.
func (s *Server) populate() error {
	made, err := readMade(s.store.root)
	if err != nil {
		return err
	}
	grew, err := s.build(s.cfg.World, made)
	if err != nil {
		return fmt.Errorf("world: %w", err)
	}
	if !grew {
		return nil
	}
	return made.write(s.store.root)
}

// Close ends all connections and waits until nothing of the server runs any more. It may be called more than once.
func (s *Server) Close() error {
	s.stop.Do(func() {
		s.mu.Lock()
		s.closed = true
		for c := range s.conns {
			c.close(1001, "shutting down")
		}
		s.mu.Unlock()
		if s.unhook != nil {
			s.unhook()
		}
		s.cancel()
		s.closeResume()
		ctx, cancel := context.WithTimeout(context.Background(), closeWait)
		defer cancel()
		if err := s.http.Shutdown(ctx); err != nil {
			s.http.Close()
		}
		done := make(chan struct{})
		go func() { s.work.Wait(); close(done) }()
		select {
		case <-done:
		case <-ctx.Done():
			s.mu.Lock()
			for c := range s.conns {
				c.ws.CloseNow()
			}
			s.mu.Unlock()
			<-done
		}
		s.stopErr = s.store.close()
	})
	return s.stopErr
}

// Line is what a client must know to use the server; `mynah localdiscord` prints it as one line of JSON.
type Line struct {
	Page     string        `json:"page"`
	REST     string        `json:"rest"`    // without the version, such as http://127.0.0.1:7300/api
	Gateway  string        `json:"gateway"` // such as ws://127.0.0.1:7300/gateway
	CDN      string        `json:"cdn"`
	VoiceCA  string        `json:"voice_ca,omitempty"` // PEM file of the authority behind the voice server's wss://
	Servers  []LineServer  `json:"servers"`
	Accounts []LineAccount `json:"accounts"`
}

// LineServer is a server in Line.
type LineServer struct {
	ID       ID            `json:"id"`
	Name     string        `json:"name"`
	Channels []LineChannel `json:"channels"`
}

// LineChannel is a channel in Line; Type is Discord's number (0 text, 2 voice, 4 category).
type LineChannel struct {
	ID   ID     `json:"id"`
	Name string `json:"name"`
	Type int    `json:"type"`
}

// LineAccount is a person or a bot in Line, with the token to log in with.
type LineAccount struct {
	ID    ID     `json:"id"`
	Name  string `json:"name"`
	Token string `json:"token"`
	Bot   bool   `json:"bot"`
}

// Ready returns where the server listens and who can log in. It holds the tokens.
func (s *Server) Ready() Line {
	line := Line{Page: "http://" + s.host + "/", REST: s.restURL(), Gateway: s.gatewayURL(), CDN: s.cdnURL(), VoiceCA: s.cfg.VoiceCA}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.guildOrder {
		ls := LineServer{ID: g.id, Name: g.name, Channels: []LineChannel{}}
		for _, ch := range g.channels {
			ls.Channels = append(ls.Channels, LineChannel{ch.id, ch.name, ch.kind})
		}
		line.Servers = append(line.Servers, ls)
	}
	for _, a := range s.order {
		line.Accounts = append(line.Accounts, LineAccount{a.id, a.name, a.token, a.bot})
	}
	return line
}

// Account returns the account of that name; ok is false when there is none.
func (l Line) Account(name string) (a LineAccount, ok bool) {
	for _, a := range l.Accounts {
		if a.Name == name {
			return a, true
		}
	}
	return LineAccount{}, false
}

// Channel returns the first server's channel of that name; ok is false when there is none.
func (l Line) Channel(name string) (c LineChannel, ok bool) {
	for _, s := range l.Servers {
		for _, c := range s.Channels {
			if c.Name == name {
				return c, true
			}
		}
	}
	return LineChannel{}, false
}

func (s *Server) restURL() string    { return "http://" + s.host + "/api" }
func (s *Server) gatewayURL() string { return "ws://" + s.host + "/gateway" }

// resumeURL is the address for resuming. Called with mu held.
func (s *Server) resumeURL() string { return "ws://" + s.resumes.addr }
func (s *Server) cdnURL() string    { return "http://" + s.host + "/cdn" }

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	rest := http.HandlerFunc(s.serveREST)
	mux.Handle("/api/v10/", http.StripPrefix("/api/v10", rest))
	mux.Handle("/api/v9/", http.StripPrefix("/api/v9", rest))
	mux.Handle("/api/", http.StripPrefix("/api", rest))
	mux.HandleFunc("/gateway", s.serveGateway)
	mux.HandleFunc("/gateway/", s.serveGateway)
	mux.Handle("/cdn/", http.StripPrefix("/cdn", s.cdnHandler()))
	mux.Handle("/_local/", s.localHandler())
	if s.cfg.Page != nil {
		mux.Handle("/", s.cfg.Page)
	}
	return mux
}

// guard refuses what a web page of somebody else's could send: a browser says in Host which name it used (DNS rebinding
// gives another than ours), and in Origin and Sec-Fetch-Site where the page came from.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.ownHost(r.Host) {
			http.Error(w, "this server answers to its own address only", http.StatusMisdirectedRequest)
			return
		}
		origin := r.Header.Get("Origin")
		foreign := origin != "" && origin != "http://"+r.Host
		switch r.Header.Get("Sec-Fetch-Site") {
		case "", "same-origin", "none":
		default:
			// Following a link to the page is fine.
			opens := r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && !s.ownPath(r.URL.Path)
			foreign = foreign || !opens
		}
		if foreign {
			http.Error(w, "requests from other sites are refused", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) ownPath(path string) bool {
	for _, p := range []string{"/api/", "/gateway", "/cdn/", "/_local/"} {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

func (s *Server) ownHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && (ip.IsLoopback() || s.cfg.Remote)
}

// sweep looks for what has run out of time until the server closes.
func (s *Server) sweep() {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
			s.mu.Lock()
			now := s.cfg.Now()
			s.sweepInteractions(now)
			s.sweepSessions(now)
			s.sweepBuckets(now)
			s.mu.Unlock()
		}
	}
}

// afterUnlock hands a call to the voice server to the one goroutine that makes them. Called with mu held.
func (s *Server) afterUnlock(f func()) {
	s.voiceJobs = append(s.voiceJobs, f)
	select {
	case s.voiceJob <- struct{}{}:
	default:
	}
}

func (s *Server) runVoiceJobs() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.voiceJob:
		}
		s.mu.Lock()
		jobs := s.voiceJobs
		s.voiceJobs = nil
		s.mu.Unlock()
		for _, f := range jobs {
			f()
		}
	}
}

// randomHex returns n random bytes in hexadecimal.
func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return fmt.Sprintf("%x", b)
}

// openDir makes the folder if need be and opens it.
func openDir(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return os.OpenRoot(dir)
}
