package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// progressEvery is how often progress is told where nobody reads along, such as in a log.
const progressEvery = 3 * time.Second

// output is where a command's results and progress go.
type output struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	json           bool
	terminal       bool // somebody reads stderr along

	step string    // what progress told last where nobody reads along
	told time.Time // when that was; at first when the command began
}

// result prints a result: as JSON, or the text for people.
func (o *output) result(v any, text string, args ...any) error {
	if !o.json {
		_, err := fmt.Fprintf(o.stdout, text+"\n", args...)
		return err
	}
	line := json.NewEncoder(o.stdout)
	line.SetEscapeHTML(false)
	return line.Encode(v)
}

// say tells people something that is no result, on standard error.
func (o *output) say(text string, args ...any) { fmt.Fprintf(o.stderr, text+"\n", args...) }

// progress tells how far something is. Where somebody reads along that is one
// line, written over. Elsewhere, as in a log, it is a line for each named step,
// and one each progressEvery within it and where steps have no name.
func (o *output) progress(step, text string, args ...any) {
	text = step + fmt.Sprintf(text, args...)
	switch {
	case o.json:
	case o.terminal:
		fmt.Fprint(o.stderr, "\r\x1b[K"+text)
	case step != o.step || time.Since(o.told) >= progressEvery:
		o.step, o.told = step, time.Now()
		fmt.Fprintln(o.stderr, text)
	}
}

// progressEnd clears the line that progress wrote over.
func (o *output) progressEnd() {
	if o.terminal && !o.json {
		fmt.Fprint(o.stderr, "\r\x1b[K")
	}
}
