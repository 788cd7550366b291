package audio

import (
	"fmt"
	"time"

	"gopkg.in/hraban/opus.v2"
)

// OpusRate is the sample rate of Opus, in Hz, by which the packets of Discord's voice channels are counted.
const OpusRate = 48000

// EncodeRate is the sample rate, in Hz, that Mynah's speech is encoded at. Voices have none above it, and Opus takes a seventh less
// time than at OpusRate.
const EncodeRate = 24000

const (
	maxPacket    = 4000 // what libopus's documentation recommends for any frame
	maxFrameTime = 120  // milliseconds; RFC 6716, section 3.2.5: the longest packet
	maxFrame     = OpusRate / 1000 * maxFrameTime
)

// Encoder encodes one stream of speech in Opus. It is not safe for concurrent use.
type Encoder struct {
	encoder  *opus.Encoder
	channels int
	packet   [maxPacket]byte
}

// EncoderConfig tunes an [Encoder]. The zero value is mono, 64 kbit/s, without forward error correction.
type EncoderConfig struct {
	Rate     int // of the samples, in Hz: 8000, 12000, 16000, 24000 or 48000; 0 is OpusRate
	Channels int // 1 or 2; 0 is 1
	Bitrate  int // bits a second; 0 is 64000
	// Loss is the share of packets that are expected to get lost, 0..1. Above 0 each packet carries a coarse copy of the one
	// before it (in-band forward error correction).
	Loss float64
	// Complexity is how much work is put into each bit, from ComplexityLeast to 10; 0 is libopus's own choice.
	Complexity int
}

// ComplexityLeast has libopus do the least work that it can (its complexity 0).
const ComplexityLeast = -1

// NewEncoder makes an encoder. Its packets can be decoded at any rate.
func NewEncoder(c EncoderConfig) (*Encoder, error) {
	if c.Rate == 0 {
		c.Rate = OpusRate
	}
	if c.Channels == 0 {
		c.Channels = 1
	}
	if c.Bitrate == 0 {
		c.Bitrate = 64000
	}
	e, err := opus.NewEncoder(c.Rate, c.Channels, opus.AppVoIP)
	if err != nil {
		return nil, fmt.Errorf("opus encoder: %w", err)
	}
	if c.Complexity != 0 {
		if err := e.SetComplexity(max(0, c.Complexity)); err != nil {
			return nil, fmt.Errorf("opus complexity %d: %w", c.Complexity, err)
		}
	}
	encoder := &Encoder{encoder: e, channels: c.Channels}
	if err := encoder.SetBitrate(c.Bitrate); err != nil {
		return nil, err
	}
	return encoder, encoder.SetLoss(c.Loss)
}

// SetBitrate changes the bits a second from the next frame on.
func (e *Encoder) SetBitrate(bitrate int) error {
	if err := e.encoder.SetBitrate(bitrate); err != nil {
		return fmt.Errorf("opus bitrate %d: %w", bitrate, err)
	}
	return nil
}

// SetLoss changes the expected share of lost packets, 0..1; see [EncoderConfig].
func (e *Encoder) SetLoss(loss float64) error {
	if err := e.encoder.SetInBandFEC(loss > 0); err != nil {
		return fmt.Errorf("opus forward error correction: %w", err)
	}
	if err := e.encoder.SetPacketLossPerc(int(max(0, min(1, loss)) * 100)); err != nil {
		return fmt.Errorf("opus loss %v: %w", loss, err)
	}
	return nil
}

// Encode encodes one frame of 2.5, 5, 10, 20, 40 or 60 ms, channels interleaved, and appends the packet to dst.
func (e *Encoder) Encode(dst []byte, samples []float32) ([]byte, error) {
	n, err := e.encoder.EncodeFloat32(samples, e.packet[:])
	if err != nil {
		return dst, fmt.Errorf("opus: encode %d samples: %w", len(samples), err)
	}
	return append(dst, e.packet[:n]...), nil
}

// Decoder decodes one stream of Opus packets. It is not safe for concurrent use. The slices that it returns are valid
// until its next call.
type Decoder struct {
	decoder  *opus.Decoder
	channels int
	rate     int
	samples  []float32
}

// NewDecoder makes a decoder that yields 8000, 12000, 16000, 24000 or 48000 samples a second in 1 or 2 channels, whatever was
// encoded. A lower rate is decoded as such, which takes less work than decoding all and resampling.
func NewDecoder(rate, channels int) (*Decoder, error) {
	d, err := opus.NewDecoder(rate, channels)
	if err != nil {
		return nil, fmt.Errorf("opus decoder: %w", err)
	}
	return &Decoder{decoder: d, channels: channels, rate: rate, samples: make([]float32, maxFrame*channels*rate/OpusRate)}, nil
}

// Decode decodes a packet, channels interleaved.
func (d *Decoder) Decode(packet []byte) ([]float32, error) {
	n, err := d.decoder.DecodeFloat32(packet, d.samples)
	if err != nil {
		return nil, fmt.Errorf("opus: decode %d bytes: %w", len(packet), err)
	}
	return d.samples[:n*d.channels], nil
}

// Recover makes up for the lost packet before next, out of the copy that next carries where it carries one.
// duration is that of the lost packet. Decode next itself afterwards.
func (d *Decoder) Recover(next []byte, duration time.Duration) ([]float32, error) {
	samples, err := d.lost(duration)
	if err != nil {
		return nil, err
	}
	if err := d.decoder.DecodeFECFloat32(next, samples); err != nil {
		return nil, fmt.Errorf("opus: recover from %d bytes: %w", len(next), err)
	}
	return samples, nil
}

// Conceal makes up for a lost packet of that duration out of what came before.
func (d *Decoder) Conceal(duration time.Duration) ([]float32, error) {
	samples, err := d.lost(duration)
	if err != nil {
		return nil, err
	}
	if err := d.decoder.DecodePLCFloat32(samples); err != nil {
		return nil, fmt.Errorf("opus: conceal %v: %w", duration, err)
	}
	return samples, nil
}

func (d *Decoder) lost(duration time.Duration) ([]float32, error) {
	n := int(duration * time.Duration(d.rate) / time.Second)
	if n <= 0 || n*d.channels > len(d.samples) {
		return nil, fmt.Errorf("opus: a lost packet of %v, over %d ms or none", duration, maxFrameTime)
	}
	n *= d.channels
	return d.samples[:n:n], nil // libopus fills the capacity
}
