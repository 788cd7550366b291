package voice

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/disgoorg/snowflake/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/mynahbot/mynah/internal/localdiscord"
	localvoice "github.com/mynahbot/mynah/internal/localdiscord/voice"
)

// gathered are the samples that a scrape shows now, by name and labels.
func gathered(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			out[f.GetName()+"{"+strings.Join(labels, ",")+"}"] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return out
}

// A speaker's metrics agree with Health, and go when the speaker does; a connection's go with the connection.
func TestMetrics(t *testing.T) {
	t.Parallel()
	g := newMainGateway(t, localvoice.Config{})
	e := newEar()
	all := NewConnections(Config{Listen: func(snowflake.ID) Listener { return e }, MeasureNames: true})
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(all)
	if got := gathered(t, r); len(got) != 1 { // no speakers are left out
		t.Errorf("without a connection: %v", got)
	}
	us, them := g.connection(1, all), g.person(2, Config{})
	open(t, us, 77)
	open(t, them, 77)
	g.server.SetFaults(localdiscord.ID(1), false, localvoice.Faults{Drop: 0.2, Corrupt: 0.05})
	item := play(t, them.Player(), newTone(440, 2*time.Second))
	play(t, us.Player(), newTone(440, 200*time.Millisecond))
	<-item.Done()
	e.until(t, "most of it", func() bool { return len(e.of(2)) > 16000 })
	got := gathered(t, r)
	h := us.Health()
	if len(h.Speakers) != 1 {
		t.Fatalf("speakers: %+v", h.Speakers)
	}
	for name, least := range map[string]float64{
		"mynah_voice_ready{server=500}": 1, "mynah_voice_dave_version{server=500}": 1, "mynah_voice_dave_epoch{server=500}": 1,
		"mynah_voice_sent_packets_total{server=500}": 5, "mynah_voice_unopened_packets_total{server=500}": 1,
		"mynah_voice_received_packets_total{server=500,user=2}": 50, "mynah_voice_lost_packets_total{server=500,user=2}": 5,
		"mynah_voice_jitter_seconds{server=500,user=2}": 1e-9,
	} {
		if v, ok := got[name]; !ok || v < least {
			t.Errorf("%s is %v (there: %v), want at least %v", name, v, ok, least)
		}
	}
	if v := got["mynah_voice_dave_epoch{server=500}"]; v != float64(h.Encryption.Epoch) {
		t.Errorf("epoch %v, health says %d", v, h.Encryption.Epoch)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	them.Close(ctx)
	(&talk{t: t}).poll("end of the speaker's metrics", func() bool {
		return !slices.ContainsFunc(names(gathered(t, r)), func(n string) bool { return strings.Contains(n, "user=") })
	})
	us.Close(ctx)
	if got := gathered(t, r); len(got) != 1 {
		t.Errorf("after the end: %v", got)
	}
}

func names(m map[string]float64) []string {
	var out []string
	for n := range m {
		out = append(out, n)
	}
	return out
}

// Without MeasureNames nobody learns from metrics who speaks, and yet the same speaker keeps the same name.
func TestMetricsNameNobody(t *testing.T) {
	const user snowflake.ID = 80351110224678912
	c, other := NewConnections(Config{}), NewConnections(Config{})
	name := c.pseudonym(user)
	if name != c.pseudonym(user) || name == c.pseudonym(user+1) {
		t.Errorf("%s, %s and %s", name, c.pseudonym(user), c.pseudonym(user+1))
	}
	if strings.Contains(name, user.String()) || name == other.pseudonym(user) {
		t.Errorf("%s can be traced", name)
	}
	if got := NewConnections(Config{MeasureNames: true}).pseudonym(user); got != user.String() {
		t.Errorf("named: %s", got)
	}
}

// However many speak, a scrape stays bounded and tells what it left out.
func TestMetricsBounded(t *testing.T) {
	all := NewConnections(Config{})
	silent := func(context.Context, snowflake.ID, *snowflake.ID, bool, bool) error { return nil }
	for guild := range snowflake.ID(6) {
		c := all.Create(guild+1, 1, silent, func() {}).(*Conn)
		l := newLink(c, 77, "session", "token", "ws://127.0.0.1:1")
		for user := range snowflake.ID(maxSpeakers) {
			l.rx.identify(uint32(user)+1, user+10)
			l.rx.speaker(uint32(user)+1, user+10)
		}
		c.current.Store(l)
		defer func() {
			l.cancel()
			l.keys.close()
			c.Close(context.WithoutCancel(t.Context()))
		}()
	}
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(all)
	got := gathered(t, r)
	if want := len(speakerMetrics)*maxMeasured + 6*len(connectionMetrics) + 1; len(got) != want {
		t.Errorf("%d samples, want %d", len(got), want)
	}
	if v := got["mynah_voice_speakers_unlisted{}"]; v != 6*maxSpeakers-maxMeasured {
		t.Errorf("%v speakers are said to be left out", v)
	}
}
