package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browser is one headless Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// openBrowser starts the machine's Chromium with an empty profile. Its microphone plays a WAV file, once, whenever a page
// opens it.
func openBrowser(t *testing.T, microphone string) *browser {
	t.Helper()
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Skip("needs chromium: scripts/setup.sh test installs it")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], // an array: append copies it
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("mute-audio", true),
		chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.WindowSize(1200, 800), chromedp.WSURLReadTimeout(patience),
	)
	if microphone != "" {
		options = append(options, chromedp.Flag("use-file-for-fake-audio-capture", microphone+"%noloop"))
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // starts it; all tabs end with it
		t.Fatal(err)
	}
	return &browser{t, ctx}
}

// pageTab is the page, opened by one person.
type pageTab struct {
	t      *testing.T
	ctx    context.Context
	person string
	close  func() // closes the tab before the test ends
}

// open opens the page as a person and waits until messages can be written.
func (b *browser) open(t *testing.T, pageURL, person string, before ...chromedp.Action[chromedp.Void]) *pageTab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	t.Cleanup(cancel)
	k := &pageTab{t: t, ctx: ctx, person: person}
	if err := chromedp.Do(ctx); err != nil { // makes the tab, which lives as long as this context
		t.Fatal(err)
	}
	k.watchErrors()
	k.do("prepare the tab", before...)
	k.do("open the page", chromedp.Navigate(pageURL+"?as="+url.QueryEscape(person)))
	k.until("the channel is open", `document.activeElement?.id === "input" || (matchMedia("(max-width: 720px)").matches && document.querySelector("#messages > li"))`)
	return k
}

// watchErrors fails the test on what the page's script throws, and on what the browser refuses it.
func (k *pageTab) watchErrors() {
	messages := chromedp.Console(k.ctx)
	var reading sync.WaitGroup
	reading.Go(func() {
		for m, err := range messages {
			if err != nil {
				return // the tab is closed
			}
			if m.IsException() || m.Type == chromedp.ConsoleError {
				k.t.Errorf("%s's console: %s", k.person, m)
			}
		}
	})
	k.close = sync.OnceFunc(func() {
		_ = chromedp.Cancel(k.ctx)
		reading.Wait()
	})
	k.t.Cleanup(k.close)
}

// do runs steps in the tab.
func (k *pageTab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		k.fail("%s: %v", what, err)
	}
}

// until waits for a condition of the page, written in its language.
func (k *pageTab) until(what, condition string) {
	k.t.Helper()
	value[chromedp.Void](k, what, condition)
}

// within waits for a condition of the page that may not come, and reports whether it has.
func (k *pageTab) within(wait time.Duration, condition string) bool {
	_, err := chromedp.Run(k.ctx, chromedp.Poll[chromedp.Void](condition, chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(wait)))
	return err == nil
}

// value waits for an expression to be true, and returns it.
func value[T any](k *pageTab, what, expression string) T {
	k.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		v, err := chromedp.Run(k.ctx, chromedp.Poll[T](expression, chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(patience)))
		var refused *cdproto.Error
		switch {
		case err == nil:
			return v
		case errors.As(err, &refused) && time.Now().Before(deadline):
			// The page was left for another one, and the wait goes on there.
		default:
			k.fail("not within %v: %s: %v", patience, what, err)
		}
	}
}

// fail ends the test and leaves a picture of the page.
func (k *pageTab) fail(format string, args ...any) {
	k.t.Helper()
	text := fmt.Sprintf(format, args...)
	ctx, cancel := context.WithTimeout(k.ctx, 10*time.Second)
	defer cancel()
	if notice, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.getElementById("notice")?.textContent ?? ""`)); err == nil && notice != "" {
		text += "; the page says: " + notice
	}
	if png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot()); err == nil {
		file := filepath.Join(os.TempDir(), "mynah-"+strings.ReplaceAll(k.t.Name(), "/", "-")+"-"+k.person+".png")
		if os.WriteFile(file, png, 0o600) == nil {
			text += "; " + file + " shows the page"
		}
	}
	k.t.Fatal(text)
}

// types presses keys, one for each character.
func (k *pageTab) types(text string) {
	k.t.Helper()
	k.do("type "+text, keys(text))
}

// keys presses one key for each character. Unlike chromedp.KeyEvent it leaves it to the browser what a key writes, so
// that a page can prevent it.
func keys(text string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, r := range text {
			key, ok := kb.Keys[r]
			if !ok {
				return fmt.Errorf("no key writes %q", r)
			}
			down := input.DispatchKeyEventParams{
				Type: input.DispatchKeyEventTypeKeyDown, Key: key.Key, Code: key.Code, WindowsVirtualKeyCode: key.Windows,
				Text: key.Text, UnmodifiedText: key.Unmodified,
			}
			if key.Shift {
				down.Modifiers = int64(chromedp.ModifierShift)
			}
			up := down
			up.Type, up.Text, up.UnmodifiedText = input.DispatchKeyEventTypeKeyUp, "", ""
			for _, event := range []input.DispatchKeyEventParams{down, up} {
				if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, event); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// press presses the button that a selector finds.
func (k *pageTab) press(selector string) {
	k.t.Helper()
	k.do("press "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// says sends a message and returns the mark that follows it.
func (k *pageTab) says(text string) string {
	k.t.Helper()
	k.do("say "+text, chromedp.Focus(chromedp.CSS("#input")), insert(text), keys(kb.Enter))
	return value[string](k, "the message is shown", fmt.Sprintf(
		`[...document.querySelectorAll("#messages .message")].findLast(m => m.querySelector(".content")?.textContent.includes(%q))?.dataset.id`, firstLine(text)))
}

func firstLine(text string) string { line, _, _ := strings.Cut(text, "\n"); return line }

func insert(text string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, input.InsertText, input.InsertTextParams{Text: text})
		return err
	})
}

// hears waits for a message of Mynah's, later than another, that holds a text, and returns its id.
func (k *pageTab) hears(after, text string) string {
	k.t.Helper()
	return value[string](k, "Mynah says "+text, fmt.Sprintf(
		`[...document.querySelectorAll("#messages .message")].find(m => BigInt(m.dataset.id) > %sn && m.dataset.bot === "true" && m.querySelector(".body").textContent.includes(%q))?.dataset.id`, after, text))
}

// latest is the id of the newest message; "0" where there is none.
func (k *pageTab) latest() string {
	k.t.Helper()
	return value[string](k, "the newest message", `[...document.querySelectorAll("#messages .message")].at(-1)?.dataset.id ?? "0"`)
}

// attach chooses files in the page's file dialogue.
func (k *pageTab) attach(files ...string) {
	k.t.Helper()
	k.do("attach files", chromedp.SetUploadFiles(chromedp.CSS("#file-input"), files))
	k.until("the files are listed", fmt.Sprintf(`document.querySelectorAll("#files li").length === %d`, len(files)))
}

// onEveryPage runs a script before the page's own ones.
func onEveryPage(script string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	})
}
