package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/audio/wav"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
)

// A file of this machine is no attachment: it is limited by its length alone.
func TestTranscribeLimits(t *testing.T) {
	t.Setenv("MYNAH_MODELS", speechtest.Models(t))
	t.Setenv("MYNAH_LIMITS_ATTACHMENT_BYTES", "1000")
	t.Setenv("MYNAH_LIMITS_AUDIO_MINUTES", "1")
	for name, c := range map[string]struct {
		seconds int
		code    int
		says    string
	}{
		"larger than an attachment": {2, exitOK, `"text":""`},
		"longer than a recording":   {61, exitFailure, "the limit is 1m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "silence.wav")
			if err := os.WriteFile(file, wav.Encode(16000, make([]float32, c.seconds*16000)), 0o600); err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			code := Main(t.Context(), []string{"transcribe", "--json", "--language=en", file}, strings.NewReader(""), &stdout, &stderr)
			if code != c.code || !strings.Contains(stdout.String(), c.says) {
				t.Errorf("%d: %s%s", code, &stdout, &stderr)
			}
		})
	}
}

// A folder with a model's files, as they are downloaded, is used where it lies.
func TestTranscribeWithANamedFolder(t *testing.T) {
	pack := speechtest.Models(t)
	t.Setenv("MYNAH_MODELS", pack)
	folder := t.TempDir()
	for _, name := range []string{"encoder_model.onnx", "decoder_model_merged.onnx", "tokens.txt"} {
		if err := os.Symlink(filepath.Join(pack, "moonshine-tiny-en", name), filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "silence.wav")
	if err := os.WriteFile(file, wav.Encode(16000, make([]float32, 16000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"in the language told":  {[]string{"transcribe", "--language=de", file, "--speech.languages=de,en"}, exitOK, `"text":"","language":"de"`},
		"in the bot's language": {[]string{"transcribe", "--language=ru", file, "--bot.language=ru"}, exitOK, `"text":"","language":"ru"`},
		"in a language of none": {[]string{"transcribe", "--language=tlh", file}, exitFailure, "tlh"},
		"checked":               {[]string{"doctor", "--speech.languages=en,de"}, exitOK, `"check":"speech.model","ok":true,"detail":"moonshine for en, de, ` + folder},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := Main(t.Context(), append(c.args, "--json", "--speech.model="+folder), strings.NewReader(""), &stdout, &stderr)
			if code != c.code && c.args[0] != "doctor" || !strings.Contains(stdout.String(), c.says) {
				t.Errorf("%d: %s%s", code, &stdout, &stderr)
			}
		})
	}
}
