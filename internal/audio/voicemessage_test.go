package audio

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"
)

func TestEncodeVoiceMessage(t *testing.T) {
	for name, tc := range map[string]struct {
		rate   int
		length time.Duration
		points int
	}{
		"short":    {22050, 2 * time.Second, 20},
		"a moment": {16000, 50 * time.Millisecond, 1},
		"long":     {24000, time.Minute, waveformPoints},
	} {
		t.Run(name, func(t *testing.T) {
			in := sine(tc.rate, int(tc.length*time.Duration(tc.rate)/time.Second), 300)
			clear(in[:len(in)/2])
			m, err := EncodeVoiceMessage(t.Context(), PCM{tc.rate, in})
			if err != nil {
				t.Fatal(err)
			}
			if m.Duration != tc.length || len(m.Waveform) != tc.points {
				t.Errorf("%v with %d points, want %v with %d", m.Duration, len(m.Waveform), tc.length, tc.points)
			}
			if tc.points > 1 && (m.Waveform[0] != 0 || m.Waveform[tc.points-1] < 200) {
				t.Errorf("the waveform goes from %d to %d, but the first half is silent", m.Waveform[0], m.Waveform[tc.points-1])
			}
			if !bytes.HasPrefix(m.Ogg, []byte("OggS")) || !bytes.Contains(m.Ogg[:100], []byte("OpusHead\x01\x01")) {
				t.Errorf("no mono Ogg Opus: % x", m.Ogg[:48])
			}
			back, err := decode(t.Context(), m.Ogg, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if got := time.Duration(len(back)) * time.Second / DecodeRate; math.Abs((got - tc.length).Seconds()) > 0.05 {
				t.Errorf("decodes to %v, want %v", got, tc.length)
			}
		})
	}
}

func TestEncodeVoiceMessageRefuses(t *testing.T) {
	if _, err := EncodeVoiceMessage(t.Context(), PCM{Rate: 16000}); !errors.Is(err, ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
	if _, err := EncodeVoiceMessage(t.Context(), PCM{Rate: 4000, Samples: make([]float32, 4000*1201)}); !errors.Is(err, ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
}
