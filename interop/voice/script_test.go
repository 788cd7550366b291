package voice

import (
	"context"
	"maps"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/interop/script"
)

// installPython makes a virtual environment with discord.py and davey if there is none, and returns its interpreter. It skips the test,
// and says why, where that can't be done.
func installPython(t testing.TB) string {
	t.Helper()
	python, err := filepath.Abs(filepath.Join(".venv", "bin", "python"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	const wanted = "import davey, discord, nacl.secret; assert discord.voice_state.has_dave"
	if exec.CommandContext(ctx, python, "-c", wanted).Run() == nil {
		return python
	}
	for _, step := range [][]string{
		{"python3", "-m", "venv", ".venv"}, {python, "-m", "pip", "install", "-q", "-r", "requirements.txt"}, {python, "-c", wanted},
	} {
		if out, err := exec.CommandContext(ctx, step[0], step[1:]...).CombinedOutput(); err != nil {
			t.Skipf("discord.py with davey can't be installed (%v): %.400s", err, out)
		}
	}
	return python
}

// needFFmpeg skips the test where what the library plays can't be encoded.
func needFFmpeg(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed: no other library's voice is tested")
	}
}

// bot is a library's bot, bot.mjs or bot.py, which answers each command.
type bot struct {
	*script.Script
	t       testing.TB
	library string
	id      snowflake.ID
	// moves, follows and resumes tell that the library goes along when it is moved to another channel, follows a call to another voice
	// server, and resumes a session whose socket was cut.
	moves, follows, resumes bool
}

// bot starts a library's bot as the account Script.
func (c *call) bot(t testing.TB, library string, program ...string) *bot {
	t.Helper()
	env := []string{"NODE_EXTRA_CA_CERTS=" + c.voice.CAFile(), "SSL_CERT_FILE=" + c.voice.CAFile()}
	s := &bot{script.Start(t, library, c.line, "Script", env, program...), t, library, c.user(t, "Script"), true, true, true}
	s.Next(waitLimit)
	return s
}

// tell gives a command without waiting for what comes of it.
func (s *bot) tell(do string, more map[string]any) {
	s.t.Helper()
	command := map[string]any{"do": do}
	maps.Copy(command, more)
	s.Tell(command)
}

func (s *bot) do(do string, more map[string]any) map[string]any {
	s.t.Helper()
	s.tell(do, more)
	return s.Next(waitLimit)
}

func (c *call) joinScript(s *bot, channel snowflake.ID) {
	s.t.Helper()
	s.do("join", map[string]any{"guild": c.guild.String(), "channel": channel.String()})
}
