// Package config is everything that a person can configure, in one struct.
//
// Each setting has one key, such as "discord.token_file". It is given as a flag
// (--discord.token_file=FILE), in the environment (MYNAH_DISCORD_TOKEN_FILE), or
// in a YAML file ("discord:" and below it "token_file:"), and the first of these
// that has it wins. The struct's tags are kong's: embed [Config] in the command
// line's struct, [Folder] in those commands that keep something, and pass
// [Options] to kong.
//
// After parsing, call [Config.Validate], which names the key that is wrong, and
// [Config.Entries] to show what holds, with secrets masked.
package config

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/mynahbot/mynah/internal/record"
)

// EnvPrefix begins the name of every environment variable.
const EnvPrefix = "MYNAH"

// Files are where the configuration is looked for; a later one wins.
func Files() []string {
	files := []string{"mynah.yaml"}
	if dir, err := os.UserConfigDir(); err == nil {
		files = append([]string{filepath.Join(dir, "mynah", "mynah.yaml")}, files...)
	}
	return files
}

// Config is all that can be configured. Help texts are in the tags; what is
// hidden there is left out of --help, which shows what most people need.
type Config struct {
	Data   string `name:"data" kong:"-"` // given by [Folder], since not every command has it
	Listen string `name:"listen" help:"Where the local Discord and its page listen." default:"127.0.0.1:7300" placeholder:"ADDR"`

	Discord Discord `embed:"" prefix:"discord."`
	Log     Log     `embed:"" prefix:"log."`
	Bot     Bot     `embed:"" prefix:"bot."`
	Limits  Limits  `embed:"" prefix:"limits."`
	Call    Call    `embed:"" prefix:"call."`
	Speech  Speech  `embed:"" prefix:"speech."`
	Google  Google  `embed:"" prefix:"google."`
	OpenAI  OpenAI  `embed:"" prefix:"openai."`
	Learn   Learn   `embed:"" prefix:"learn."`
	Store   Store   `embed:"" prefix:"store."`
	Blobs   Blobs   `embed:"" prefix:"blobs."`
	Jobs    Jobs    `embed:"" prefix:"jobs."`
	Metrics Metrics `embed:"" prefix:"metrics."`
}

// Discord is how to reach Discord.
type Discord struct {
	Token          Secret `name:"token" help:"The bot's token; better kept in token_file or the environment." hidden:""`
	TokenFile      string `name:"token_file" help:"A file with the bot's token. Without a token the local Discord is started." placeholder:"FILE"`
	TokenCommand   string `name:"token_command" help:"A command that prints the bot's token, such as 'pass show mynah'; the shell runs it." placeholder:"COMMAND" hidden:""`
	MessageContent bool   `name:"message_content" help:"Use the Message Content intent; without it slash commands, mentions and direct messages work." default:"true" negatable:"" hidden:""`
	RestURL        string `name:"rest_url" help:"Another Discord's REST API, such as http://127.0.0.1:7300/api." placeholder:"URL" hidden:""`
	GatewayURL     string `name:"gateway_url" help:"Another Discord's gateway, such as ws://127.0.0.1:7300/gateway." placeholder:"URL" hidden:""`
	CDNURL         string `name:"cdn_url" help:"Another Discord's CDN, such as http://127.0.0.1:7300/cdn; attachments may come from there too." placeholder:"URL" hidden:""`
}

// Log is what is written to standard error.
type Log struct {
	Level  string `name:"level" help:"Least level of what is logged: debug, info, warn, error." default:"info"`
	Format string `name:"format" help:"How it is logged: text, json, or auto (text on a terminal)." default:"auto"`
}

// Bot is how Mynah behaves where a server chose nothing.
type Bot struct {
	Prefix     string          `name:"prefix" help:"Begins a command in a message." default:"!" hidden:""`
	Language   string          `name:"language" help:"Of replies, where no locale tells one (en, ru)." default:"en" hidden:""`
	HomeServer record.ServerID `name:"home_server" help:"Direct messages use this server's model and settings." hidden:""`
}

// Call is how Mynah behaves in voice channels.
type Call struct {
	Alone time.Duration `name:"alone" help:"How long Mynah stays in a voice channel that nobody else is in." default:"5m" hidden:""`
	Name  string        `name:"name" help:"What Mynah is called in conversations." default:"Mynah" hidden:""`

	EndpointShort time.Duration `name:"endpoint_short" help:"Silence that ends a turn behind a finished phrase." default:"350ms" hidden:""`
	EndpointLong  time.Duration `name:"endpoint_long" help:"Silence that ends a turn that sounds unfinished." default:"900ms" hidden:""`
}

