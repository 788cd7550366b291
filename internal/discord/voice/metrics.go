package voice

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/disgoorg/snowflake/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// maxMeasured bounds the speakers that metrics tell apart, over all connections; of more, the sums are in the connections' metrics
// no longer complete, which mynah_voice_speakers_unlisted tells.
const maxMeasured = 500

// metric is one figure of a connection or of a speaker.
type metric[T any] struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(T) float64
}

func counter[T any](name, help string, labels []string, value func(T) uint64) metric[T] {
	return metric[T]{prometheus.NewDesc("mynah_voice_"+name, help, labels, nil), prometheus.CounterValue, func(t T) float64 { return float64(value(t)) }}
}

func gauge[T any](name, help string, labels []string, value func(T) float64) metric[T] {
	return metric[T]{prometheus.NewDesc("mynah_voice_"+name, help, labels, nil), prometheus.GaugeValue, value}
}

var (
	connectionLabels = []string{"server"}
	speakerLabels    = []string{"server", "user"}
	unlisted         = prometheus.NewDesc("mynah_voice_speakers_unlisted", "Speakers beyond those whose metrics are shown.", nil, nil)
)

// Counters begin anew with each session, as Health's do, and a rate over them copes with that.
var connectionMetrics = []metric[Health]{
	gauge("ready", "Whether sound can be sent: 1 or 0.", connectionLabels, func(h Health) float64 {
		if h.Ready {
			return 1
		}
		return 0
	}),
	gauge("dave_version", "Version of end-to-end encryption, 0 without.", connectionLabels, func(h Health) float64 { return float64(h.Encryption.Version) }),
	gauge("dave_epoch", "Epoch of the group of end-to-end encryption.", connectionLabels, func(h Health) float64 { return float64(h.Encryption.Epoch) }),
	gauge("gateway_latency_seconds", "How long the voice gateway took to answer the last heartbeat.", connectionLabels, func(h Health) float64 { return h.Latency.Seconds() }),
	counter("resumes_total", "Sessions resumed.", connectionLabels, func(h Health) uint64 { return h.Resumes }),
	counter("sent_packets_total", "Packets sent.", connectionLabels, func(h Health) uint64 { return h.Sent }),
	counter("sent_slots_total", "Packets whose punctuality was measured.", connectionLabels, func(h Health) uint64 { return h.Slots }),
	counter("sent_on_time_total", "Packets sent within 5 ms of their slot.", connectionLabels, func(h Health) uint64 { return h.OnTime }),
	counter("send_failures_total", "Packets that could not be sent.", connectionLabels, func(h Health) uint64 { return h.SendFailures }),
	counter("keyless_frames_total", "Frames not sent since there was no key to encrypt them with.", connectionLabels, func(h Health) uint64 { return h.Unencrypted }),
	counter("unopened_packets_total", "Received packets that failed the transport's authentication.", connectionLabels, func(h Health) uint64 { return h.Unopened }),
}

var speakerMetrics = []metric[SpeakerHealth]{
	counter("received_packets_total", "Packets received, without duplicates and late ones.", speakerLabels, func(s SpeakerHealth) uint64 { return s.Packets }),
	counter("lost_packets_total", "Packets given up and concealed.", speakerLabels, func(s SpeakerHealth) uint64 { return s.Lost }),
	counter("late_packets_total", "Packets that came after they were given up.", speakerLabels, func(s SpeakerHealth) uint64 { return s.Late }),
	counter("duplicate_packets_total", "Packets that came twice.", speakerLabels, func(s SpeakerHealth) uint64 { return s.Duplicates }),
	counter("decrypt_failures_total", "Frames that end-to-end encryption, or the decoder, refused.", speakerLabels, func(s SpeakerHealth) uint64 { return s.DecryptFailures }),
	counter("unwanted_packets_total", "Packets dropped unheard, since the speaker is not to be heard.", speakerLabels, func(s SpeakerHealth) uint64 { return s.Unwanted }),
	gauge("jitter_seconds", "Interarrival jitter (RFC 3550).", speakerLabels, func(s SpeakerHealth) float64 { return s.Jitter.Seconds() }),
}

// pseudonyms returns what metrics call a speaker: the id, or what nobody can trace to it, the same as long as the process runs.
func pseudonyms(named bool) func(snowflake.ID) string {
	if named {
		return snowflake.ID.String
	}
	key := []byte(rand.Text())
	return func(user snowflake.ID) string {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(user.String()))
		return hex.EncodeToString(mac.Sum(nil)[:8])
	}
}

// Describe and Collect make Connections a prometheus.Collector. A connection's metrics are there as long as it is, a speaker's as
// long as the speaker is in the channel.
func (f *Connections) Describe(to chan<- *prometheus.Desc) {
	for _, m := range connectionMetrics {
		to <- m.desc
	}
	for _, m := range speakerMetrics {
		to <- m.desc
	}
	to <- unlisted
}

// Collect implements prometheus.Collector.
func (f *Connections) Collect(to chan<- prometheus.Metric) {
	f.mu.Lock()
	conns := make([]*Conn, 0, len(f.conns))
	for c := range f.conns {
		conns = append(conns, c)
	}
	f.mu.Unlock()
	slices.SortFunc(conns, func(a, b *Conn) int { return int(int64(a.guild) - int64(b.guild)) })
	listed, more := 0, 0
	for _, c := range conns {
		h := c.Health()
		server := h.Guild.String()
		for _, m := range connectionMetrics {
			to <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(h), server)
		}
		for _, s := range h.Speakers {
			if listed == maxMeasured {
				more++
				continue
			}
			listed++
			for _, m := range speakerMetrics {
				to <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(s), server, f.pseudonym(s.User))
			}
		}
	}
	to <- prometheus.MustNewConstMetric(unlisted, prometheus.GaugeValue, float64(more))
}
