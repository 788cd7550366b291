// Package doctor checks what Mynah needs of this machine and of Discord, and
// says for each thing that is wrong how to mend it.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/disgo/rest"
	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/speech/voices"
)

const (
	// MinFree is the least free space on the data folder's disk, bytes: models
	// and a training need about that much.
	MinFree = 500_000_000
	// fewFree is below which a little more space is advised, bytes.
	fewFree = 2_000_000_000
	// discordTime is how long Discord may take to answer.
	discordTime = 10 * time.Second
	// keptTime is how long the database and the blobs may take; the database is read through.
	keptTime = 2 * time.Minute
	// maxSkew is how wrong the clock may be: the times of messages and of what is kept are compared with it.
	maxSkew = time.Minute
)

// Finding is the result of one check.
type Finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Mend   string `json:"mend,omitempty"` // what to do; "" where nothing must be done
}

// Config is what is to be checked.
type Config struct {
	Data           string    // data folder
	Token          string    // the bot's; "" = none is configured
	TokenErr       error     // why the configured one can't be read; nil otherwise
	Secrets        []Finding // secrets that others may read
	RESTURL        string    // Discord's API up to the version; "" = Discord's own
	MessageContent bool      // the privileged intent is wanted
	Models         *models.Store
	Voices         *voices.Voices // nil: nothing is to be spoken
	Languages      []string       // that are to be spoken
	// Kept are the database and the blobs, each of which says what it found.
	Kept []Check
	// Load loads a model once, and returns why it can't; nil: none is loaded.
	Load func(ctx context.Context, m *speech.Model) error
	// Recognizer reads the model that the configuration names; nil: it names none.
	Recognizer func() (*speech.Model, error)
}

// Check is a check that somebody else does.
type Check struct {
	Name string
	Run  func(ctx context.Context) (found string, err error)
	Mend string // where it fails
}

// Run does all checks and returns what they found, in a fixed order.
func Run(ctx context.Context, c Config) []Finding {
	findings := []Finding{folder(c.Data), disk(c.Data)}
	for _, check := range c.Kept {
		findings = append(findings, check.finding(ctx))
	}
	for _, p := range []struct{ program, packages, use string }{
		{"ffmpeg", "ffmpeg", "decodes what people upload"},
		{"espeak-ng", "espeak-ng", "speaks languages without a voice of their own"},
	} {
		findings = append(findings, program(p.program, p.packages, p.use))
	}
	findings = append(findings, pack(c.Models)...)
	findings = append(findings, encoders(c.Models)...)
	if c.Recognizer != nil {
		findings = append(findings, named(c.Recognizer()))
	}
	if c.Load != nil {
		findings = append(findings, loads(ctx, c)...)
	}
	if c.Voices != nil {
		findings = append(findings, speakers(c.Voices, c.Languages)...)
	}
	return append(append(findings, c.Secrets...), discordFindings(ctx, c)...)
}

// folder checks that the data folder can be written.
func folder(dir string) Finding {
	f := Finding{Check: "data folder", OK: true, Detail: dir}
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		var probe *os.File
		if probe, err = os.CreateTemp(dir, ".doctor-*"); err == nil {
			err = errors.Join(probe.Close(), os.Remove(probe.Name()))
		}
	}
	if err != nil {
		f.OK, f.Detail, f.Mend = false, err.Error(), "make the folder writable, or name another with --data"
	}
	return f
}

// disk checks the free space where the data folder is or would be.
func disk(dir string) Finding {
	f := Finding{Check: "disk"}
	var stat syscall.Statfs_t
	for {
		err := syscall.Statfs(dir, &stat)
		if err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, syscall.ENOENT) || parent == dir {
			f.Detail, f.Mend = err.Error(), "name another folder with --data"
			return f
		}
		dir = parent
	}
	free := stat.Bavail * uint64(stat.Bsize)
	f.OK = free >= MinFree
	f.Detail = fmt.Sprintf("%.1f GB free", float64(free)/1e9)
	switch {
	case !f.OK:
		f.Mend = fmt.Sprintf("free some space: at least %.1f GB are needed", MinFree/1e9)
	case free < fewFree:
		f.Mend = fmt.Sprintf("free some space: with less than %.0f GB, an upload or a deletion may find no room", fewFree/1e9)
	}
	return f
}

func (c Check) finding(ctx context.Context) Finding {
	ctx, cancel := context.WithTimeout(ctx, keptTime)
	defer cancel()
	found, err := c.Run(ctx)
	if err != nil {
		return Finding{Check: c.Name, Detail: err.Error(), Mend: c.Mend}
	}
	return Finding{Check: c.Name, OK: true, Detail: found}
}

