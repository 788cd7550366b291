package wav

import (
	"encoding/binary"
	"math"
)

// Encode makes a file of mono 16-bit samples out of samples in -1..1.
func Encode(rate int, samples []float32) []byte {
	const header = 44
	le := binary.LittleEndian
	size := uint32(2 * len(samples))
	b := make([]byte, 0, header+2*len(samples))
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, header-8+size)
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, formatPCM)
	b = le.AppendUint16(b, 1)
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(2*rate))
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = le.AppendUint32(b, size)
	for _, x := range samples {
		x = max(-1, min(1, x))
		b = le.AppendUint16(b, uint16(int16(math.Round(float64(x)*32767))))
	}
	return b
}
