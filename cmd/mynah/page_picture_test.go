package main

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/audio/wav"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
)

// pictures is where the pictures of the page go.
var pictures = flag.String("pictures", "", "take the README's pictures of the local Discord's page again, into this `folder`")

// TestPagePicture takes the README's picture of the page again: make picture.
func TestPagePicture(t *testing.T) {
	if *pictures == "" {
		t.Skip("takes a picture only with -pictures FOLDER")
	}
	installed := speechtest.Models(t)
	speech := openTalkingSpeech(t)
	question := filepath.Join(t.TempDir(), "question.flac")
	flac, err := audio.EncodeFLAC(t.Context(), audio.PCM{Rate: 16000, Samples: speech.voiced(t, "What does the winner get?", "en")})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(question, flac, 0o600); err != nil {
		t.Fatal(err)
	}
	b := openBrowser(t, "")
	r := start(t, "run", "--json", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--speech.models", installed)
	ann := b.open(t, r.ready().Page, "Ann", chromedp.EmulateViewport(1200, 800))
	ann.attach(example(t, "tournament.csv"))
	sent := ann.says("!train")
	ann.hears(sent, "has ended")
	sent = ann.says("Who is the referee?")
	unknown := ann.hears(sent, "I don't know that")
	ann.says("!correct Judge Wren is the referee.")
	noted := ann.hears(unknown, "Noted")
	ann.says("Who's the referee?")
	asked := ann.hears(noted, "Judge Wren")
	ann.attach(question)
	ann.do("send the recording", chromedp.Focus(chromedp.CSS("#input")), keys("\r"))
	ann.hears(asked, "silver feather")
	ann.takes("page.png")
	ann.close()
	r.stop()
	r.end(stopped)
}

// TestTalkPicture takes the picture of somebody who talks with Mynah on the page: make picture.
func TestTalkPicture(t *testing.T) {
	if *pictures == "" {
		t.Skip("takes a picture only with -pictures FOLDER")
	}
	installed := speechtest.Models(t)
	s := openTalkingSpeech(t)
	microphone := filepath.Join(t.TempDir(), "microphone.wav")
	questions := slices.Concat(
		hush(4*time.Second), s.voiced(t, "When does the tournament start?", "en"), hush(9*time.Second), s.voiced(t, "And what does the winner get?", "en"), hush(20*time.Second),
	)
	if err := os.WriteFile(microphone, wav.Encode(16000, questions), 0o600); err != nil {
		t.Fatal(err)
	}
	b := openBrowser(t, microphone)
	r := start(t, "run", "--json", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--speech.models", installed)
	ann := b.open(t, r.ready().Page, "Ann", chromedp.EmulateViewport(1200, 640))
	ann.attach(example(t, "tournament.csv"))
	done := ann.hears(ann.says("!train"), "has ended")
	ann.press("#talk")
	joined := ann.hears(done, "I listen")
	first := ann.hears(joined, "Friday at seven")
	ann.hears(first, "silver feather")
	ann.until("Mynah is shown speaking", `[...document.querySelectorAll(".in-voice li.speaking")].some(l => l.textContent === "Mynah")`)
	ann.takes("talk.png")
	ann.close()
	r.stop()
	r.end(stopped)
}

// takes takes a picture of the page as it is now.
func (k *pageTab) takes(name string) {
	k.t.Helper()
	png, err := chromedp.Run(k.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		k.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*pictures, name), png, 0o644); err != nil {
		k.t.Fatal(err)
	}
}