// loads tells of the installed models that don't load; those that do are told as one.
func loads(ctx context.Context, c Config) []Finding {
	var bad []Finding
	good := 0
	for _, task := range []models.Task{models.Recognizer, models.VAD, models.Voice, models.Encoder} {
		usable, err := c.Models.Usable(task)
		if err != nil {
			return append(bad, Finding{Check: "models load", Detail: err.Error(), Mend: "make the folder of models readable"})
		}
		for _, m := range usable {
			if err := c.Load(ctx, m); err != nil {
				bad = append(bad, Finding{Check: "model " + m.Name, Detail: err.Error(), Mend: "mynah models remove " + m.Name + ", and install it again"})
				continue
			}
			good++
		}
	}
	return append(bad, Finding{Check: "models load", OK: true, Detail: fmt.Sprintf("%d of %d", good, good+len(bad))})
}

// program checks that a program is installed.
func program(name, packages, use string) Finding {
	path, err := exec.LookPath(name)
	if err != nil {
		return Finding{Check: name, Detail: "it is not installed; it " + use, Mend: "sudo apt-get install " + packages}
	}
	return Finding{Check: name, OK: true, Detail: path}
}

// pack checks every model of the speech pack. One that the pack is of use
// without is no failure.
func pack(store *models.Store) []Finding {
	p, ok := store.Catalogue().Pack(models.SpeechPack)
	if !ok {
		return nil
	}
	var findings []Finding
	check := func(name string, needed bool) {
		f := Finding{Check: "model " + name, OK: true}
		m, err := store.Installed(name)
		if err != nil {
			f.OK, f.Detail, f.Mend = !needed, err.Error(), "mynah models pull "+models.SpeechPack
		} else {
			f.Detail = m.Folder
		}
		findings = append(findings, f)
	}
	for _, name := range p.Models {
		check(name, true)
	}
	for _, name := range p.Optional {
		if e, _ := store.Catalogue().Entry(name); models.TaskOf(e.Kind) != models.Encoder {
			check(name, false)
		}
	}
	return findings
}

// encoders says which sentence encoder is used, which are damaged, and what is
// missed without one.
func encoders(store *models.Store) []Finding {
	var findings []Finding
	damaged, err := store.Damaged(models.Encoder)
	for _, name := range slices.Sorted(maps.Keys(damaged)) {
		mend := "mynah models remove " + name + ", and add it again"
		if _, known := store.Catalogue().Entry(name); known {
			mend = "mynah models pull " + name
		}
		findings = append(findings, Finding{Check: "sentence encoder " + name, Detail: damaged[name].Error(), Mend: mend})
	}
	used := Finding{Check: "sentence encoder", OK: true}
	usable, e := store.Usable(models.Encoder)
	first, chosen := store.Find(models.Encoder, "")
	switch {
	case errors.Join(err, e) != nil:
		used.OK, used.Detail, used.Mend = false, errors.Join(err, e).Error(), "make the folder of models readable"
	case chosen == nil:
		used.Detail = first.Folder
	case len(usable) > 0:
		used.Detail = usable[0].Folder
	default:
		used.Detail = "none is installed: a question is known by its words alone, so that one which is asked in other words, or in another language, often finds no answer"
		used.Mend = "mynah models pull " + models.SpeechPack
	}
	return append(findings, used)
}

// named checks the recognizer that the configuration names.
func named(m *speech.Model, err error) Finding {
	f := Finding{Check: "speech.model", OK: err == nil}
	if err != nil {
		f.Detail = err.Error()
		f.Mend = "name a model that mynah models list shows as installed, or the path of a folder that holds one; mynah models add installs one whose kind has to be told"
		return f
	}
	f.Detail = fmt.Sprintf("%s for %s, %s", m.Kind, strings.Join(m.Languages, ", "), m.Folder)
	return f
}

// speakers tells who speaks which language, and why it is no better voice.
func speakers(v *voices.Voices, languages []string) []Finding {
	var findings []Finding
	for _, s := range v.Status(languages...) {
		f := Finding{Check: "voice " + s.Language, OK: s.Voice != "", Detail: s.Voice}
		if !f.OK {
			f.Detail = "nothing here speaks it"
		}
		if s.Problem != nil {
			f.Mend = s.Problem.Error() // says what to install for a better one
		}
		findings = append(findings, f)
	}
	return findings
}

