package web

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TalkMeter measures conversations in voice channels.
type TalkMeter struct {
	stages *prometheus.HistogramVec
	counts *prometheus.CounterVec
}

// NewTalkMeter makes a meter whose figures r shows.
func NewTalkMeter(r prometheus.Registerer) *TalkMeter {
	m := &TalkMeter{
		stages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "mynah_turn_seconds", Help: "How long the stages of spoken turns took, and how long answers were heard before their turn went on (talked_over).",
			Buckets: []float64{0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 0.9, 1.2, 2, 5},
		}, []string{"stage"}),
		counts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mynah_talk_events_total", Help: "What happened in conversations.",
		}, []string{"event"}),
	}
	r.MustRegister(m.stages, m.counts)
	return m
}

// Stage takes how long one stage of a turn took.
func (m *TalkMeter) Stage(stage string, took time.Duration) {
	m.stages.WithLabelValues(stage).Observe(took.Seconds())
}

// Count counts an event.
func (m *TalkMeter) Count(what string) { m.counts.WithLabelValues(what).Inc() }
