package voice

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/disgoorg/snowflake/v2"
	"go.uber.org/goleak"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/localdiscord"
	localvoice "github.com/mynahbot/mynah/internal/localdiscord/voice"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/speech/voices"
	"github.com/mynahbot/mynah/internal/spoken"
	"github.com/mynahbot/mynah/interop/script"
)

func TestMain(m *testing.M) {
	if os.Getenv(disgoVariable) != "" {
		if err := runDisgoBot(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// sentences are what Mynah says.
var sentences = []string{
	"Hello, I am Mynah, and I can learn to answer your questions.",
	"The training is done, and the new model is better than the old one.",
	"The shop opens at nine in the morning and closes at six in the evening.",
	"Please send me a file with two columns, the text and the label.",
	"Your order left the warehouse this morning and should arrive on Friday.",
	"There are three people in the voice channel right now.",
	"We moved the meeting to the small room on the second floor.",
	"The museum is a short walk from the central station.",
	"Take the second street on the left, and then go straight ahead.",
	"The train to the airport leaves every twenty minutes.",
}

// What the way through the voice channel may cost, in shares of the words.
const (
	maxHeardLoss = 0.02 // what we hear, beside the same clips read from file
	maxSpokeLoss = 0.05 // what the others hear, beside what the synthesizer made
	wholeRun     = 10   // rounds; fewer have too few words for such small shares
)

// beside lets a test run beside the others, except where make interop wants its figures.
func beside(t *testing.T) {
	if os.Getenv("MYNAH_INTEROP") == "" {
		t.Parallel()
	}
}

// people are n recorded English clips that fit into one utterance.
func people(t testing.TB, n int) []speechtest.Clip {
	t.Helper()
	var all []speechtest.Clip
	for _, c := range speechtest.Clips(t) {
		if c.Subset() == "en" && c.Seconds >= 3 && c.Seconds <= 12 {
			all = append(all, c)
		}
	}
	if len(all) < 20 {
		t.Fatalf("only %d clips", len(all))
	}
	clips := make([]speechtest.Clip, n)
	for i := range clips {
		clips[i] = all[i*max(1, len(all)/n)%len(all)]
	}
	return clips
}

// local asks the local Discord for something that only it can do.
func (c *call) local(t testing.TB, path string, body any) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := http.Post(strings.TrimSuffix(c.line.REST, "/api")+path, "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	rs.Body.Close()
	if rs.StatusCode/100 != 2 {
		t.Fatalf("%s: %s", path, rs.Status)
	}
}

// change does one of the things that happen between two rounds of talking.
func (c *call) change(t testing.TB, round int, o *ours, s *bot) *ours {
	t.Helper()
	channels := []string{"Talk", "Quiet"}
	here := c.channel(t, channels[round/6%2])
	switch round % 6 {
	case 0: // both enter, or are moved to the other channel: the script by somebody, we by ourselves
		if round == 0 {
			o = c.join(t, "Mynah")
			c.joinScript(s, here)
		} else if !s.moves {
			s.do("leave", nil)
			c.joinScript(s, here)
		} else {
			c.local(t, "/_local/voice", map[string]any{"account": "Script", "channel": channels[round/6%2]})
			until(t, waitLimit, "move", func() bool { return s.do("state", nil)["channel"] == here.String() })
		}
		o.open(t, here)
		if !s.follows && s.moves {
			until(t, waitLimit, "end of the move", func() bool { return inOneGroup(o, s) || s.do("state", nil)["status"] == "gone" })
			if !inOneGroup(o, s) {
				c.joinScript(s, here)
			}
		}
	case 1: // the script leaves and comes again
		s.do("leave", nil)
		c.joinScript(s, here)
	case 2: // we leave and come again
		o.leave(t)
		o = c.join(t, "Mynah")
		o.open(t, here)
	case 3: // our session is resumed
		c.voice.Kill(c.guild, localdiscord.ID(o.id), 4015)
		until(t, waitLimit, "resumption", func() bool { return o.Health().Resumes > 0 })
	case 4: // the call moves to another voice server
		for len(o.lost) > 0 {
			<-o.lost
		}
		if !s.follows {
			s.do("leave", nil)
		}
		if !c.discord.MoveVoice(c.guild) {
			t.Fatal("the call can't be moved")
		}
		select {
		case <-o.lost:
		case <-time.After(waitLimit):
			t.Fatal("the old voice server does not end")
		}
		if err := o.wish(&here); err != nil {
			t.Fatal(err)
		}
		if !s.follows {
			c.joinScript(s, here)
		}
	case 5: // the socket of the script is cut, and it resumes
		c.cut(t, o, s, here)
	}
	return o
}

// cut lets a third member come, of which the script hears nothing, nor of what follows, and then cuts its socket: what it missed must be
// replayed to it, or it has other keys than the others. A script that doesn't resume keeps nobody else from talking, and joins again once
// it has given up.
func (c *call) cut(t testing.TB, o *ours, s *bot, here snowflake.ID) {
	t.Helper()
	script := localdiscord.ID(s.id)
	if !s.resumes && !c.voice.Kill(c.guild, script, closeServerCrashed) {
		t.Fatal("there is no socket to cut")
	}
	c.voice.Hold(script, opClientsConnect, -1)
	third := c.join(t, "Ann")
	third.open(t, here)
	until(t, waitLimit, "common privacy code of those who are left", func() bool {
		code := o.Health().Encryption.PrivacyCode
		return code != "" && code == third.Health().Encryption.PrivacyCode
	})
	c.voice.Hold(script, opClientsConnect, 0)
	if s.resumes {
		if code := s.do("state", nil)["code"]; code == strings.ReplaceAll(o.Health().Encryption.PrivacyCode, " ", "") {
			t.Error("the script has missed nothing")
		}
		if !c.voice.Kill(c.guild, script, closeServerCrashed) {
			t.Fatal("there is no socket to cut")
		}
		together(t, o, s)
	} else {
		until(t, waitLimit, "end of the attempt to resume", func() bool { return s.do("state", nil)["status"] == "gone" })
		c.joinScript(s, here)
	}
	third.leave(t)
}

const (
	closeServerCrashed = 4015 // the close code after which a session is resumed
	opHeartbeatACK     = 6
	opClientsConnect   = 11 // who comes
)

func TestDiscordJS(t *testing.T) {
	beside(t)
	testScript(t, func(c *call) *bot { return c.bot(t, "discord.js", script.NPM(t, "@discordjs/voice"), "bot.mjs") })
}

func TestDiscordPy(t *testing.T) {
	beside(t)
	testScript(t, func(c *call) *bot {
		s := c.bot(t, "discord.py", installPython(t), "bot.py")
		// Where its socket is closed about when the new voice server is named, discord.py 2.7.1 may wait for that in vain, and leave: the
		// setter of VoiceConnectionState.state sets an event and clears it at once, and who is only about to wait for it misses it.
		s.follows = false
		// It can't resume either (VoiceConnectionState._inner_connect): it sends op 4 of the main gateway and waits for a voice state
		// and a server update before it opens the new socket; being connected, it takes neither for what it waits for. Had it opened the
		// socket, it would wait there for the key of op 4, which isn't sent again. After its timeout it leaves the channel.
		s.resumes = false
		// And it asks for its own address before it listens for the answer (DiscordVoiceWebSocket.discover_ip). Once moved, its reader runs
		// already and throws away an answer that is faster than any from a server elsewhere; it then waits without a limit.
		c.voice.SetFaults(localdiscord.ID(s.id), false, localvoice.Faults{Delay: roundTrip})
		return s
	})
}

func TestDisgo(t *testing.T) {
	beside(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	testScript(t, func(c *call) *bot {
		s := c.bot(t, "disgo", "env", disgoVariable+"=1", self)
		// disgo 0.19.6 notes when it sent a heartbeat after it has sent it (gatewayImpl.sendHeartbeat): an answer that is faster looks like
		// one to the heartbeat before.
		c.voice.Hold(localdiscord.ID(s.id), opHeartbeatACK, 10*roundTrip)
		// It leaves for good when its voice server closes the socket with 4014, which the move to another one begins with.
		s.follows = false
		// Moved to another channel it leaves too, or opens a socket while it has the old one, which it refuses to itself
		// (gatewayImpl.open).
		s.moves = false
		return s
	})
}

// roundTrip is how long a packet takes to a voice server that is near, and back.
const roundTrip = 5 * time.Millisecond

// testScript has a library's bot play recordings of people to us and us speak to it, with joins, leaves and moves in between,
// and a third member who comes and goes while they talk. MYNAH_INTEROP_ROUNDS says how often; each round has two recordings and a
// sentence.
func testScript(t *testing.T, start func(*call) *bot) {
	needFFmpeg(t)
	rounds := 2
	if n, err := strconv.Atoi(os.Getenv("MYNAH_INTEROP_ROUNDS")); err == nil {
		rounds = n
	} else if testing.Short() {
		t.Skip("takes half a minute")
	}
	ears, store := newEars(t)
	const each = 2
	clips := people(t, each*rounds)
	mouth := voices.Open(voices.Config{Steady: true}, store)
	t.Cleanup(func() { mouth.Close() })
	c := newCall(t)
	s := start(c)
	var o *ours
	for round := range rounds {
		began := time.Now()
		o = c.change(t, round, o, s)
		together(t, o, s)
		changed := time.Since(began)
		for i, clip := range clips[each*round : each*(round+1)] {
			samples := speechtest.WAV(t, clip.Path)
			var passing *ours
			if i == 1 { // the key changes twice while they talk
				passing = c.join(t, "Ann")
				go passing.Open(context.Background(), *o.ChannelID(), false, false)
			}
			got := plays(t, s, o, samples)
			if passing != nil {
				passing.leave(t)
				together(t, o, s)
			}
			ears.hear("recordings", clip.Text, samples)
			ears.hear("recordings, heard", clip.Text, got)
		}
		text := sentences[round%len(sentences)]
		sound := synthesize(t, mouth, text)
		at16k, err := audio.Resample(sound, spoken.Rate)
		if err != nil {
			t.Fatal(err)
		}
		ears.hear("voice", text, at16k.Samples)
		ears.hear("voice, heard", text, says(t, o, s, sound))
		t.Logf("round %d: together after %v; %+v", round, changed.Round(time.Millisecond), sums(o))
	}
	wrong := ears.wrong()
	fromFile, heard, synthesized, back := wrong["recordings"], wrong["recordings, heard"], wrong["voice"], wrong["voice, heard"]
	t.Logf("%d rounds, wrong words: of %s heard by us %v of %d, from file %v; of us heard by it %v of %d, from the synthesizer %v",
		rounds, s.library, heard, heard.Words/readings, fromFile, back, back.Words/readings, synthesized)
	heardLoss, spokeLoss := maxHeardLoss, maxSpokeLoss
	if rounds < wholeRun { // with few words only what is plainly wrong can be told
		heardLoss, spokeLoss = 0.2, 0.2
	}
	if heard.Words == 0 || heard.Rate() > fromFile.Rate()+heardLoss {
		t.Errorf("what we heard has %v wrong words, the clips %v", heard, fromFile)
	}
	if back.Words == 0 || back.Rate() > synthesized.Rate()+spokeLoss {
		t.Errorf("what %s heard has %v wrong words, the synthesizer's sound %v", s.library, back, synthesized)
	}
}

func synthesize(t testing.TB, v *voices.Voices, text string) audio.PCM {
	t.Helper()
	var sound audio.PCM
	err := v.Synthesize(t.Context(), spoken.Speech{Text: text, Language: "en"}, func(p audio.PCM) error {
		sound.Rate = p.Rate
		sound.Samples = append(sound.Samples, p.Samples...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sound
}

// sums are the figures of our session that a reader of the log wants.
func sums(o *ours) string {
	h := o.Health()
	text := fmt.Sprintf("epoch %d, %d of %d packets on time", h.Encryption.Epoch, h.OnTime, h.Slots)
	for _, s := range h.Speakers {
		text += fmt.Sprintf("; %d packets, %d lost, %d late, %d not decrypted", s.Packets, s.Lost, s.Late, s.DecryptFailures)
	}
	return text
}
