package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"syscall"

	"github.com/mynahbot/mynah/internal/config"
	"github.com/mynahbot/mynah/internal/discord/tab"
	"github.com/mynahbot/mynah/internal/localdiscord"
	"github.com/mynahbot/mynah/internal/localdiscord/page"
	localvoice "github.com/mynahbot/mynah/internal/localdiscord/voice"
)

type localDiscordCmd struct {
	config.Folder `embed:""`

	World  string `help:"YAML file with the servers, channels, people and bots there are; a small ready world without." placeholder:"FILE"`
	Remote bool   `help:"Let --listen be an address that other machines reach: each of them can act as anyone."`

	Unlimited bool `help:"Lift Discord's limits of requests and sessions, for tests of load."`
}

// Run serves a local Discord until it is told to stop.
func (c *localDiscordCmd) Run(ctx contextBox, cfg *config.Config, o *output, log *slog.Logger) error {
	server, err := startLocalDiscord(ctx, cfg, c.Folder, c.World, c.Remote, c.Unlimited, log)
	if err != nil {
		return err
	}
	defer server.Close()
	line := server.Ready()
	if err := o.result(line, "The local Discord listens: %s\nREST %s, gateway %s\nVoice over wss:// is signed by %s", line.Page, line.REST, line.Gateway, line.VoiceCA); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// localServer is a local Discord with its voice server.
type localServer struct {
	*localdiscord.Server
	voice *localvoice.Server
}

// Close ends the local Discord, then its voice server.
func (s *localServer) Close() error {
	err := s.Server.Close()
	s.voice.Close()
	return err
}

func startLocalDiscord(ctx context.Context, cfg *config.Config, data config.Folder, worldFile string, remote, unlimited bool, log *slog.Logger) (*localServer, error) {
	world, err := readWorld(worldFile)
	if err != nil {
		return nil, err
	}
	if unlimited {
		world.RateLimits.Unlimited, world.Gateway.Unlimited = true, true
	}
	dir, err := data.Path()
	if err != nil {
		return nil, err
	}
	dir = filepath.Join(dir, "localdiscord")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	voice, err := localvoice.Start(ctx, localvoice.Config{CADir: dir, Log: log})
	if err != nil {
		return nil, err
	}
	pages := http.NewServeMux()
	pages.Handle("/", page.Handler())
	pages.Handle("/tab/voice", tab.NewHandler(log, nil))
	server, err := localdiscord.Start(ctx, localdiscord.Config{
		Listen: cfg.Listen, Remote: remote, World: world, Data: dir, Log: log, Page: pages, Voice: voice, VoiceCA: voice.CAFile(),
	})
	if err != nil {
		voice.Close()
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("%w: choose another address with --listen", err)
		}
		return nil, err
	}
	return &localServer{server, voice}, nil
}

func readWorld(file string) (localdiscord.World, error) {
	if file == "" {
		return localdiscord.DefaultWorld(), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return localdiscord.World{}, err
	}
	defer f.Close()
	return localdiscord.LoadWorld(f)
}
