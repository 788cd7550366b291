package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/config"
	"github.com/mynahbot/mynah/internal/conversation"
	"github.com/mynahbot/mynah/internal/discord"
	"github.com/mynahbot/mynah/internal/learn/report"
	"github.com/mynahbot/mynah/internal/localdiscord"
	"github.com/mynahbot/mynah/internal/openai"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/engine"
	"github.com/mynahbot/mynah/internal/speech/rhvoice"
	"github.com/mynahbot/mynah/internal/speech/voices"
	"github.com/mynahbot/mynah/internal/store"
	"github.com/mynahbot/mynah/internal/store/jobs"
	"github.com/mynahbot/mynah/internal/teach"
	"github.com/mynahbot/mynah/internal/web"
	"github.com/mynahbot/mynah/internal/workspace"
)

// spokenMemory is how many bytes of sound are kept of what is said in voice
// channels: three minutes.
const spokenMemory = 16 << 20

// stopTime is how long stopping may take in all.
const stopTime = 4500 * time.Millisecond

type runCmd struct {
	config.Folder `embed:""`

	World string `help:"YAML file with the local Discord's servers, people and bots; a small ready world without." placeholder:"FILE"`
}

// Run starts Mynah, and the local Discord where no token is configured, and
// stops them when ctx ends or Discord doesn't want Mynah any more.
func (c *runCmd) Run(ctx contextBox, cfg *config.Config, o *output, log *slog.Logger, given origin) (err error) {
	for _, e := range cfg.Exposed(given.args, given.files) {
		log.Warn("others may read a secret", "setting", e.Key, "why", e.Where, "mend", e.Mend)
	}
	token, err := cfg.ReadToken(ctx, o.stderr)
	if err != nil {
		return err
	}
	var closing closers
	defer func() { err = errors.Join(err, closing.close()) }()

	a, err := c.open(ctx, cfg, log, &closing, token == "")
	if err != nil {
		return err
	}
	to := discord.Config{
		Token: string(token), NoMessageContent: !cfg.Discord.MessageContent,
		RESTURL: cfg.Discord.RestURL, GatewayURL: cfg.Discord.GatewayURL, CDNURL: cfg.Discord.CDNURL, Log: log,
		AloneTime: cfg.Call.Alone, MeasureNames: cfg.Metrics.Names,
	}
	var local *localServer
	if token == "" {
		if local, err = startLocalDiscord(ctx, cfg, c.Folder, c.World, false, false, log); err != nil {
			return err
		}
		closing.add("the local Discord", func(context.Context) error { return local.Close() })
		if err := toLocal(&to, local.Ready()); err != nil {
			return err
		}
	}
	a.bot.Start()
	closing.add("the bot", a.bot.Stop)
	client, err := discord.Open(ctx, to, a.bot)
	if err != nil {
		return err
	}
	// The bot stops before its connection closes, so that it can still answer.
	closing.addBefore("the connection to Discord", func(ctx context.Context) error { client.Close(ctx); return nil })
	if a.metrics != nil {
		if err := a.metrics.Register(client.Metrics()); err != nil {
			return err
		}
	}
	if err := a.jobs.Start(ctx); err != nil {
		return err
	}
	closing.add("jobs", a.jobs.Stop)

	if err := c.announce(o, local, client); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-client.Done():
		return client.Err()
	}
}

// announce says that Mynah can be talked to, and where.
func (c *runCmd) announce(o *output, local *localServer, client *discord.Client) error {
	if local != nil {
		line := local.Ready()
		return o.result(line, "Mynah is ready in the local Discord: %s", line.Page)
	}
	invite := client.InviteURL()
	return o.result(map[string]string{"invite": invite}, "Mynah is ready. Whoever manages a server lets it in with this link:\n%s", invite)
}

// toLocal makes the first bot of the local Discord's world be Mynah.
func toLocal(to *discord.Config, line localdiscord.Line) error {
	for _, account := range line.Accounts {
		if account.Bot {
			to.Token, to.RESTURL, to.GatewayURL, to.CDNURL = account.Token, line.REST, line.Gateway, line.CDN
			return nil
		}
	}
	return errors.New("there is no bot in the local Discord's world: add one under bots")
}

// app is what a running Mynah is made of, below its connection to Discord.
type app struct {
	bot  *bot.Bot
	jobs *jobs.Jobs
	// metrics are served where the configuration says so, else nil.
	metrics *prometheus.Registry
}

