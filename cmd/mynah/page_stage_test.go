package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/mynahbot/mynah/internal/speech/speechtest"
)

// TestPageStage joins a stage on the page: in its audience one raises the hand, and speaks once somebody who moderates it lets one.
func TestPageStage(t *testing.T) {
	clip := speechtest.Clips(t)[0]
	world := filepath.Join(t.TempDir(), "world.yaml")
	err := os.WriteFile(world, []byte("people: [{name: Ann}, {name: Chen}]\nservers: [{name: Garden, owner: Ann, members: [{name: Ann}, {name: Chen}],\n"+
		"  channels: [{name: pond}, {name: Talk, type: voice}, {name: Speeches, type: stage}]}]\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	b := openBrowser(t, clip.Path)
	r := start(t, "localdiscord", "--json", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--world", world)
	at := r.ready().Page
	ann, chen := b.open(t, at, "Ann", chromedp.EmulateViewport(1200, 640)), b.open(t, at, "Chen")
	for _, k := range []*pageTab{ann, chen} {
		k.press(`.channel[data-channel=Speeches]`)
		k.until("the stage is open", `document.getElementById("join-voice")?.textContent === "Join the audience"`)
		k.press("#join-voice")
		k.until("the connection stands", `document.getElementById("voice-state")?.textContent === "connected"`)
		k.until("no microphone in the audience", `document.getElementById("microphone") === null`)
	}
	says := func(k *pageTab, what, text string) {
		t.Helper()
		k.until(what, `document.querySelector("#call .people")?.textContent.includes("`+text+`")`)
	}
	says(ann, "all listen", "speaking: nobody · listening: Ann, Chen")

	chen.press("#raise-hand")
	says(ann, "Chen's hand", "Chen (hand raised)")
	chen.until("the hand can be lowered", `document.getElementById("lower-hand") !== null`)
	chen.press("#lower-hand")
	chen.until("the hand can be raised", `document.getElementById("raise-hand") !== null`)
	says(ann, "the lowered hand", "listening: Ann, Chen")
	chen.press("#raise-hand")
	says(ann, "Chen's hand again", "Chen (hand raised)")
	ann.press("#to-speak") // Ann owns the server
	says(chen, "Ann speaks", "speaking: Ann · listening: Chen (hand raised)")
	if *pictures != "" {
		ann.takes("stage.png")
	}
	ann.press("[id^=invite-]")
	says(ann, "both speak", "speaking: Ann, Chen")

	chen.until("there is a microphone", `document.getElementById("microphone") !== null`)
	chen.press("#microphone")
	ann.until("Chen is heard", `[...document.querySelectorAll(".in-voice li.speaking")].some(l => l.textContent === "Chen")`)
	ann.until("it is not called encrypted", `document.getElementById("call").textContent.includes("not end-to-end encrypted")`)
	chen.press("#to-audience")
	chen.until("the microphone is gone", `document.getElementById("microphone") === null && document.getElementById("raise-hand") !== null`)
	says(ann, "Chen listens", "speaking: Ann · listening: Chen")

	chen.press("#leave-voice")
	says(ann, "Chen has left", "speaking: Ann")
	chen.close()
	ann.close()
	r.stop()
	if code := r.end(stopped); code != exitOK {
		t.Errorf("exit code %d:\n%s", code, r.stderr)
	}
}
