package audio

import (
	"math"
	"testing"
	"time"
)

const frame20 = OpusRate / 50

func TestOpusRoundTrip(t *testing.T) {
	for _, channels := range []int{1, 2} {
		e, err := NewEncoder(EncoderConfig{Channels: channels})
		if err != nil {
			t.Fatal(err)
		}
		d, err := NewDecoder(OpusRate, channels)
		if err != nil {
			t.Fatal(err)
		}
		in := sine(OpusRate, 50*frame20*channels, 440)
		var out []float32
		var packet []byte
		for i := range 50 {
			packet, err = e.Encode(packet[:0], in[i*frame20*channels:(i+1)*frame20*channels])
			if err != nil {
				t.Fatal(err)
			}
			samples, err := d.Decode(packet)
			if err != nil {
				t.Fatal(err)
			}
			if len(samples) != frame20*channels {
				t.Fatalf("%d channels: a packet gives %d samples", channels, len(samples))
			}
			out = append(out, samples...)
		}
		if db := decibels(in, out[5*frame20:]); math.Abs(db) > 1 {
			t.Errorf("%d channels: louder by %.1f dB", channels, db)
		}
	}
}

// TestOpusLoss loses one packet in ten: with forward error correction the gap is closed better than by concealment, and
// both better than by silence.
func TestOpusLoss(t *testing.T) {
	e, err := NewEncoder(EncoderConfig{Bitrate: 32000, Loss: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	const packets = 200
	in := chirp(packets * frame20)
	var sent [packets][]byte
	for i := range sent {
		if sent[i], err = e.Encode(nil, in[i*frame20:(i+1)*frame20]); err != nil {
			t.Fatal(err)
		}
	}
	lost := func(i int) bool { return i%10 == 5 }
	run := func(makeUp func(d *Decoder, i int) ([]float32, error)) []float32 {
		d, err := NewDecoder(OpusRate, 1)
		if err != nil {
			t.Fatal(err)
		}
		var out []float32
		for i, packet := range sent {
			decode := func() ([]float32, error) { return d.Decode(packet) }
			if lost(i) {
				decode = func() ([]float32, error) { return makeUp(d, i) }
			}
			samples, err := decode()
			if err != nil {
				t.Fatal(err)
			}
			if len(samples) != frame20 {
				t.Fatalf("packet %d gives %d samples", i, len(samples))
			}
			out = append(out, samples...)
		}
		return out
	}
	perfect := run(func(d *Decoder, i int) ([]float32, error) { return d.Decode(sent[i]) })
	distance := func(out []float32) float64 {
		diff := make([]float32, 0, len(out))
		for i := range out {
			if lost(i / frame20) {
				diff = append(diff, out[i]-perfect[i])
			}
		}
		return decibels(perfect, diff)
	}
	recovered := distance(run(func(d *Decoder, i int) ([]float32, error) { return d.Recover(sent[i+1], 20*time.Millisecond) }))
	concealed := distance(run(func(d *Decoder, i int) ([]float32, error) { return d.Conceal(20 * time.Millisecond) }))
	t.Logf("the error in lost frames: recovered %.1f dB, concealed %.1f dB", recovered, concealed)
	if recovered > concealed-3 {
		t.Errorf("recovery (%.1f dB) is no better than concealment (%.1f dB)", recovered, concealed)
	}
}

// chirp sweeps through the range of the voice, so that each frame differs from the one before it.
func chirp(n int) []float32 {
	out := make([]float32, n)
	phase := 0.0
	for i := range out {
		phase += 2 * math.Pi * (300 + 250*math.Sin(float64(i)/4000)) / OpusRate
		out[i] = float32(0.3*math.Sin(phase) + 0.2*math.Sin(2*phase) + 0.1*math.Sin(3*phase))
	}
	return out
}

func TestOpusRefuses(t *testing.T) {
	if _, err := NewEncoder(EncoderConfig{Channels: 3}); err == nil {
		t.Error("an encoder took 3 channels")
	}
	if _, err := NewDecoder(OpusRate, 0); err == nil {
		t.Error("a decoder took no channel")
	}
	e, err := NewEncoder(EncoderConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 959, 961, OpusRate} {
		if _, err := e.Encode(nil, make([]float32, n)); err == nil {
			t.Errorf("encoded a frame of %d samples", n)
		}
	}
	d, err := NewDecoder(OpusRate, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, lost := range []time.Duration{0, -time.Second, 121 * time.Millisecond} {
		if _, err := d.Conceal(lost); err == nil {
			t.Errorf("concealed %v", lost)
		}
	}
}

func FuzzOpusDecode(f *testing.F) {
	e, err := NewEncoder(EncoderConfig{Loss: 0.1})
	if err != nil {
		f.Fatal(err)
	}
	packet, err := e.Encode(nil, sine(OpusRate, frame20, 440))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packet)
	f.Add([]byte{0xf8, 0xff, 0xfe})
	f.Fuzz(func(t *testing.T, packet []byte) {
		d, err := NewDecoder(OpusRate, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, decode := range []func() ([]float32, error){
			func() ([]float32, error) { return d.Decode(packet) },
			func() ([]float32, error) { return d.Recover(packet, 20*time.Millisecond) },
		} {
			if samples, err := decode(); err == nil && (len(samples) > 2*maxFrame || len(samples)%2 != 0) {
				t.Errorf("%d samples", len(samples))
			}
		}
	})
}

func BenchmarkOpusEncode(b *testing.B) {
	e, err := NewEncoder(EncoderConfig{Channels: 2})
	if err != nil {
		b.Fatal(err)
	}
	in, packet := sine(OpusRate, 2*frame20, 440), make([]byte, 0, maxPacket)
	b.ReportAllocs()
	for b.Loop() {
		if packet, err = e.Encode(packet[:0], in); err != nil {
			b.Fatal(err)
		}
	}
}
