package localdiscord

import (
	"bytes"
	"compress/zlib"
	"io"

	"github.com/klauspost/compress/zstd"
)

// streamWindow is how far back a compressed connection may refer, bytes: what a connection costs in memory.
const streamWindow = 128 << 10

// stream compresses all messages of one connection as one stream, flushed after each, as Discord's transport compression
// does (https://docs.discord.com/developers/events/gateway#transport-compression). Used by the writer goroutine alone.
type stream struct {
	out bytes.Buffer
	w   interface {
		io.WriteCloser
		Flush() error
	}
}

// newStream returns the stream that a client asks for with ?compress=, or nil where it asks for none.
func newStream(kind string) (*stream, error) {
	s := &stream{}
	switch kind {
	case "zlib-stream":
		s.w = zlib.NewWriter(&s.out)
	case "zstd-stream":
		w, err := zstd.NewWriter(&s.out, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(streamWindow), zstd.WithLowerEncoderMem(true))
		if err != nil {
			return nil, err
		}
		s.w = w
	default:
		return nil, nil
	}
	return s, nil
}

// compress returns a message as it goes over the wire. The result is valid until the next call.
func (s *stream) compress(b []byte) ([]byte, error) {
	s.out.Reset()
	if _, err := s.w.Write(b); err != nil {
		return nil, err
	}
	if err := s.w.Flush(); err != nil {
		return nil, err
	}
	return s.out.Bytes(), nil
}

func (s *stream) close() error { return s.w.Close() }
