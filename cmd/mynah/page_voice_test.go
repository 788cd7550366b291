package main

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/mynahbot/mynah/internal/audio/wav"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/speech/wer"
)

// tapSpeakers keeps the sound that a page sends to its speakers, without the silence, as 16-bit samples. Its counters
// are in samples: loud ones so far, and how many came since the last of them.
const tapSpeakers = `
	const connect = AudioNode.prototype.connect;
	const tapped = window.tapped = { rate: 0, pieces: [], loud: 0, since: 0 };
	AudioNode.prototype.connect = function (to, ...more) {
		if (to instanceof AudioDestinationNode) {
			const tap = this.context.createScriptProcessor(1024, 1, 1);
			tapped.rate = this.context.sampleRate;
			tap.onaudioprocess = ({ inputBuffer }) => {
				const sound = inputBuffer.getChannelData(0);
				if (sound.some((s) => Math.abs(s) > 0.005)) { tapped.loud += sound.length; tapped.since = 0; } else tapped.since += sound.length;
				if (tapped.loud && tapped.since < tapped.rate / 2) tapped.pieces.push(Int16Array.from(sound, (s) => s * 32767));
			};
			connect.call(this, tap);
			connect.call(tap, to);
		}
		return connect.call(this, to, ...more);
	};
	tapped.take = async () => {
		const url = await new Promise((done) => { const r = new FileReader(); r.onload = () => done(r.result); r.readAsDataURL(new Blob(tapped.pieces)); });
		tapped.pieces = []; tapped.loud = tapped.since = 0;
		return url.split(",")[1];
	};
`

// played waits until the page has played sound of some length and been silent after it, at most as long as a person would, and
// returns what is understood of it: "" where nothing was played.
func (s talkingSpeech) played(k *pageTab, least time.Duration) string {
	k.t.Helper()
	k.within(unanswered, fmt.Sprintf("tapped.loud > %f * tapped.rate && tapped.since > tapped.rate", least.Seconds()))
	text, err := chromedp.Run(k.ctx, chromedp.Evaluate[string]("tapped.take()", chromedp.EvalAwaitPromise))
	if err != nil {
		k.fail("take the sound: %v", err)
	}
	pcm, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		k.t.Fatal(err)
	}
	samples := make([]float32, len(pcm)/2)
	for i := range samples {
		samples[i] = float32(int16(binary.LittleEndian.Uint16(pcm[2*i:]))) / (1 << 15)
	}
	return s.understood(k.t, samples)
}

// again does something again and again until it comes out right: a busy machine damages sound. Before each time but the first it
// does what that needs.
func (k *pageTab) again(before func(), try func() error) {
	k.t.Helper()
	var wrong []error
	for len(wrong) < tries {
		if len(wrong) > 0 {
			before()
		}
		err := try()
		if err == nil {
			k.t.Logf("tries: %d", len(wrong)+1)
			return
		}
		wrong = append(wrong, err)
	}
	k.fail("%d times: %v", tries, errors.Join(wrong...))
}

// reopenMicrophone has the microphone play its file once more.
func (k *pageTab) reopenMicrophone() {
	k.t.Helper()
	for _, on := range []string{"false", "true"} {
		k.press("#microphone")
		k.until("the microphone is on: "+on, `document.getElementById("microphone").getAttribute("aria-pressed") === "`+on+`"`)
	}
}

// join presses the button of the voice channel.
func (k *pageTab) join() {
	k.t.Helper()
	k.press(`.channel[data-channel=Talk]`)
	k.until("the voice channel is open", `document.getElementById("join-voice") !== null && document.getElementById("channel-name").textContent === "Talk"`)
	k.press("#join-voice")
	k.until("the connection stands", `document.getElementById("voice-state")?.textContent === "connected"`)
}

// TestPageTalk talks with Mynah as a newcomer does: one button, a microphone, and what comes out of the speakers.
func TestPageTalk(t *testing.T) {
	const asked = "Turn on the living room lamp"
	clips := speechtest.Clips(t)
	at := slices.IndexFunc(clips, func(c speechtest.Clip) bool { return strings.EqualFold(c.Text, asked) })
	if at < 0 {
		t.Fatalf("nobody says %q", asked)
	}
	installed := speechtest.Models(t)
	s := openTalkingSpeech(t)
	// The person takes a breath before they speak, and the microphone stays open behind it.
	question := slices.Concat(hush(4*time.Second), speechtest.WAV(t, clips[at].Path), hush(4*time.Second))
	microphone := filepath.Join(t.TempDir(), "microphone.wav")
	if err := os.WriteFile(microphone, wav.Encode(16000, question), 0o600); err != nil {
		t.Fatal(err)
	}
	b := openBrowser(t, microphone)
	data := t.TempDir()
	r := start(t, "run", "--json", "--data", data, "--listen", "127.0.0.1:0", "--speech.models", installed, "--speech.steady")
	ann := b.open(t, r.ready().Page, "Ann", onEveryPage(tapSpeakers))

	opened := ann.latest()
	ann.press("#talk")
	joined := ann.hears(opened, "I listen")
	ann.until("the microphone is on", `document.getElementById("microphone")?.getAttribute("aria-pressed") === "true"`)
	ann.until("there are buttons for and against being heard", `document.querySelectorAll("[data-id='`+joined+`'] .components button").length === 2`)
	ann.until("the button is not needed any more", `document.getElementById("talk").hidden`)
	ann.until("Ann and Mynah sit in the channel", `["Ann", "Mynah"].every(n => [...document.querySelectorAll(".in-voice li")].some(l => l.textContent === n))`)
	before := joined
	ann.again(func() { before = ann.latest(); ann.reopenMicrophone() }, func() error {
		said := s.played(ann, time.Second)
		if said == "" {
			return errors.New("no answer is heard")
		}
		answer := ann.hears(before, "") // it stands in the chat, too
		told := value[string](ann, "the answer", `document.querySelector("[data-id='`+answer+`'] .content")?.textContent`)
		if c := wer.Compare(told, said); c.Rate() > 0.4 {
			return fmt.Errorf("the answer %q is heard as %q", told, said)
		}
		// What was understood shows when the answer is corrected.
		ann.says("!correct The lamp is shining now.")
		noted := ann.hears(answer, "Noted")
		understood := value[string](ann, "the correction", `document.querySelector("[data-id='`+noted+`'] .body")?.textContent`)
		if !holds(understood, "living room") {
			return fmt.Errorf("the question was understood as %q", understood)
		}
		return nil
	})

	ann.press("#leave-voice")
	ann.until("the button is there again", `!document.getElementById("talk").hidden && !document.getElementById("talk").disabled`)
	ann.close()
	r.stop()
	if code := r.end(stopped); code != exitOK {
		t.Errorf("exit code %d:\n%s", code, r.stderr)
	}
}

