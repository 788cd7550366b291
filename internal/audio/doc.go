// Package audio turns what people send into PCM and back: files in any container, Discord voice messages, Opus
// packets, sample rates. It knows nothing of Discord's wire.
//
// [Decode] reads a file of any format as a stream of mono samples at 16 kHz, as speech recognition wants them.
// [EncodeVoiceMessage] makes a file that Discord plays as a voice message. [Encoder] and [Decoder] are for the packets of
// a voice channel, and [Resampler] changes the rate of a stream.
//
// Containers are handled by the ffmpeg program, which is given bytes through pipes and may open no file and no
// address. Samples are float32 in -1..1.
package audio

import "time"

// PCM is mono audio.
type PCM struct {
	Rate    int // samples a second
	Samples []float32
}

// Duration of the audio.
func (p PCM) Duration() time.Duration {
	if p.Rate == 0 {
		return 0
	}
	return time.Duration(len(p.Samples)) * time.Second / time.Duration(p.Rate)
}
