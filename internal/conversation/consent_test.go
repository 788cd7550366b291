package conversation

import (
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

// Forgetting a person is no reason to hear them against their will.
func TestForgetKeepsARefusal(t *testing.T) {
	const server = record.ServerID(7)
	for _, tc := range []struct {
		optOut, heard bool
		where         record.ServerID
		want          bool
	}{
		{optOut: true, heard: false, where: 0, want: false},
		{optOut: true, heard: false, where: server, want: false},
		{optOut: true, heard: true, where: 0, want: true},
		{optOut: false, heard: true, where: 0, want: false},
		{optOut: false, heard: true, where: server, want: false},
	} {
		c := NewChoices(server, tc.optOut, []record.Consent{{User: ann, Server: tc.where, Heard: tc.heard}})
		c.Forget(ann)
		if got := c.Heard(ann); got != tc.want {
			t.Errorf("%+v: heard %v", tc, got)
		}
	}
}

// Audio of somebody who isn't heard reaches neither voice activity detection nor the recognizer.
func TestUnheard(t *testing.T) {
	run(t, alone, func(w *world) {
		w.setHeard(ann, false)
		w.says(ann, "When does it start?", time.Second)
		w.pauses(5 * time.Second)
		if unheard, listened, recognized := w.s.Privacy(); unheard != 55 || listened != 0 || recognized != 0 {
			t.Errorf("%d pieces dropped, %d frames listened to, %d recognized", unheard, listened, recognized)
		}
		w.setHeard(ann, true)
		w.says(ann, "When does it start?", time.Second)
		w.setHeard(ann, false) // withdrawn before the answer
		w.s.Forget(ann)
		w.pauses(5 * time.Second)
		w.wantSpoken()
	})
}
