package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/mynahbot/mynah/internal/audio"
)

// TestPage talks to Mynah as a newcomer does: in a browser, on the page that mynah run prints.
func TestPage(t *testing.T) {
	b := openBrowser(t, "")
	r := start(t, "run", "--json", "--data", t.TempDir(), "--listen", "127.0.0.1:0",
		"--world", example(t, "world.yaml"), "--speech.recognizer=off", "--speech.voice=off")
	at := r.ready().Page
	lesson, moods := example(t, "tournament.csv"), example(t, "moods.csv")

	t.Run("greeting", func(t *testing.T) {
		ann := b.open(t, at, "Ann")
		sent := ann.says("!hi")
		ann.hears(sent, "Hi, Ann!")
	})

	t.Run("slash command by keyboard", func(t *testing.T) {
		ann := b.open(t, at, "Ann")
		mark := ann.latest()
		ann.types("/he")
		ann.until("completion", `document.querySelector("#suggestions [aria-selected=true]")?.textContent.startsWith("/help")`)
		ann.types(kb.Tab)
		ann.until("the command's field", `document.activeElement.closest("#command") !== null`)
		ann.types("corr")
		ann.until("completion of the option", `[...document.querySelectorAll("#suggestions li")].some(l => l.textContent.includes("correct"))`)
		ann.types(kb.Enter)
		ann.until("the choice", `document.activeElement.value === "correct"`)
		ann.types(kb.Enter)
		ann.hears(mark, "right answer")
		ann.until("the focus is back", `document.activeElement.id === "input" && document.getElementById("command").hidden`)
	})

	t.Run("every command is in the list", func(t *testing.T) {
		ann := b.open(t, at, "Ann")
		ann.types("/")
		ann.until("all of them", `["/dataset list", "/response add", "/testset pin", "/privacy delete", "/voice health", "/hi"].every(
			name => [...document.querySelectorAll("#suggestions li b")].some(b => b.textContent === name))`)
	})

	t.Run("training, asking and correcting", func(t *testing.T) {
		ann, other := b.open(t, at, "Ann"), b.open(t, at, "Chen")
		ann.do("remember what the message said", chromedp.Evaluate[chromedp.Void](`{
			const states = new Set();
			const look = () => { for (const c of document.querySelectorAll("#messages .message[data-bot=true] .content")) if (c.textContent.includes("Training #")) states.add(c.textContent); document.body.dataset.states = states.size; };
			new MutationObserver(look).observe(document.getElementById("messages"), { childList: true, subtree: true });
		}`))
		ann.attach(lesson, moods)
		sent := ann.says("!train")
		done := ann.hears(sent, "has ended")
		ann.until("the message was edited on the way", `Number(document.body.dataset.states) >= 2 && document.querySelector("[data-id='`+done+`'] .edited") !== null`)
		other.until("the other tab sees the same", `document.querySelector("[data-id='`+done+`'] .edited") !== null && document.querySelector("[data-id='`+done+`'] .content").textContent.includes("has ended")`)
		ann.until("the chart", `(i => i?.complete && i.naturalWidth > 300 && i.getBoundingClientRect().width >= 280)(document.querySelector("[data-id='`+done+`'] .attachment img"))`)
		ann.until("the chart is in sight", `(l => l.scrollHeight - l.scrollTop - l.clientHeight < 2)(document.getElementById("messages"))`)

		sent = ann.says("At what time does the tournament start?")
		answer := ann.hears(sent, "Friday at seven")

		// The message's menu is opened by the keyboard alone.
		ann.do("focus the menu", chromedp.Focus(chromedp.CSS("[data-id='"+answer+"'] .actions button[aria-label=More]")), keys(kb.Enter))
		ann.until("the menu", `document.querySelector("#modal[open] button")?.textContent === "Correct this answer"`)
		ann.types(kb.Enter)
		ann.until("the form", `document.activeElement.closest("#modal form") !== null`)
		ann.do("write", insert("It was moved to Saturday at noon."))
		ann.press("#modal form .primary")
		ann.hears(answer, "At what time does the tournament start")
		sent = ann.says("what time does the tournament start")
		ann.hears(sent, "It was moved to Saturday at noon.")
	})

	t.Run("long content", func(t *testing.T) {
		ann := b.open(t, at, "Ann")
		ann.until("both servers", `[...document.querySelectorAll("#channels .server")].map(s => s.textContent).join() === "The chess club of the old town hall, its friends and its visitors,The library"`)
		word := strings.Repeat("Donaudampfschifffahrtsgesellschaft", 20)
		ann.says(word + " https://example.org/" + word + "\n`" + word + "`\n```\n" + word + " | " + word + "\n```")
		ann.until("nothing sticks out", `document.documentElement.scrollWidth === innerWidth &&
			[...document.querySelectorAll("#app *")].every(e => e.closest("pre") || e.getBoundingClientRect().right <= innerWidth)`)
		ann.press(".channel[data-channel=lobby]")
		ann.until("the other server", `document.getElementById("server-name").textContent === "The library" && document.activeElement.id === "input"`)
		sent := ann.says("!hi")
		ann.hears(sent, "Hi, Ann!")
	})

	t.Run("a sound that does not tell its length", func(t *testing.T) {
		flac, err := audio.EncodeFLAC(t.Context(), audio.PCM{Rate: 16000, Samples: make([]float32, 32000)})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "silence.flac")
		if err := os.WriteFile(file, flac, 0o600); err != nil {
			t.Fatal(err)
		}
		ann := b.open(t, at, "Ann")
		ann.attach(file)
		ann.do("send", chromedp.Focus(chromedp.CSS("#input")), keys(kb.Enter))
		ann.until("its length", `(a => a && Math.abs(a.duration - 2) < 0.1 && a.currentTime === 0)(document.querySelector("#messages audio"))`)
	})

	t.Run("drag and drop", func(t *testing.T) {
		ann := b.open(t, at, "Ann")
		ann.do("drop a file", drop(lesson))
		ann.until("it is listed", `document.querySelector("#files li")?.textContent.startsWith("tournament.csv") && document.getElementById("drop").hidden`)
		ann.press("#files button")
		ann.until("it is taken away", `document.getElementById("files").hidden`)
		ann.do("drop it again", drop(lesson))
		ann.until("it is listed", `document.querySelectorAll("#files li").length === 1`)
		ann.do("send", keys(kb.Enter))
		ann.until("the file is sent", `[...document.querySelectorAll(".message[data-bot=false] a.file")].some(a => a.textContent.includes("tournament.csv"))`)
	})

	t.Run("another person and language", func(t *testing.T) {
		ann := b.open(t, at, "Ann")
		ann.do("become Boris", chromedp.Focus(chromedp.CSS("#person")), keys("B"))
		ann.until("Boris's page", `location.search === "?as=Boris" && document.activeElement?.id === "input" && document.querySelector("#person").value === "Boris"`)
		mark := ann.latest()
		ann.types("/hi")
		ann.until("the description is Russian", `/[а-я]/.test(document.querySelector("#suggestions [aria-selected=true] span")?.textContent)`)
		ann.types(kb.Enter)
		ann.hears(mark, "Привет, Boris")
	})

	t.Run("narrow screen", func(t *testing.T) {
		ann := b.open(t, at, "Ann", chromedp.EmulateViewport(380, 740))
		hidden := `getComputedStyle(document.getElementById("side")).visibility === "hidden"`
		ann.until("the menu is away", hidden)
		ann.until("nothing sticks out", `document.documentElement.scrollWidth <= 380`)
		ann.do("open it", chromedp.Focus(chromedp.CSS("#menu")), keys(kb.Enter))
		ann.until("the menu is there", `!(`+hidden+`) && document.activeElement.classList.contains("channel") && document.getElementById("menu").getAttribute("aria-expanded") === "true"`)
		ann.types(kb.Escape)
		ann.until("it is away again", hidden+` && document.activeElement.id === "menu"`)
		ann.types(kb.Enter)
		ann.until("open", `document.activeElement.classList.contains("channel")`)
		ann.types(kb.Tab + kb.Enter)
		ann.until("the second channel is open", hidden+` && document.getElementById("channel-name").textContent === "# help"`)
	})

	r.stop()
	if code := r.end(stopped); code != exitOK {
		t.Errorf("exit code %d:\n%s", code, r.stderr)
	}
}

// example is the path of a file that teaches Mynah.
func example(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", "page", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// drop drags a file over the page and lets go of it.
func drop(file string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, kind := range []input.DispatchDragEventType{input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop} {
			_, err := cdp.Call(ctx, t, input.DispatchDragEvent, input.DispatchDragEventParams{
				Type: kind, X: 600, Y: 300, Data: &input.DragData{Items: []*input.DragDataItem{}, Files: []string{file}, DragOperationsMask: 1},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