// Limits bound what people can send.
type Limits struct {
	AttachmentBytes int64 `name:"attachment_bytes" help:"Largest attachment that is read, in bytes." default:"25000000" hidden:""`
	AudioMinutes    int   `name:"audio_minutes" help:"Longest recording that is transcribed." default:"120" hidden:""`
	Examples        int   `name:"examples" help:"Most examples of one training." default:"200000" hidden:""`
}

// Speech is hearing and speaking.
type Speech struct {
	Recognizer string `name:"recognizer" help:"What transcribes: local, google, openai, off." default:"local" hidden:""`
	Model      string `name:"model" help:"Name of the local recognizer's model, or path of a folder with any of sherpa-onnx's offline models (default: chosen by language)." hidden:""`
	Languages  string `name:"languages" help:"What the model in speech.model understands, such as en,ru, where its folder doesn't tell (default: bot.language)." hidden:""`
	Voice      string `name:"voice" help:"What speaks: auto (the best voice installed), espeak, gtts, openai, off." default:"auto" hidden:""`
	Steady     bool   `name:"steady" help:"The local voice says the same text the same way each time: monotonous, for tests." hidden:""`
	Models     string `name:"models" env:"MYNAH_SPEECH_MODELS,MYNAH_MODELS" help:"Folders of speech models, as in PATH; the first is written (default: models in the data folder, and in the XDG data folder)." placeholder:"DIRS" hidden:""`
}

// Google is Google's web API for speech recognition.
type Google struct {
	Key      Secret `name:"key" help:"Key for Google Speech Recognition." hidden:""`
	Endpoint string `name:"endpoint" help:"Another address of Google Speech Recognition." placeholder:"URL" hidden:""`
}

// OpenAI is any server with OpenAI's API.
type OpenAI struct {
	BaseURL         string `name:"base_url" help:"Address of a server with OpenAI's API, up to /v1." placeholder:"URL" hidden:""`
	APIKey          Secret `name:"api_key" help:"Key for it." hidden:""`
	Model           string `name:"model" help:"Its model that answers what Mynah doesn't know (default: none does)." hidden:""`
	TuneModel       string `name:"tune_model" help:"Its model that 'train provider:openai' fine-tunes (default: model)." hidden:""`
	Grounded        bool   `name:"grounded" help:"It may answer from the taught examples only." default:"true" negatable:"" hidden:""`
	TranscribeModel string `name:"transcribe_model" help:"Its model for transcriptions." default:"whisper-1" hidden:""`
	SpeechModel     string `name:"speech_model" help:"Its model for speech." default:"tts-1" hidden:""`
	Voice           string `name:"voice" help:"Its voice." default:"alloy" hidden:""`
}

// Learn is training and answering.
type Learn struct {
	Budget        time.Duration `name:"budget" help:"How long a training may look for its best settings." default:"300ms" hidden:""`
	RefusalTarget float64       `name:"refusal_target" help:"Share of known questions that may be refused as unknown." default:"0.05" hidden:""`
}

// Store is the database.
type Store struct {
	URL string `name:"url" help:"Database: sqlite:FILE or postgres://… (default: mynah.db in the data folder)." hidden:""`
}

// Blobs is where models are kept.
type Blobs struct {
	URL string `name:"url" help:"Blobs: file:DIR or s3://BUCKET?region=… (default: blobs in the data folder)." hidden:""`
}

// Jobs is work in the background.
type Jobs struct {
	Workers int `name:"workers" help:"Trainings at a time." default:"1" hidden:""`
}

// Metrics is for operators.
type Metrics struct {
	Listen string `name:"listen" help:"Where /metrics and /healthz are served (default: nowhere)." placeholder:"ADDR" hidden:""`
	Hosts  string `name:"hosts" help:"Further names, such as mynah.lan,monitor, under which they are asked for; the address itself and localhost are known." placeholder:"NAMES" hidden:""`
	Names  bool   `name:"names" help:"Tell the figures of each speaker in voice channels apart, by id." hidden:""`
}

