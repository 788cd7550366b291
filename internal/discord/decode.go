package discord

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"

	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/disgo/gateway"
	"github.com/prometheus/client_golang/prometheus"
)

// What this file holds is how events are decoded that hold something new: the part that disgo can't decode is left out, and the
// rest of the event is taken, so that a channel of a new type doesn't cost its server.

// maxPruned is how many parts of one event are tried on their own, so that an odd event costs some milliseconds at most.
const maxPruned = 20_000

// dispatch is an event as it comes over the wire (https://docs.discord.com/developers/events/gateway-events#payload-structure).
type dispatch struct {
	Op int               `json:"op"`
	S  int               `json:"s"`
	T  gateway.EventType `json:"t"`
	D  json.RawMessage   `json:"d"`
}

// decode reads a message of the gateway. What can't be read is left out, and counted in news; ok is false where nothing is left.
// The event's number is there in any case.
func decode(raw []byte, news *news) (m gateway.Message, ok bool) {
	if decodes(raw, &m) && !(m.Op == gateway.OpcodeDispatch && string(m.RawD) == "null" && m.T != gateway.EventTypeResumed) {
		if _, unknown := m.D.(gateway.EventUnknown); unknown {
			news.met("event", string(m.T))
		}
		return m, true
	}
	var d dispatch
	if json.Unmarshal(raw, &d) != nil {
		news.met("payload", "")
		return gateway.Message{}, false
	}
	m = gateway.Message{Op: gateway.Opcode(d.Op), S: d.S, T: d.T}
	if d.Op != int(gateway.OpcodeDispatch) {
		news.met("opcode", fmt.Sprint(d.Op))
		return m, false
	}
	if m.D, ok = salvage(d, news); !ok {
		news.met("event", string(d.T))
	}
	return m, ok
}

// decodes reports whether disgo can read b, which it does with a panic for some of what it doesn't expect.
func decodes(b []byte, v any) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return json.Unmarshal(b, v) == nil
}

// salvage reads an event without the parts that can't be read.
func salvage(d dispatch, news *news) (data gateway.EventData, ok bool) {
	tree := json.NewDecoder(bytes.NewReader(d.D))
	tree.UseNumber()
	var v map[string]any
	if tree.Decode(&v) != nil {
		return nil, false
	}
	whole := func(v any) bool {
		data, ok = event(v, d.T)
		return ok
	}
	p := &pruner{left: maxPruned, dropped: func(path string, v any) {
		kind := ""
		if o, is := v.(map[string]any); is && o["type"] != nil {
			kind = fmt.Sprint(o["type"])
		}
		news.met(path, kind)
	}}
	switch d.T {
	case gateway.EventTypeReady, gateway.EventTypeGuildCreate, gateway.EventTypeGuildUpdate, gateway.EventTypeMessageCreate,
		gateway.EventTypeMessageUpdate, gateway.EventTypeThreadCreate, gateway.EventTypeThreadUpdate, gateway.EventTypeGuildMemberUpdate,
		gateway.EventTypeVoiceStateUpdate:
		if kept, some := p.prune("", v, whole); !some || !whole(kept) {
			return nil, false
		}
		return data, true
	case gateway.EventTypeInteractionCreate:
		p.interaction(v)
		return data, whole(v)
	}
	return nil, false
}

// event decodes the data of an event.
func event(v any, t gateway.EventType) (data gateway.EventData, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, false
	}
	data, err = gateway.UnmarshalEventData(raw, t)
	return data, err == nil
}

// pruner takes values apart.
type pruner struct {
	left    int // parts that may still be tried
	dropped func(path string, v any)
}

// prune returns v without the parts of it, at any depth, that ok refuses. An object's id and type stay in any case, since they say
// what it is; some is false where nothing can be kept.
func (p *pruner) prune(path string, v any, ok func(any) bool) (kept any, some bool) {
	if p.left--; p.left < 0 {
		return nil, false
	}
	if ok(v) {
		return v, true
	}
	switch v := v.(type) {
	case map[string]any:
		object := map[string]any{}
		for _, k := range []string{"id", "type"} {
			if e, is := v[k]; is {
				object[k] = e
			}
		}
		if !ok(object) {
			break
		}
		parts := map[string]any{}
		for k, e := range v {
			if _, is := object[k]; is {
				continue
			}
			part, some := p.prune(k, e, func(e any) bool {
				object[k] = e
				defer delete(object, k)
				return ok(object)
			})
			if some {
				parts[k] = part
			}
		}
		for k, e := range parts {
			object[k] = e
		}
		return object, true
	case []any:
		list := []any{}
		if !ok(list) {
			break
		}
		for _, e := range v {
			if part, some := p.prune(path, e, func(e any) bool { return ok([]any{e}) }); some {
				list = append(list, part)
			}
		}
		return list, true
	}
	p.dropped(path, v)
	return nil, false
}

// interaction takes from an interaction what can't be read of the messages and channels that come with it. The rest of it says
// what is wanted, so that it is all or nothing.
func (p *pruner) interaction(v map[string]any) {
	message := func(v any) bool { return reads[discord.Message](v) }
	if m, is := v["message"]; is {
		if kept, some := p.prune("message", m, message); some {
			v["message"] = kept
		}
	}
	data, _ := v["data"].(map[string]any)
	resolved, _ := data["resolved"].(map[string]any)
	messages, _ := resolved["messages"].(map[string]any)
	for id, m := range messages {
		if kept, some := p.prune("messages", m, message); some {
			messages[id] = kept
		}
	}
	channels, _ := resolved["channels"].(map[string]any)
	for id, c := range channels {
		if !reads[discord.ResolvedChannel](c) {
			p.dropped("channels", c)
			delete(channels, id)
		}
	}
}

func reads[T any](v any) bool {
	raw, err := json.Marshal(v)
	var t T
	return err == nil && decodes(raw, &t)
}

// maxNews is how many kinds of new things are told apart.
const maxNews = 128

// news counts what Discord sends that isn't known here, and logs each kind once.
type news struct {
	log   *slog.Logger
	count *prometheus.CounterVec // by kind and type

	mu   sync.Mutex
	seen map[[2]string]bool
}

// met counts something of a kind ("event", "channels", "message") and its type there.
func (n *news) met(kind, what string) {
	key := [2]string{clip(kind, 40), clip(what, 40)}
	n.mu.Lock()
	first := !n.seen[key]
	if first && len(n.seen) >= maxNews {
		key, first = [2]string{"other", ""}, false
	}
	if n.seen == nil {
		n.seen = map[[2]string]bool{}
	}
	n.seen[key] = true
	n.mu.Unlock()
	n.count.WithLabelValues(key[0], key[1]).Inc()
	if first {
		n.log.Info("Discord sends something that this version doesn't know; it is left out from now on", "kind", key[0], "type", key[1])
	}
}
