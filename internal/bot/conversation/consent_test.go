package conversation

import (
	"testing"
	"time"
)

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
