package discord

import (
	"log/slog"
	"testing"

	"github.com/disgoorg/disgo/gateway"
)

// FuzzDecode: whatever comes from the gateway is read or left out, and what was read has an event's data.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"op":10,"d":{"heartbeat_interval":41250}}`,
		`{"op":0,"s":1,"t":"GUILD_CREATE","d":{"id":"1","channels":[{"id":"2","type":99},{"id":"3","type":0}],"roles":[{"id":5}]}}`,
		`{"op":0,"s":2,"t":"MESSAGE_CREATE","d":{"id":"1","channel_id":"2","components":[{"type":1,"components":[{"type":10}]}],"poll":3}}`,
		`{"op":0,"s":3,"t":"INTERACTION_CREATE","d":{"id":"1","type":2,"data":{"type":3,"resolved":{"messages":{"1":{"id":7}},"channels":{"2":{"type":{}}}}}}}`,
		`{"op":0,"s":4,"t":"MESSAGE_CREATE","d":null}`,
		`{"op":9,"d":{}}`,
		`[]`,
	} {
		f.Add([]byte(seed))
	}
	n := &news{log: slog.New(slog.DiscardHandler), count: newMetrics().unknown}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, ok := decode(raw, n)
		if ok && m.Op == gateway.OpcodeDispatch && m.D == nil {
			t.Errorf("an event without data was read: %+v", m)
		}
	})
}
