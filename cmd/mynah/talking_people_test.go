package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/discord/discordtest"
	"github.com/mynahbot/mynah/internal/localdiscord"
	localvoice "github.com/mynahbot/mynah/internal/localdiscord/voice"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
)

// gathering is the whole program on a local Discord that outlives it, and people who sit in its voice channel. What is said
// to Mynah is written down in the channel "help".
type gathering struct {
	t       *testing.T
	voice   *localvoice.Server
	line    localdiscord.Line
	data    string
	models  string
	mynah   snowflake.ID
	token   string // the file with Mynah's token
	config  string // an empty configuration file
	reader  person // of the channel "help"
	program *running
	written uint64 // the last transcript that was looked at
	turns   int    // how many transcripts were looked at
}

func gather(t *testing.T, flags ...string) *gathering {
	t.Helper()
	server, err := localvoice.Start(context.Background(), localvoice.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	local, err := localdiscord.Start(context.Background(), localdiscord.Config{Voice: server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { local.Close() })
	g := &gathering{t: t, voice: server, line: local.Ready(), data: t.TempDir(), models: speechtest.Models(t)}
	mynah, _ := g.line.Account("Mynah")
	g.mynah = snowflake.ID(mynah.ID)
	g.reader = newPerson(t, g.line, "help")
	own := t.TempDir()
	g.token, g.config = filepath.Join(own, "token"), filepath.Join(own, "mynah.yaml")
	for file, content := range map[string]string{g.token: mynah.Token, g.config: ""} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.start(flags...)
	return g
}

// start starts Mynah, stop ends it.
func (g *gathering) start(flags ...string) {
	g.t.Helper()
	g.program = launch(g.t, append([]string{"run", "--json", "--config", g.config, "--data", g.data, "--speech.models", g.models, "--speech.steady",
		"--discord.token_file", g.token, "--discord.rest_url", g.line.REST, "--discord.gateway_url", g.line.Gateway, "--discord.cdn_url", g.line.CDN}, flags...)...)
	g.program.line()
}

func (g *gathering) stop() {
	g.t.Helper()
	g.program.stop()
	if code := g.program.end(patience); code != exitOK {
		g.t.Errorf("exit code %d:\n%s", code, g.program.stderr)
	}
}

// guest is a person with a voice.
type guest struct {
	*caller
	person // in the channel "general"
	g      *gathering
	name   string
}

// guest lets a person sit down in the voice channel.
func (g *gathering) guest(name string) *guest {
	g.t.Helper()
	account, ok := g.line.Account(name)
	if !ok {
		g.t.Fatalf("no account %q", name)
	}
	general, _ := g.line.Channel("general")
	p := &guest{
		g: g, name: name, person: person{g.t, g.line, account.Token, general.ID.String()},
		caller: &caller{t: g.t, user: record.UserID(account.ID), to: g.mynah, news: make(chan struct{}, 1)},
	}
	talk, _ := g.line.Channel("Talk")
	client := discordtest.Login(g.t, g.line.Gateway, discordtest.Account{ID: snowflake.ID(account.ID), Token: account.Token}, nil)
	p.conn = client.Sit(snowflake.ID(g.line.Servers[0].ID), snowflake.ID(talk.ID), p.caller)
	return p
}

// asks writes a message and returns the answer, which is known by what stands in it.
func (p *guest) asks(text, answer string) string {
	p.g.t.Helper()
	last := p.newest()
	p.send(text, "", "")
	return p.after(last, has(answer)).Content
}

// newest is the id of the newest message in the person's channel.
func (p person) newest() uint64 {
	p.t.Helper()
	var all []message
	p.do("GET", "/channels/"+p.channel+"/messages?limit=1", "", nil, &all)
	if len(all) == 0 {
		return 0
	}
	return all[0].number(p.t)
}

func (m message) number(t *testing.T) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(m.ID, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// newer picks the oldest of Mynah's messages that is newer than another and fits.
func (p person) newer(id uint64, fits func(string) bool) func([]message) int {
	return func(all []message) int {
		for i, m := range slices.Backward(all) { // the oldest first
			if m.Author.Bot && m.number(p.t) > id && fits(m.Content) {
				return i
			}
		}
		return -1
	}
}

// after waits for a message of Mynah's that is newer than another.
func (p person) after(id uint64, fits func(string) bool) message {
	p.t.Helper()
	return p.poll(fmt.Sprintf("newer than %d", id), p.newer(id, fits))
}

// transcript waits for the next turn that is written down; "" where none is for so long that a person would say it again.
func (g *gathering) transcript() string {
	g.t.Helper()
	return g.transcriptWithin(unanswered)
}

// rest are the turns that were written down and not looked at: a busy machine makes two of one.
func (g *gathering) rest() (texts []string) {
	g.t.Helper()
	for {
		text := g.transcriptWithin(0)
		if text == "" {
			return texts
		}
		texts = append(texts, text)
	}
}

func (g *gathering) transcriptWithin(wait time.Duration) string {
	g.t.Helper()
	next, ok := g.reader.look(wait, g.reader.newer(g.written, func(string) bool { return true }))
	if !ok {
		return ""
	}
	g.written = next.number(g.t)
	g.turns++
	return next.Content
}

// turn has a person say something, and wants parts in what is written down of that turn. What comes out wrong is said again: a
// busy machine sends late, and loses sounds.
func (p *guest) turn(sentence *takes, parts ...string) {
	p.g.t.Helper()
	p.heard(sentence, nil, parts...)
}

// heard is turn, and what the person hears of Mynah has to be understood as right does.
func (p *guest) heard(sentence *takes, right func(sound []float32) error, parts ...string) {
	p.g.t.Helper()
	p.replies(func() {}, sentence, right, parts...)
}

// replies is heard for what is about Mynah's answer before: where it comes out wrong, again brings that answer again.
func (p *guest) replies(again func(), sentence *takes, right func(sound []float32) error, parts ...string) {
	p.g.t.Helper()
	var said []string
	for try := range tries {
		if try > 0 {
			again()
		}
		said = append(said, p.g.rest()...)
		p.listen()
		p.speaks(sentence.next())
		text := p.g.transcript()
		said = append(said, text)
		if !holds(text, append(parts, "**"+p.name+"**: ")...) {
			continue
		}
		if right == nil {
			p.g.t.Logf("tries: %d", try+1)
			return
		}
		_, sound := p.hears() // the turn is written down as the answer begins
		err := right(sound)
		if err == nil {
			p.g.t.Logf("tries: %d", try+1)
			return
		}
		said = append(said, err.Error())
	}
	p.g.t.Fatalf("%s said it %d times, and it came to %q, without %q", p.name, tries, said, parts)
}

// heardSince is what came from Mynah since the person began to listen.
func (c *caller) heardSince() []float32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]float32(nil), c.sound...)
}

var counters = regexp.MustCompile(`(\d+) pieces thrown away unheard, (\d+) frames listened to, (\d+) recognized`)

// counts are those of the conversation: pieces dropped by it, frames looked at, stretches recognized; and how many packets
// of a person the connection dropped before.
func (p *guest) counts(of *guest) (unheard, listened, recognized, dropped int) {
	p.g.t.Helper()
	text := p.asks("!voice", "thrown away unheard")
	m := counters.FindStringSubmatch(text)
	if m == nil {
		p.g.t.Fatalf("no counters in %q", text)
	}
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			p.g.t.Fatal(err)
		}
		return n
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "<@"+of.user.String()+">") {
			words := strings.Fields(line[:strings.Index(line, " dropped unheard")])
			dropped = number(words[len(words)-1])
		}
	}
	return number(m[1]), number(m[2]), number(m[3]), dropped
}