// open opens everything from the store upwards, in that order.
func (c *runCmd) open(ctx context.Context, cfg *config.Config, log *slog.Logger, closing *closers, local bool) (*app, error) {
	dir, err := c.Folder.Path()
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	kept, err := store.Open(ctx, store.Config{Dir: dir, URL: cfg.Store.URL, Blobs: cfg.Blobs.URL})
	if err != nil {
		return nil, err
	}
	closing.add("the store", func(context.Context) error { return kept.Close() })
	spaces := workspace.Open(dir)
	closing.add("the workspaces", func(context.Context) error { return spaces.Close() })
	if err := spaces.Sweep(); err != nil {
		log.Warn("what killed writes left stays", "err", err)
	}

	a := &app{}
	a.jobs, err = jobs.New(ctx, kept, jobs.Config{
		Workers: cfg.Jobs.Workers, Log: log,
		Ended: func(ctx context.Context, job record.Job) { a.bot.JobEnded(ctx, job) },
	})
	if err != nil {
		return nil, err
	}
	if cfg.Metrics.Listen != "" {
		a.metrics = web.NewRegistry(kept.SQL(), kept)
		server, err := web.Start(ctx, web.Config{
			Listen: cfg.Metrics.Listen, Hosts: cfg.MetricsHosts(), Log: log, Metrics: a.metrics,
			Checks: []web.Check{{Name: "store", Run: kept.Ping}},
		})
		if err != nil {
			return nil, err
		}
		log.Info("metrics are served", "address", server.Addr())
		closing.add("metrics", func(context.Context) error { return server.Close() })
	}

	encoders, err := openEncoders(cfg, c.Folder, func(s string) { log.Warn(s) })
	if err != nil {
		return nil, err
	}
	closing.add("the sentence encoder", func(context.Context) error { return encoders.Close() })
	matcher, err := answer.NewMatcher(encoders.first(), encoders.kept(), log)
	if err != nil {
		return nil, err
	}
	asks := answer.Config{
		Matcher: matcher, Settings: kept, Corrections: kept, Examples: kept, Models: kept, Blobs: kept, Encoder: encoders.first(), Log: log,
	}
	teaches := teach.Config{
		Settings: kept, Corrections: kept, Examples: kept, Models: kept, Blobs: kept, Jobs: a.jobs, Workspaces: spaces, Datasets: datasetReader(),
		Encoder: encoders.first(), MaxExamples: cfg.Limits.Examples, TrainBudget: cfg.Learn.Budget, RefusalTarget: cfg.Learn.RefusalTarget,
		Log: log,
	}
	if cfg.OpenAI.Model != "" {
		chat, err := openai.New(openai.Config{BaseURL: cfg.OpenAI.BaseURL, Key: string(cfg.OpenAI.APIKey), Model: cfg.OpenAI.Model})
		if err != nil {
			return nil, fmt.Errorf("openai.model: %w", err)
		}
		asks.Chat, asks.ChatGrounded = chat, cfg.OpenAI.Grounded
	}
	if model := cmp.Or(cfg.OpenAI.TuneModel, cfg.OpenAI.Model); model != "" {
		service, err := openai.New(openai.Config{BaseURL: cfg.OpenAI.BaseURL, Key: string(cfg.OpenAI.APIKey), Model: model})
		if err != nil {
			return nil, fmt.Errorf("openai.tune_model: %w", err)
		}
		asks.Tuned, teaches.Tuning = service, service
	}
	if teaches.Answers, err = answer.New(asks); err != nil {
		return nil, err
	}
	teacher, err := teach.New(teaches)
	if err != nil {
		return nil, err
	}
	b := bot.Config{
		Report:  report.Write,
		Answers: teaches.Answers, Teacher: teacher,
		Settings: kept, Exchanges: kept, Corrections: kept, Feedback: kept, Examples: kept, Models: kept,
		Privacy: kept, Workspaces: spaces, Transcripts: kept, Retention: kept, Jobs: a.jobs,
		Prefix: cfg.Bot.Prefix, Language: cfg.Bot.Language, HomeServer: cfg.Bot.HomeServer, RefusalTarget: cfg.Learn.RefusalTarget,
		AttachmentBytes: cfg.Limits.AttachmentBytes, Log: log,
	}
	if local {
		b.ReplyMode = record.ReplyAll // whoever opened the page wants to talk to Mynah
	}
	if err := openSpeech(ctx, cfg, c.Folder, &b, closing, log); err != nil {
		return nil, err
	}
	if n := runtime.GOMAXPROCS(0); n <= runtime.NumCPU() {
		runtime.GOMAXPROCS(n + 1) // so that the thread which sends voice packets finds a place beside those that compute
	}
	b.Talking.Store = kept
	if a.metrics != nil {
		b.Talking.Meter = web.NewTalkMeter(a.metrics)
	}
	warm(ctx, teaches.Answers, closing, log)
	if a.bot, err = bot.New(b); err != nil {
		return nil, err
	}
	a.jobs.Handle(record.JobTrain, a.bot.Train)
	return a, nil
}

