package voice

import "testing"

// A session that is resumed gets what came after the last message it has seen, behind op 9; or it is not resumed.
func TestResume(t *testing.T) {
	for name, tc := range map[string]struct {
		before uint16 // the sequence number that the session begins after
		sent   int
		ack    int64
		first  uint16 // of what is replayed
		want   int    // messages replayed; -1 when the session is not resumed
	}{
		"nothing missed":        {sent: 5, ack: 5, want: 0},
		"three missed":          {sent: 5, ack: 2, first: 3, want: 3},
		"nothing seen":          {sent: 5, ack: -1, first: 1, want: 5},
		"nothing sent":          {ack: -1, want: 0},
		"all that is kept":      {sent: maxReplay, ack: -1, first: 1, want: maxReplay},
		"more than is kept":     {sent: maxReplay + 1, ack: -1, want: -1},
		"less than was dropped": {sent: maxReplay + 1, ack: maxReplay - 10, first: maxReplay - 9, want: 11},
		"ahead of what was":     {sent: 5, ack: 6, want: -1},
		"around the end":        {before: 0xfffd, sent: 5, ack: 0xffff, first: 0, want: 3},
		"before the end":        {before: 0xfffd, sent: 5, ack: 0xfffe, first: 0xffff, want: 4},
		"all around the end":    {before: 0xfffd, sent: 5, ack: 2, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := &member{server: &Server{}, seq: tc.before}
			for i := range tc.sent {
				if i%2 == 0 {
					m.send(opSpeaking, speaking{})
				} else {
					m.sendBinary([]byte{30})
				}
			}
			k := newSocket(nil)
			if ok := m.resume(k, tc.ack); ok != (tc.want >= 0) {
				t.Fatalf("resumed: %v", ok)
			}
			if tc.want < 0 {
				return
			}
			if f := <-k.queue; f.op != opResumed {
				t.Errorf("op %d comes first", f.op)
			}
			if len(k.queue) != tc.want {
				t.Fatalf("%d messages are replayed", len(k.queue))
			}
			for i := range tc.want {
				if f := <-k.queue; f.seq != tc.first+uint16(i) {
					t.Errorf("number %d has the sequence number %d", i, f.seq)
				}
			}
		})
	}
}
