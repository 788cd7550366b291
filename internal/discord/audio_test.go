package discord

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/engine"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/speech/voices"
	"github.com/mynahbot/mynah/internal/speech/wer"
	"github.com/mynahbot/mynah/internal/spoken"
)

// scriptedEars hears what a test tells them to.
type scriptedEars struct {
	text, guess string
	err         error
}

func (s scriptedEars) Transcribe(_ context.Context, r io.Reader, _ spoken.Recording) (spoken.Transcript, error) {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return spoken.Transcript{}, err
	}
	return spoken.Transcript{Text: s.text, Guess: s.guess, Language: "en", Audio: time.Second}, s.err
}

func TestWhatComesOfRecordings(t *testing.T) {
	ears := &scriptedEars{}
	w := newWorld(t, func(c *mynah) { c.Hearing = ears })
	ann := w.login("Ann")
	sound := upload{"note.ogg", []byte("OggS not read by these ears")}

	ears.text = "Who are you?"
	ann.say("general", "", sound)
	ann.saying("> Who are you?")
	ann.saying("I am Mynah")

	ears.text = strings.Repeat("A long story without an end. ", 90)
	ann.say("general", "", sound)
	told := ann.said(func(s seen) bool { return len(s.Attachments) > 0 })
	if told.Attachments[0].Filename != "transcript.txt" || strings.TrimSpace(w.download(told.Attachments[0].URL)) != strings.TrimSpace(ears.text) {
		t.Errorf("%+v", told.Attachments)
	}
	ann.saying("I don't know")

	for name, tc := range map[string]struct {
		ears scriptedEars
		want string
	}{
		"silence":       {scriptedEars{}, "no speech"},
		"a guess":       {scriptedEars{guess: "but had | never"}, "My best guess: ||but had   never||"},
		"no sound":      {scriptedEars{err: &spoken.HearingError{Fault: spoken.HearingNoAudio}}, "no sound that I can decode"},
		"too long":      {scriptedEars{err: &spoken.HearingError{Fault: spoken.HearingTooLong, Minutes: 120}}, "longer than 120 minutes"},
		"no model":      {scriptedEars{err: &spoken.HearingError{Fault: spoken.HearingNoModel, Language: "ru", Install: "gigaam"}}, "mynah models pull gigaam"},
		"no recognizer": {scriptedEars{err: &spoken.HearingError{Fault: spoken.HearingNoRecognizer}}, "mynah doctor"},
		"broken":        {scriptedEars{err: errors.New("out of luck")}, "Something broke"},
	} {
		t.Run(name, func(t *testing.T) {
			*ears = tc.ears
			wants(t, name, ann.ask("general", "", sound).Content, tc.want)
		})
	}
	*ears = scriptedEars{text: "a film"}
	ann.say("general", "look at this", upload{"clip.mp4", []byte("film")}) // nobody asked
	wants(t, "a video with a mention", ann.ask("general", w.mention(), upload{"clip.mp4", []byte("film")}).Content, "> a film")
	wants(t, "off", ann.ask("general", "!settings recognizer off").Content, "off")
	wants(t, "switched off", ann.ask("general", "", sound).Content, "no recognizer is set up")
}

func TestAVoiceMessageInAndOut(t *testing.T) {
	dir := speechtest.Models(t)
	speechtest.Model(t, speech.KindMoonshine, "en")
	var clip speechtest.Clip
	for _, c := range speechtest.Clips(t) {
		if c.Subset() == "en" && c.Seconds > 4 {
			clip = c
			break
		}
	}
	if clip.Path == "" {
		t.Fatal("no English clip in the manifest")
	}
	catalogue, err := models.BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	installed, err := models.Open(catalogue, dir)
	if err != nil {
		t.Fatal(err)
	}
	ears := engine.Set{Engines: map[string]*engine.Engine{"": engine.Open(engine.Config{}, installed)}}
	t.Cleanup(func() {
		if err := ears.Close(); err != nil {
			t.Error(err)
		}
	})
	mouth := voices.Open(voices.Config{Steady: true}, installed)
	t.Cleanup(func() {
		if err := mouth.Close(); err != nil {
			t.Error(err)
		}
	})
	w := newWorld(t, func(c *mynah) { c.Hearing, c.Voice = ears, voices.Speaker{Synthesizer: mouth} })
	ann := w.login("Ann")
	recorded, err := os.ReadFile(clip.Path)
	if err != nil {
		t.Fatal(err)
	}

	// A file, while Ann sits in no voice channel: text only.
	ann.say("general", "", upload{filepath.Base(clip.Path), recorded})
	ann.await(func(s seen) bool { return s.Event == "TYPING_START" && s.UserID == w.mynah.self })
	said := ann.saying("> ")
	if rate := wer.Compare(clip.Text, strings.TrimPrefix(said.Content, "> ")).Rate(); rate > 0.3 {
		t.Errorf("heard %q, said %q", said.Content, clip.Text)
	}
	ann.reply()

	// A voice message, from a voice channel: the answer is spoken too.
	w.steer("voice", map[string]any{"account": "Ann", "channel": "Talk"})
	ann.await(func(s seen) bool { return s.Event == "VOICE_STATE_UPDATE" && s.UserID == ann.id })
	sound := audio.PCM{Rate: audio.DecodeRate}
	err = audio.Decode(t.Context(), bytes.NewReader(recorded), audio.Limits{}, func(samples []float32) error {
		sound.Samples = append(sound.Samples, samples...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	recording, err := audio.EncodeVoiceMessage(t.Context(), sound)
	if err != nil {
		t.Fatal(err)
	}
	ann.request(http.MethodPost, "/channels/"+w.channel("general").String()+"/messages", map[string]any{
		"flags":       8192,
		"attachments": []map[string]any{{"id": 0, "filename": voiceFile, "duration_secs": recording.Duration.Seconds(), "waveform": recording.Waveform}},
	}, upload{voiceFile, recording.Ogg})
	heard := ann.saying("> ")
	if rate := wer.Compare(clip.Text, strings.TrimPrefix(heard.Content, "> ")).Rate(); rate > 0.3 {
		t.Errorf("heard %q, said %q", heard.Content, clip.Text)
	}
	answer := ann.saying("I don't know")
	message := ann.said(func(s seen) bool { return s.Flags&8192 != 0 })
	if len(message.Attachments) != 1 || message.Content != "" {
		t.Fatalf("%+v", message)
	}
	a := message.Attachments[0]
	if a.Filename != voiceFile || !strings.HasPrefix(a.ContentType, "audio/ogg") || a.Duration < 1 || a.Waveform == "" {
		t.Errorf("%+v", a)
	}
	back, err := ears.Transcribe(t.Context(), strings.NewReader(w.download(a.URL)), spoken.Recording{Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	if rate := wer.Compare(answer.Content, back.Text).Rate(); rate > 0.5 {
		t.Errorf("Mynah said %q, which is heard as %q", answer.Content, back.Text)
	}
}