// warm computes what the first question would wait for, while the rest starts.
func warm(ctx context.Context, answers *answer.Answerer, closing *closers, log *slog.Logger) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := answers.Warm(ctx); err != nil && ctx.Err() == nil {
			log.Error("questions can't be compared with what was taught", "err", err)
		}
	}()
	closing.add("what questions are compared with", func(context.Context) error { cancel(); <-done; return nil })
}

// openSpeech gives the bot its hearing and its voice, and loads the models while
// the rest starts.
func openSpeech(ctx context.Context, cfg *config.Config, data config.Folder, b *bot.Config, closing *closers, log *slog.Logger) error {
	installed, err := openModels(cfg, data)
	if err != nil {
		return err
	}
	if err := errors.Join(installed.Sweep(), rhvoice.Sweep()); err != nil {
		log.Warn("what was left of killed work stays", "err", err)
	}
	warmers := map[string]func(ctx context.Context, language string) error{}
	cores := speech.NewCores(runtime.GOMAXPROCS(0))
	tries, err := newTrial(cfg, data, installed)
	if err != nil {
		return err
	}
	engines, err := openEngines(cfg, installed, cores, tries, func(sentence string) { log.Warn(sentence) })
	if err != nil {
		return err
	}
	b.Talking = &bot.Talking{
		Name: cfg.Call.Name, Timing: conversation.Timing{Short: cfg.Call.EndpointShort, Long: cfg.Call.EndpointLong},
	}
	if e := engines.Engine(""); e != nil {
		closing.add("recognition", func(context.Context) error { return engines.Close() })
		b.Hearing, b.Recognizers, b.SpeechModels = engines, engines.Names(), speechModels{installed}
		b.Talking.Recognizer, b.Talking.NewVAD = liveRecognizer(engines), e.NewVAD
		warmers["recognizer"] = e.Warm
	}
	if cfg.Speech.Voice != "off" {
		v, usual := openVoices(cfg, installed, cores, tries)
		closing.add("voices", func(context.Context) error { return v.Close() })
		speaker := voices.Speaker{Synthesizer: v, Usual: usual}
		remembered := voices.Remember(speaker, spokenMemory)
		b.Voice = speaker
		b.Talking.Synthesizer, b.Talking.Forget, b.Talking.Voices = voices.NewLive(remembered), remembered.Forget, v.Names
		warmers["voice"] = func(ctx context.Context, language string) error { return v.Warm(ctx, language) }
	}

	ctx, cancel := context.WithCancel(ctx)
	var warming sync.WaitGroup
	for name, warm := range warmers {
		warming.Go(func() {
			if err := warm(ctx, cfg.Bot.Language); err != nil && ctx.Err() == nil {
				log.Warn("not usable in the usual language", "what", name, "language", cfg.Bot.Language, "err", err)
			}
		})
	}
	closing.add("loading models", func(context.Context) error { cancel(); warming.Wait(); return nil })
	return nil
}

// liveRecognizer lets each server's conversation understand speech with the engine that it chose.
func liveRecognizer(engines engine.Set) func(name string) conversation.Recognizer {
	return func(name string) conversation.Recognizer {
		if e := engines.Engine(name); e != nil {
			return e
		}
		return nil
	}
}

// closers close what was opened, the last first.
type closers []closer

type closer struct {
	name  string
	close func(ctx context.Context) error
}

func (c *closers) add(name string, close func(context.Context) error) {
	*c = append(*c, closer{name, close})
}

// addBefore adds what is to be closed after what was added last.
func (c *closers) addBefore(name string, close func(context.Context) error) {
	last := len(*c) - 1
	*c = append((*c)[:last:last], closer{name, close}, (*c)[last])
}

// close closes everything within stopTime.
func (c *closers) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	var errs []error
	for i := len(*c) - 1; i >= 0; i-- {
		if err := (*c)[i].close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", (*c)[i].name, err))
		}
	}
	*c = nil
	return errors.Join(errs...)
}