// discordFindings checks the token and the intents that go with it.
func discordFindings(ctx context.Context, c Config) []Finding {
	token := Finding{Check: "token"}
	if c.TokenErr != nil {
		token.Detail, token.Mend = c.TokenErr.Error(), "put the bot's token, and nothing else, into that file"
		return []Finding{token}
	}
	if c.Token == "" {
		token.OK, token.Detail = true, "none is set: mynah run starts the local Discord"
		return []Finding{token}
	}
	ctx, cancel := context.WithTimeout(ctx, discordTime)
	defer cancel()
	client, end := client(c)
	defer end()
	application, err := rest.New(client).GetCurrentApplication(rest.WithCtx(ctx))
	var refused *rest.Error
	switch {
	case errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode == http.StatusUnauthorized:
		token.Detail = "Discord does not accept it"
		token.Mend = "open https://discord.com/developers/applications, choose the application, click Bot, then Reset Token, and set the new one as MYNAH_DISCORD_TOKEN"
		return []Finding{token}
	case err != nil:
		token.Detail = "Discord can't be asked: " + cause(err)
		token.Mend = "see whether this machine reaches discord.com"
		return []Finding{token}
	}
	token.OK, token.Detail = true, "of the application "+application.Name
	intent := Finding{Check: "message content intent", OK: true, Detail: "not wanted: discord.message_content is false"}
	if c.MessageContent {
		has := application.Flags.Has(discord.ApplicationFlagGatewayMessageContent) || application.Flags.Has(discord.ApplicationFlagGatewayMessageContentLimited)
		intent.OK, intent.Detail = has, "on"
		if !has {
			intent.Detail = "off"
			intent.Mend = "open https://discord.com/developers/applications, choose the application, click Bot, switch on Message Content Intent and save; or set discord.message_content to false"
		}
	}
	return []Finding{token, intent, commands(ctx, client, application.ID), sessions(ctx, client), skew(ctx, c)}
}

// commands looks whether Discord knows Mynah's commands.
func commands(ctx context.Context, client rest.Client, application snowflake.ID) Finding {
	f := Finding{Check: "commands"}
	var list []struct {
		Type int `json:"type"`
	}
	err := client.Do(rest.GetGlobalCommands.Compile(nil, application), nil, &list, rest.WithCtx(ctx))
	switch {
	case err != nil:
		f.Detail, f.Mend = "they can't be listed: "+cause(err), "see whether this machine reaches discord.com"
	case len(list) == 0:
		f.OK, f.Detail = true, "none yet: mynah run registers them"
	default:
		f.OK, f.Detail = true, fmt.Sprintf("%d at Discord", len(list))
	}
	return f
}

// fewSessions is how many of the day's sessions should be left.
const fewSessions = 100

// sessions looks at how many sessions Discord still lets begin today: beyond them it resets the token.
func sessions(ctx context.Context, client rest.Client) Finding {
	f := Finding{Check: "sessions"}
	about, err := rest.New(client).GetGatewayBot(rest.WithCtx(ctx))
	if err != nil {
		f.Detail, f.Mend = "Discord doesn't say how many are left: "+cause(err), "see whether this machine reaches discord.com"
		return f
	}
	limit := about.SessionStartLimit
	f.OK = limit.Remaining >= min(fewSessions, limit.Total/10)
	f.Detail = fmt.Sprintf("%d of %d left for today", limit.Remaining, limit.Total)
	if !f.OK {
		f.Mend = "find out in the log why sessions end so often: when none is left Discord resets the token"
	}
	return f
}

// cause is an error of Discord's without the request and without what a proxy answered.
func cause(err error) string {
	if refused, ok := errors.AsType[*rest.Error](err); ok {
		return refused.Response.Status
	}
	if inURL, ok := errors.AsType[*url.Error](err); ok {
		err = inURL.Err
	}
	return err.Error()
}

// skew compares this machine's clock with Discord's.
func skew(ctx context.Context, c Config) Finding {
	f := Finding{Check: "clock"}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, api(c)+"/gateway", nil)
	if err != nil {
		f.Detail, f.Mend = err.Error(), "correct discord.rest_url"
		return f
	}
	asked := time.Now()
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		f.Detail, f.Mend = "Discord doesn't say what time it is: "+cause(err), "see whether this machine reaches discord.com"
		return f
	}
	answer.Body.Close()
	theirs, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		f.OK, f.Detail = true, "Discord doesn't say what time it is"
		return f
	}
	off := asked.Add(time.Since(asked) / 2).Sub(theirs)
	f.OK = off.Abs() <= maxSkew
	f.Detail = "as Discord's"
	if !f.OK {
		way := "fast"
		if off < 0 {
			way = "slow"
		}
		f.Detail = fmt.Sprintf("it is %s %s", off.Abs().Round(time.Second), way)
		f.Mend = "set this machine's clock, best by NTP: timedatectl set-ntp true"
	}
	return f
}

// api is the address of Discord's API with its version.
func api(c Config) string {
	if c.RESTURL == "" {
		return rest.API
	}
	address := strings.TrimSuffix(c.RESTURL, "/")
	if !strings.HasSuffix(address, "/v10") {
		address += "/v10"
	}
	return address
}

// client asks Discord; end must be called.
func client(c Config) (client rest.Client, end func()) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	client = rest.NewClient(c.Token, rest.WithURL(api(c)), rest.WithHTTPClient(&http.Client{Transport: transport}),
		rest.WithRateLimiter(rest.NewNoopRateLimiter()), rest.WithLogger(slog.New(slog.DiscardHandler)))
	return client, transport.CloseIdleConnections
}