// Folder is the flag for the data folder, of every command that keeps something.
type Folder struct {
	Data string `name:"data" help:"Folder for all that is kept (default: mynah in the XDG data folder)." placeholder:"DIR"`
}

// FolderElsewhere is [Folder] for commands whose --data is a dataset: the same
// folder, from the environment and the file as everywhere.
type FolderElsewhere struct {
	Folder string `name:"folder" key:"data" env:"MYNAH_DATA" help:"Folder for all that is kept (default: mynah in the XDG data folder)." placeholder:"DIR" hidden:""`
}

// Kept is the folder.
func (f FolderElsewhere) Kept() Folder { return Folder{Data: f.Folder} }

// Path returns the folder, or where it is by default.
func (f Folder) Path() (string, error) {
	if f.Data != "" {
		return f.Data, nil
	}
	if home := os.Getenv("XDG_DATA_HOME"); home != "" {
		return filepath.Join(home, "mynah"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("data: no home folder is known, name a folder: %w", err)
	}
	return filepath.Join(home, ".local", "share", "mynah"), nil
}

// Validate returns all that is wrong, one line for each key.
func (c *Config) Validate() error {
	var errs []error
	wrong := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: "+format, append([]any{key}, args...)...))
	}
	oneOf := func(key, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			wrong(key, "%q is none of %s", value, strings.Join(allowed, ", "))
		}
	}
	positive := func(key string, value int64) {
		if value <= 0 {
			wrong(key, "%d must be more than 0", value)
		}
	}
	address := func(key, value string) {
		_, port, err := net.SplitHostPort(value)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if value != "" && err != nil {
			wrong(key, "%q is not an address such as 127.0.0.1:7300", value)
		}
	}
	location := func(key, value string, schemes ...string) {
		u, err := url.Parse(value)
		if value != "" && (err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme)) {
			wrong(key, "this is not a URL that begins with %s://", strings.Join(schemes, ":// or "))
		}
	}
	address("listen", c.Listen)
	address("metrics.listen", c.Metrics.Listen)
	if c.Discord.Token != "" && c.Discord.TokenFile != "" {
		wrong("discord.token_file", "discord.token is set too; set one of them")
	}
	if c.Discord.TokenCommand != "" && (c.Discord.Token != "" || c.Discord.TokenFile != "") {
		wrong("discord.token_command", "discord.token or discord.token_file is set too; set one of them")
	}
	location("discord.rest_url", c.Discord.RestURL, "http", "https")
	location("discord.gateway_url", c.Discord.GatewayURL, "ws", "wss")
	location("discord.cdn_url", c.Discord.CDNURL, "http", "https")
	oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf("log.format", c.Log.Format, "auto", "text", "json")
	if p := c.Bot.Prefix; p == "" || strings.ContainsAny(p, " \t\n") || len(p) > 10 {
		wrong("bot.prefix", "%q must be 1 to 10 characters without spaces", p)
	}
	if _, err := language.Parse(c.Bot.Language); err != nil {
		wrong("bot.language", "%q is not a language such as en or ru", c.Bot.Language)
	}
	positive("limits.attachment_bytes", c.Limits.AttachmentBytes)
	positive("limits.audio_minutes", int64(c.Limits.AudioMinutes))
	positive("limits.examples", int64(c.Limits.Examples))
	oneOf("speech.recognizer", c.Speech.Recognizer, "local", "google", "openai", "off")
	for _, l := range c.SpeechLanguages() {
		if _, err := language.ParseBase(l); err != nil && c.Speech.Languages != "" {
			wrong("speech.languages", "%q is not a language such as en or ru", l)
		}
	}
	oneOf("speech.voice", c.Speech.Voice, "auto", "espeak", "gtts", "openai", "off")
	location("google.endpoint", c.Google.Endpoint, "http", "https")
	location("openai.base_url", c.OpenAI.BaseURL, "http", "https")
	if c.Speech.Recognizer == "openai" || c.Speech.Voice == "openai" {
		if c.OpenAI.BaseURL == "" && c.OpenAI.APIKey == "" {
			wrong("openai.api_key", "openai is to be used, but neither this nor openai.base_url is set")
		}
	}
	for key, model := range map[string]string{"openai.model": c.OpenAI.Model, "openai.tune_model": c.OpenAI.TuneModel} {
		if model != "" && c.OpenAI.BaseURL == "" && c.OpenAI.APIKey == "" {
			wrong("openai.api_key", "%s is to be used, but neither this nor openai.base_url is set", key)
		}
	}
	if c.Call.Alone <= 0 {
		wrong("call.alone", "%s must be more than 0", c.Call.Alone)
	}
	if c.Call.EndpointShort <= 0 || c.Call.EndpointLong < c.Call.EndpointShort {
		wrong("call.endpoint_long", "%s must not be less than call.endpoint_short, %s, which must be more than 0", c.Call.EndpointLong, c.Call.EndpointShort)
	}
	if c.Learn.Budget <= 0 {
		wrong("learn.budget", "%s must be more than 0", c.Learn.Budget)
	}
	if c.Learn.RefusalTarget <= 0 || c.Learn.RefusalTarget >= 1 {
		wrong("learn.refusal_target", "%v must lie between 0 and 1", c.Learn.RefusalTarget)
	}
	if s := c.Store.URL; s != "" && !strings.HasPrefix(s, "sqlite:") && !strings.HasPrefix(s, "postgres://") && !strings.HasPrefix(s, "postgresql://") {
		wrong("store.url", "it must begin with sqlite: or postgres://")
	}
	if s := c.Blobs.URL; s != "" && !strings.HasPrefix(s, "file:") && !strings.HasPrefix(s, "s3://") {
		wrong("blobs.url", "it must begin with file: or s3://")
	}
	positive("jobs.workers", int64(c.Jobs.Workers))
	return errors.Join(errs...)
}

