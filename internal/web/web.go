// Package web serves what operators look at: /metrics for Prometheus and
// /healthz, which answers 200 as long as every check passes and 503 with what
// fails otherwise. [Start] it and [Server.Close] it.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	checkTime = 5 * time.Second // all checks of one request together
	closeTime = 2 * time.Second // for requests that are being answered
)

// Check is one thing that must work; it returns why it doesn't.
type Check struct {
	Name string
	Run  func(ctx context.Context) error
}

// Config says what is served where.
type Config struct {
	Listen  string   // TCP address
	Hosts   []string // names under which it may be asked for, beside addresses, localhost and the name in Listen
	Metrics prometheus.Gatherer
	Checks  []Check
	Log     *slog.Logger // nil = slog.Default()
}

// Server is a running server.
type Server struct {
	listener net.Listener
	http     *http.Server
	log      *slog.Logger
	serving  sync.WaitGroup
}

// Start listens and serves until Close.
func Start(ctx context.Context, c Config) (*Server, error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	s := &Server{listener: l, log: c.Log, http: &http.Server{
		Handler:           guard(c, handler(c)),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}}
	s.serving.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("metrics are served no more", "err", err)
		}
	})
	return s, nil
}

// Addr is where the server listens, host and port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close stops the server and waits for it.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	s.serving.Wait()
	return err
}

// guard answers requests for this server's own address only. A browser says in Host which name it used: where a web page has its own
// name lead to this machine (DNS rebinding), that is another one. It refuses requests of other pages too.
func guard(c Config, next http.Handler) http.Handler {
	known := append([]string{"localhost"}, c.Hosts...)
	if host, _, err := net.SplitHostPort(c.Listen); err == nil && host != "" {
		known = append(known, host)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(r.Host); err == nil {
			host = h
		}
		_, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err != nil && !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, host) }) {
			http.Error(w, "this server answers to its own address only; metrics.hosts names others", http.StatusMisdirectedRequest)
			return
		}
		site := r.Header.Get("Sec-Fetch-Site")
		if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host || site == "cross-site" || site == "same-site" {
			http.Error(w, "requests from other sites are refused", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func handler(c Config) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(c.Metrics, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelError)}))
	checks := slices.Clone(c.Checks)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), checkTime)
		defer cancel()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		var failed []string
		for _, check := range checks {
			if err := check.Run(ctx); err != nil {
				c.Log.Warn("a health check fails", "check", check.Name, "err", err)
				failed = append(failed, check.Name)
			}
		}
		if len(failed) == 0 {
			fmt.Fprintln(w, "ok")
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		for _, name := range failed { // why is in the log: it may tell too much
			fmt.Fprintf(w, "%s fails\n", name)
		}
	})
	return mux
}
