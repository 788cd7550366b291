// Package audio turns what people send into PCM and back: files in any container, Discord voice messages, Opus
// packets, sample rates. It knows nothing of Discord's wire.
//
// [OpenRecording] takes a file of any format, and [Recording.Decode] gives its sound as mono samples at 16 kHz, as speech
// recognition wants them; [Decode] does both for the first track.
// [EncodeVoiceMessage] makes a file that Discord plays as a voice message. [Encoder] and [Decoder] are for the packets of
// a voice channel, and [Resampler] changes the rate of a stream.
//
// Containers are handled by the ffmpeg program, which is given an open file and may open no address; of formats that name
// other files none is read. Samples are float32 in -1..1.
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

// clip brings a sample into -1..1. Files of floating-point samples may hold anything.
func clip(x float32) float32 {
	switch {
	case x != x:
		return 0
	case x > 1:
		return 1
	case x < -1:
		return -1
	}
	return x
}
