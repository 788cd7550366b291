package discord

import "github.com/prometheus/client_golang/prometheus"

// metrics are what is counted of the connection to Discord.
type metrics struct {
	connected  prometheus.Gauge
	identifies prometheus.Counter
	resumes    prometheus.Counter
	left       prometheus.Gauge // identifies of the day
	young      prometheus.Gauge
	unknown    *prometheus.CounterVec
	commands   prometheus.Gauge
	invalid    prometheus.Gauge
	refused    *prometheus.CounterVec
}

func newMetrics() *metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "mynah_discord_" + name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "mynah_discord_" + name, Help: help})
	}
	return &metrics{
		connected:  gauge("connected", "1 while a session at the gateway stands."),
		identifies: counter("identifies_total", "Sessions begun at the gateway."),
		resumes:    counter("resumes_total", "Sessions resumed at the gateway."),
		left:       gauge("identifies_left", "Sessions that Discord lets begin until its day ends."),
		young:      gauge("sessions_died_young", "Sessions in a row that ended soon after they began."),
		commands:   gauge("commands_registered", "1 once Discord has the commands of this version."),
		invalid:    gauge("invalid_requests", "Requests of the last ten minutes that Discord refused with 401, 403, 404 or 429; 10,000 end in a ban."),
		unknown: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mynah_discord_unknown_total", Help: "What Discord sent that this version doesn't know, by kind and type.",
		}, []string{"kind", "type"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mynah_discord_refused_total", Help: "Requests that Discord refused, by status.",
		}, []string{"status"}),
	}
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.connected, m.identifies, m.resumes, m.left, m.young, m.unknown, m.commands, m.invalid, m.refused}
}

// collectors are several collectors as one.
type collectors []prometheus.Collector

func (c collectors) Describe(ch chan<- *prometheus.Desc) {
	for _, one := range c {
		one.Describe(ch)
	}
}

func (c collectors) Collect(ch chan<- prometheus.Metric) {
	for _, one := range c {
		one.Collect(ch)
	}
}