// TestPageVoice hears Mynah and other people in the browser, and is heard.
func TestPageVoice(t *testing.T) {
	clips := speechtest.Clips(t)
	clip := clips[0]
	if clip.Subset() != "en" {
		t.Fatalf("the first clip is %s", clip.File)
	}
	installed := speechtest.Models(t)
	s := openTalkingSpeech(t)
	b := openBrowser(t, clip.Path)
	r := start(t, "run", "--json", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--speech.models", installed, "--speech.steady")
	at := r.ready().Page
	ann := b.open(t, at, "Ann", onEveryPage(tapSpeakers))

	ann.join()
	ann.attach(clip.Path)
	mark := ann.latest()
	ann.do("send the recording", chromedp.Focus(chromedp.CSS("#input")), keys("\r"))
	heard := ann.hears(mark, "account of himself")
	transcript := value[string](ann, "the transcript", `document.querySelector("[data-id='`+heard+`'] blockquote")?.textContent`)
	if c := wer.Compare(clip.Text, transcript); c.Rate() > 0.2 {
		t.Errorf("%q was read as %q", clip.Text, transcript)
	}
	ann.until("the answer comes as a voice message", `document.querySelector("[data-bot=true] .voice-message button")`)
	ann.press("[data-bot=true] .voice-message button")
	ann.until("it plays", `document.querySelector(".voice-message time").textContent === "0:01"`)
	ann.press(".voice-message button[aria-label=Pause]")
	ann.until("it waits", `document.querySelector(".voice-message button").getAttribute("aria-label") === "Play"`)

	sent := ann.says("!join")
	ann.hears(sent, "end to end")
	ann.until("Mynah sits in the channel", `[...document.querySelectorAll(".in-voice li")].some(l => l.textContent === "Mynah")`)
	ann.until("the call is encrypted", `document.getElementById("call").textContent.includes("end-to-end encrypted")`)
	nothing := func() {}
	ann.again(nothing, func() error {
		ann.says("!say The tournament starts on Friday evening.")
		ann.until("Mynah is shown speaking", `[...document.querySelectorAll(".in-voice li.speaking")].some(l => l.textContent === "Mynah")`)
		if said := s.played(ann, 1500*time.Millisecond); !holds(said, "tournament", "friday evening") {
			return fmt.Errorf("Mynah says %q", said)
		}
		return nil
	})
	ann.again(nothing, func() error {
		sent := ann.says("What are you?")
		answer := ann.hears(sent, "I am Mynah")
		told := value[string](ann, "the answer", `document.querySelector("[data-id='`+answer+`'] .content")?.textContent`)
		if said := s.played(ann, time.Second); wer.Compare(told, said).Rate() > 0.5 {
			return fmt.Errorf("Mynah wrote %q and said %q", told, said)
		}
		return nil
	})

	// Another person's microphone is heard: the clip.
	chen := b.open(t, at, "Chen")
	chen.join()
	ann.until("Chen is here", `[...document.querySelectorAll(".in-voice li")].some(l => l.textContent === "Chen")`)
	chen.press("#microphone")
	chen.until("the microphone is on", `document.getElementById("microphone").getAttribute("aria-pressed") === "true"`)
	ann.until("Chen is shown speaking", `[...document.querySelectorAll(".in-voice li.speaking")].some(l => l.textContent === "Chen")`)
	ann.again(chen.reopenMicrophone, func() error {
		said := s.played(ann, 3*time.Second)
		if c := wer.Compare(clip.Text, said); c.Rate() > 0.35 {
			return fmt.Errorf("%q arrived as %q", clip.Text, said)
		}
		return nil
	})
	chen.press("#leave-voice")
	ann.until("Chen has left", `![...document.querySelectorAll(".in-voice li")].some(l => l.textContent === "Chen")`)

	chen.close()
	ann.close()
	r.stop()
	if code := r.end(stopped); code != exitOK {
		t.Errorf("exit code %d:\n%s", code, r.stderr)
	}
	if text := r.stderr.String(); strings.Contains(text, "panic") {
		t.Error(text)
	}
}
