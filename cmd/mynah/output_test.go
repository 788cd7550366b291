package main

import (
	"bytes"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	tell := func(o *output) {
		o.progress("voice: downloading ", "%d %%", 1)
		o.progress("voice: downloading ", "%d %%", 2)
		o.told = o.told.Add(-progressEvery)
		o.progress("voice: downloading ", "%d %%", 50)
		o.progress("voice: unpacking 100%", "")
		o.progressEnd()
	}
	unnamed := func(o *output) {
		o.progress("", "too early")
		o.told = o.told.Add(-progressEvery)
		o.progress("", "half")
		o.progressEnd()
	}
	for _, c := range []struct {
		name   string
		output output
		tell   func(*output)
		want   string
	}{
		{"in a log", output{}, tell, "voice: downloading 1 %\nvoice: downloading 50 %\nvoice: unpacking 100%\n"},
		{"in a log, of steps without a name", output{told: time.Now()}, unnamed, "half\n"},
		{"read along", output{terminal: true}, unnamed, "\r\x1b[Ktoo early\r\x1b[Khalf\r\x1b[K"},
		{"for a program", output{json: true, terminal: true}, tell, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var to bytes.Buffer
			c.output.stderr = &to
			c.tell(&c.output)
			if to.String() != c.want {
				t.Errorf("told %q, want %q", to.String(), c.want)
			}
		})
	}
}