// MetricsHosts are the names under which metrics may be asked for, beside addresses and localhost.
func (c *Config) MetricsHosts() []string {
	var all []string
	for name := range strings.SplitSeq(c.Metrics.Hosts, ",") {
		if name = strings.TrimSpace(name); name != "" {
			all = append(all, name)
		}
	}
	return all
}

// SpeechLanguages are the languages, without a region, of a model whose folder doesn't tell them.
func (c *Config) SpeechLanguages() []string {
	var all []string
	for l := range strings.SplitSeq(cmp.Or(c.Speech.Languages, c.Bot.Language), ",") {
		base, _, _ := strings.Cut(strings.TrimSpace(l), "-")
		all = append(all, strings.ToLower(base))
	}
	return all
}

const (
	// maxToken is the largest file that is taken for a token's, and the most that a command may print, in bytes.
	maxToken = 4096
	// tokenTime is how long a command may take that prints the token: somebody may have to type a password for it.
	tokenTime = 2 * time.Minute
)

// ReadToken returns the bot's token from where it is configured; "" = none is. What a command that prints it says goes to stderr.
func (c *Config) ReadToken(ctx context.Context, stderr io.Writer) (Secret, error) {
	switch {
	case c.Discord.TokenCommand != "":
		return c.runTokenCommand(ctx, stderr)
	case c.Discord.TokenFile == "":
		return Secret(strings.TrimSpace(string(c.Discord.Token))), nil
	}
	f, err := os.Open(c.Discord.TokenFile)
	if err != nil {
		return "", fmt.Errorf("discord.token_file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("discord.token_file: %w", err)
	}
	token, ok := onlyToken(text)
	if !ok {
		return "", fmt.Errorf("discord.token_file: %s holds no token: it must hold the token and nothing else", c.Discord.TokenFile)
	}
	return token, nil
}

// runTokenCommand has the shell run the command. It sees the environment, which a password store needs, without Mynah's own settings.
func (c *Config) runTokenCommand(ctx context.Context, stderr io.Writer) (Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", c.Discord.TokenCommand)
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, EnvPrefix+"_") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	cmd.Stdin, cmd.Stderr = os.Stdin, stderr
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", fmt.Errorf("discord.token_command: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("discord.token_command: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(out, maxToken+1))
	if len(text) > maxToken {
		cancel() // it would wait for somebody to read on
	}
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return "", fmt.Errorf("discord.token_command: the command failed: %w", err)
	}
	token, ok := onlyToken(text)
	if !ok {
		return "", errors.New("discord.token_command: the command must print the token and nothing else")
	}
	return token, nil
}

// onlyToken trims a text that must be a token and nothing else.
func onlyToken(text []byte) (token Secret, ok bool) {
	text = bytes.TrimSpace(text)
	return Secret(text), len(text) > 0 && len(text) <= maxToken && !bytes.ContainsAny(text, " \t\r\n")
}
