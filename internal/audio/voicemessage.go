package audio

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/spoken"
)

const (
	waveformPoints   = 256
	waveformInterval = 100 * time.Millisecond
	voiceBitrate     = 32000

	// maxVoiceMessage limits what is encoded: Discord takes voice messages of up to 20 minutes.
	maxVoiceMessage = 20 * time.Minute
	// maxVoiceBytes is more than a voice message takes.
	maxVoiceBytes = 64 << 20
)

// EncodeVoiceMessage encodes mono audio of any rate.
func EncodeVoiceMessage(ctx context.Context, pcm PCM) (spoken.VoiceMessage, error) {
	if len(pcm.Samples) == 0 || pcm.Rate <= 0 {
		return spoken.VoiceMessage{}, fmt.Errorf("encode a voice message: %w", ErrEmpty)
	}
	if d := pcm.Duration(); d > maxVoiceMessage {
		return spoken.VoiceMessage{}, fmt.Errorf("encode a voice message of %v: %w: Discord takes %v", d, ErrTooLong, maxVoiceMessage)
	}
	raw := make([]byte, 0, 4*len(pcm.Samples))
	for _, x := range pcm.Samples {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(clip(x)))
	}
	cmd := command(ctx, int64(len(raw)), maxVoiceBytes, "ffmpeg", "-hide_banner", "-loglevel", "error", "-threads", "1", "-protocol_whitelist", "pipe",
		"-f", "f32le", "-ar", strconv.Itoa(pcm.Rate), "-ac", "1", "-i", "pipe:0", "-map_metadata", "-1",
		"-c:a", "libopus", "-b:a", strconv.Itoa(voiceBitrate), "-application", "voip", "-ar", "48000", "-ac", "1",
		"-f", "ogg", "pipe:1")
	cmd.Stdin = bytes.NewReader(raw)
	var ogg bytes.Buffer
	var complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &ogg, &complaint
	if err := cmd.Run(); err != nil {
		switch {
		case ctx.Err() != nil:
			return spoken.VoiceMessage{}, ctx.Err()
		case cmd.ProcessState == nil:
			return spoken.VoiceMessage{}, startError("ffmpeg", err)
		}
		return spoken.VoiceMessage{}, fmt.Errorf("encode a voice message: %w: %s", err, strings.TrimSpace(complaint.String()))
	}
	if ogg.Len() == 0 {
		return spoken.VoiceMessage{}, errors.New("encode a voice message: ffmpeg gave nothing")
	}
	return spoken.VoiceMessage{Ogg: ogg.Bytes(), Waveform: waveform(pcm), Duration: pcm.Duration()}, nil
}

// waveform is the root mean square of each interval, on a square-root scale that lets quiet speech be seen, relative to the
// loudest interval.
func waveform(pcm PCM) []byte {
	points := int((pcm.Duration() + waveformInterval - 1) / waveformInterval)
	points = max(1, min(points, waveformPoints))
	levels := make([]float64, points)
	loudest := 0.0
	for i := range levels {
		part := pcm.Samples[i*len(pcm.Samples)/points : (i+1)*len(pcm.Samples)/points]
		sum := 0.0
		for _, x := range part {
			sum += float64(x) * float64(x)
		}
		if len(part) > 0 {
			levels[i] = math.Sqrt(sum / float64(len(part)))
		}
		loudest = max(loudest, levels[i])
	}
	out := make([]byte, points)
	if loudest == 0 || math.IsNaN(loudest) || math.IsInf(loudest, 0) {
		return out
	}
	for i, l := range levels {
		out[i] = byte(math.Round(255 * math.Sqrt(l/loudest)))
	}
	return out
}
