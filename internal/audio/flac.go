package audio

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// EncodeFLAC encodes mono audio as 16-bit FLAC at its own rate, for services that take no other lossless format.
func EncodeFLAC(ctx context.Context, pcm PCM) ([]byte, error) {
	raw := make([]byte, 0, 2*len(pcm.Samples))
	for _, x := range pcm.Samples {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(int16(clip(x)*32767)))
	}
	rate := strconv.Itoa(pcm.Rate)
	cmd := command(ctx, int64(len(raw)), int64(len(raw))+wavHeader, "ffmpeg", "-hide_banner", "-loglevel", "error", "-threads", "1", "-protocol_whitelist", "pipe",
		"-f", "s16le", "-ar", rate, "-ac", "1", "-i", "pipe:0", "-map_metadata", "-1", "-c:a", "flac", "-f", "flac", "pipe:1")
	cmd.Stdin = bytes.NewReader(raw)
	var flac bytes.Buffer
	var complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &flac, &complaint
	if err := cmd.Run(); err != nil {
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case cmd.ProcessState == nil:
			return nil, startError("ffmpeg", err)
		}
		return nil, fmt.Errorf("encode FLAC: %w: %s", err, strings.TrimSpace(complaint.String()))
	}
	return flac.Bytes(), nil
}
