package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/mynahbot/mynah/internal/config"
)

// parse reads a configuration as the program does.
func parse(t *testing.T, file string, args ...string) (*config.Config, error) {
	t.Helper()
	var cli struct {
		config.Config `embed:""`
		Folder        config.Folder `embed:""`
	}
	path := filepath.Join(t.TempDir(), "mynah.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	parser, err := kong.New(&cli, config.Options(path)...)
	if err != nil {
		return nil, err
	}
	if _, err := parser.Parse(args); err != nil {
		return nil, err
	}
	return &cli.Config, cli.Config.Validate()
}

func TestFlagsOverEnvironmentOverFile(t *testing.T) {
	const file = `
bot: {prefix: f, language: ru, home_server: 12345678901234567890}
discord: {message_content: false, token: from-file}
learn:
  budget: 5s
  refusal_target: 0.1
`
	t.Setenv("MYNAH_BOT_LANGUAGE", "de")
	t.Setenv("MYNAH_BOT_PREFIX", "e")
	t.Setenv("MYNAH_DISCORD_TOKEN", "from-env")
	t.Setenv("MYNAH_MODELS", "/models")
	c, err := parse(t, file, "--bot.prefix=a", "--learn.budget", "7s")
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(c.Bot.Prefix, c.Bot.Language, c.Discord.MessageContent, c.Learn.Budget, c.Learn.RefusalTarget, c.Bot.HomeServer, c.Speech.Models, string(c.Discord.Token), c.Listen)
	want := fmt.Sprintln("a", "de", false, 7*time.Second, 0.1, "12345678901234567890", "/models", "from-env", "127.0.0.1:7300")
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSpeechLanguages(t *testing.T) {
	for file, want := range map[string]string{
		"":                                     "en",
		"bot: {language: ru-RU}":               "ru",
		"speech: {languages: 'en-GB, RU,yue'}": "en ru yue",
	} {
		c, err := parse(t, file)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if got := strings.Join(c.SpeechLanguages(), " "); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

func TestEveryKeyHasItsEnvironmentVariable(t *testing.T) {
	var cli struct {
		config.Config `embed:""`
		Folder        config.Folder `embed:""`
	}
	parser, err := kong.New(&cli, config.Options()...)
	if err != nil {
		t.Fatal(err)
	}
	envs := map[string]string{}
	for _, f := range parser.Model.Flags {
		if len(f.Envs) > 0 {
			envs[f.Name] = f.Envs[0]
		}
	}
	entries := cli.Config.Entries()
	if len(entries) < 30 || entries[0].Key != "data" {
		t.Fatalf("%d settings", len(entries))
	}
	for _, e := range entries {
		want := "MYNAH_" + strings.ToUpper(strings.ReplaceAll(e.Key, ".", "_"))
		if envs[e.Key] != want {
			t.Errorf("%s: %q, want %q", e.Key, envs[e.Key], want)
		}
	}
}

func TestErrorsNameTheKey(t *testing.T) {
	for file, key := range map[string]string{
		"listen: here":                              "listen",
		"listen: 127.0.0.1:70000":                   "listen",
		"discord: {tokne: x}":                       "discord.tokne",
		"discord: x":                                "discord",
		"log: {level: loud}":                        "log.level",
		"limits: {attachment_bytes: 0}":             "limits.attachment_bytes",
		"limits: {attachment_bytes: many}":          "limits.attachment_bytes",
		"speech: {recognizer: ear}":                 "speech.recognizer",
		"speech: {recognizer: openai}":              "openai.api_key",
		"speech: {models: [a, b]}":                  "speech.models",
		"speech: {languages: 'en, Russian'}":        "speech.languages",
		"openai: {model: small}":                    "openai.api_key",
		"openai: {base_url: example.org}":           "openai.base_url",
		"learn: {refusal_target: 1.5}":              "learn.refusal_target",
		"learn: {budget: soon}":                     "learn.budget",
		"store: {url: 'mysql://u:geheim@h'}":        "store.url",
		"prefix: ''":                                "prefix",
		"language: '?'":                             "language",
		"discord: {token: geheim, token_file: b}":   "discord.token_file",
		"discord: {message_content: perhaps}":       "discord.message_content",
		"discord: {rest_url: 'ftp://u:geheim@h'}":   "discord.rest_url",
		"home_server: -1":                           "home_server",
		"prefix: a\nprefix: b":                      "prefix",
		"out: x":                                    "out",
		"- a":                                       "configuration file",
		"{":                                         "YAML",
		"x":                                         "keys and values",
		"listen: :1\n" + strings.Repeat("#", 1<<20): "larger than",
	} {
		_, err := parse(t, file)
		switch {
		case err == nil:
			t.Errorf("%.60q was accepted", file)
		case !strings.Contains(err.Error(), key):
			t.Errorf("%.60q: %v", file, err)
		case strings.Contains(err.Error(), "geheim"):
			t.Errorf("%.60q: the error tells a secret: %v", file, err)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	c, err := parse(t, "discord: {token: geheim+1}\nopenai: {api_key: geheim2}\nstore: {url: 'postgres://u:geheim3@h/d'}")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("x", "config", c, "token", c.Discord.Token)
	encoded, err := json.Marshal(c.Discord)
	if err != nil {
		t.Fatal(err)
	}
	entries := fmt.Sprint(c.Entries())
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s %q", c.Discord, c.Discord, c.Discord, c.Discord.Token, c.Discord.Token), string(encoded), entries} {
		if strings.Contains(shown, "geheim") {
			t.Errorf("shown: %s", shown)
		}
	}
	if !strings.Contains(entries, "{discord.token ***}") || !strings.Contains(entries, "{google.key }") || !strings.Contains(entries, "postgres://u:xxxxx@h/d") {
		t.Error(entries)
	}

	log.Reset()
	logger = slog.New(slog.NewJSONHandler(config.Redact(&log, c.Secrets()...), nil))
	logger.Info("the token is geheim+1", "url", "https://x/?t=geheim%2B1", "db", c.Store.URL)
	if got := log.String(); strings.Contains(got, "geheim") || strings.Count(got, "***") != 3 {
		t.Error(got)
	}
}

func TestReadToken(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) string {
		path := filepath.Join(dir, "token")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var c config.Config
	if token, err := c.ReadToken(t.Context(), io.Discard); token != "" || err != nil {
		t.Errorf("none: %q, %v", string(token), err)
	}
	c.Discord.TokenFile = write("abc.def\n")
	if token, err := c.ReadToken(t.Context(), io.Discard); token != "abc.def" || err != nil {
		t.Errorf("%q, %v", string(token), err)
	}
	for _, text := range []string{"", " \n", "a b", strings.Repeat("a", 5000)} {
		c.Discord.TokenFile = write(text)
		if token, err := c.ReadToken(t.Context(), io.Discard); err == nil {
			t.Errorf("%.20q was read as %.20q", text, string(token))
		}
	}
	c.Discord.TokenFile = filepath.Join(dir, "none")
	if _, err := c.ReadToken(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "discord.token_file") {
		t.Errorf("missing: %v", err)
	}
}

func TestTokenCommand(t *testing.T) {
	t.Setenv("MYNAH_OPENAI_API_KEY", "geheim")
	t.Setenv("STORE", "the store's own")
	for command, want := range map[string]string{
		"echo abc.def": "abc.def", `printf '%s' "$(printf 'a')b"`: "ab", `test "$STORE" = "the store's own" && echo ok`: "ok",
		"echo a b": "", "true": "", "echo abc; exit 3": "", "no-such-program": "", "yes | tr -d '\\n'": "",
		`test -z "$MYNAH_OPENAI_API_KEY" && echo unseen`: "unseen",
	} {
		var c config.Config
		c.Discord.TokenCommand = command
		token, err := c.ReadToken(t.Context(), io.Discard)
		if string(token) != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", command, string(token), err)
		}
		if err != nil && !strings.Contains(err.Error(), "discord.token_command") {
			t.Errorf("%s: %v", command, err)
		}
	}
	if _, err := parse(t, "discord: {token_command: 'pass show x', token: y}"); err == nil || !strings.Contains(err.Error(), "discord.token_command") {
		t.Errorf("both: %v", err)
	}
}

func TestExposedSecrets(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const secrets = "openai: {api_key: geheim}\nbot: {prefix: '?'}\n"
	for name, test := range map[string]struct {
		c     func(*config.Config)
		args  []string
		files []string
		want  string // keys
	}{
		"nothing":               {func(*config.Config) {}, []string{"run", "--bot.prefix=?"}, nil, ""},
		"the command line":      {func(c *config.Config) { c.Discord.Token = "geheim" }, []string{"run", "--discord.token=geheim"}, nil, "discord.token"},
		"apart":                 {func(c *config.Config) { c.Google.Key = "geheim" }, []string{"--google.key", "geheim", "run"}, nil, "google.key"},
		"the environment":       {func(c *config.Config) { c.Discord.Token = "geheim" }, []string{"run"}, nil, ""},
		"a password":            {func(c *config.Config) { c.Store.URL = "postgres://u:geheim@h/d" }, []string{"--store.url=postgres://u:geheim@h/d"}, nil, "store.url"},
		"a URL without":         {func(c *config.Config) { c.Store.URL = "postgres://u@h/d" }, []string{"--store.url=postgres://u@h/d"}, nil, ""},
		"a file for all":        {func(c *config.Config) { c.OpenAI.APIKey = "geheim" }, nil, []string{file("open.yaml", secrets, 0o644)}, "openai.api_key"},
		"a file for a group":    {func(c *config.Config) { c.OpenAI.APIKey = "geheim" }, nil, []string{file("group.yaml", secrets, 0o640)}, "openai.api_key"},
		"a file of one's own":   {func(c *config.Config) { c.OpenAI.APIKey = "geheim" }, nil, []string{file("own.yaml", secrets, 0o600)}, ""},
		"a file without":        {func(c *config.Config) { c.OpenAI.APIKey = "geheim" }, nil, []string{file("none.yaml", "bot: {prefix: '?'}", 0o644)}, ""},
		"a token file for all":  {func(c *config.Config) { c.Discord.TokenFile = file("token", "geheim", 0o604) }, nil, nil, "discord.token_file"},
		"a token file of one's": {func(c *config.Config) { c.Discord.TokenFile = file("token2", "geheim", 0o600) }, nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var c config.Config
			test.c(&c)
			var keys []string
			for _, e := range c.Exposed(test.args, test.files) {
				keys = append(keys, e.Key)
				if e.Where == "" || e.Mend == "" || strings.Contains(e.Where+e.Mend, "geheim") {
					t.Errorf("%+v", e)
				}
			}
			if got := strings.Join(keys, " "); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
