package wav

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
	"testing"
)

// file makes a WAVE file; size is what its header claims for the audio.
func file(code, channels, bits uint16, rate, size uint32, before string, data []byte) []byte {
	var b bytes.Buffer
	put := func(v any) { binary.Write(&b, binary.LittleEndian, v) }
	b.WriteString("RIFF\xff\xff\xff\xffWAVE" + before + "fmt ")
	put(uint32(16))
	put([]uint16{code, channels})
	put([]uint32{rate, rate * uint32(channels) * uint32(bits) / 8})
	put([]uint16{channels * bits / 8, bits})
	b.WriteString("data")
	put(size)
	b.Write(data)
	return b.Bytes()
}

func floats(x ...float32) []byte {
	var b []byte
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func all(t testing.TB, b []byte) (rate int, samples []float32, err error) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(b))
	if err != nil {
		return 0, nil, err
	}
	block := make([]float32, 3)
	for {
		n, err := r.Read(block)
		samples = append(samples, block[:n]...)
		if errors.Is(err, io.EOF) {
			return r.Rate(), samples, nil
		}
		if err != nil {
			return r.Rate(), samples, err
		}
		if n == 0 {
			t.Fatal("Read gives neither samples nor an error")
		}
	}
}

func TestRead(t *testing.T) {
	four := []byte{0, 0x40, 0, 0xc0, 0, 0, 0, 0x80}
	for name, test := range map[string]struct {
		in   []byte
		want []float32
	}{
		"mono":              {file(formatPCM, 1, 16, 22050, 8, "", four), []float32{.5, -.5, 0, -1}},
		"stereo":            {file(formatPCM, 2, 16, 22050, 8, "", four), []float32{0, -.5}},
		"unknown size":      {file(formatPCM, 1, 16, 22050, 0x7ffff000, "", four), []float32{.5, -.5, 0, -1}},
		"size not set":      {file(formatPCM, 1, 16, 22050, 0, "", four), []float32{.5, -.5, 0, -1}},
		"longer than said":  {file(formatPCM, 1, 16, 22050, 4, "", four), []float32{.5, -.5}},
		"shorter than said": {file(formatPCM, 1, 16, 22050, 100, "", four), []float32{.5, -.5, 0, -1}},
		"half a sample":     {file(formatPCM, 1, 16, 22050, 100, "", four[:5]), []float32{.5, -.5}},
		"other chunk first": {file(formatPCM, 1, 16, 22050, 8, "LIST\x03\x00\x00\x00abc\x00", four), []float32{.5, -.5, 0, -1}},
		"float":             {file(formatFloat, 1, 32, 22050, 16, "", floats(.25, 2, -2, float32(math.NaN()))), []float32{.25, 1, -1, 0}},
		"empty":             {file(formatPCM, 1, 16, 22050, 0, "", nil), nil},
	} {
		rate, got, err := all(t, test.in)
		if err != nil || rate != 22050 || !slices.Equal(got, test.want) {
			t.Errorf("%s: %v at %d Hz, error %v; want %v", name, got, rate, err, test.want)
		}
	}
}

func TestNewReaderRefuses(t *testing.T) {
	good := file(formatPCM, 1, 16, 22050, 8, "", nil)
	for name, in := range map[string][]byte{
		"nothing":         nil,
		"an MP3":          []byte("ID3\x04\x00\x00\x00\x00\x00\x00\x00\x00"),
		"cut off":         good[:30],
		"no format":       []byte("RIFF\x00\x00\x00\x00WAVEdata\x00\x00\x00\x00"),
		"8 bits":          file(formatPCM, 1, 8, 22050, 8, "", nil),
		"ADPCM":           file(2, 1, 16, 22050, 8, "", nil),
		"no channels":     file(formatPCM, 0, 16, 22050, 8, "", nil),
		"1000 channels":   file(formatPCM, 1000, 16, 22050, 8, "", nil),
		"no rate":         file(formatPCM, 1, 16, 0, 8, "", nil),
		"a chunk of 4 GB": file(formatPCM, 1, 16, 22050, 8, "LIST\xff\xff\xff\xff", nil),
	} {
		if _, err := NewReader(bytes.NewReader(in)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(file(formatPCM, 2, 16, 22050, 8, "", []byte{1, 2, 3, 4, 5, 6, 7, 8}))
	f.Add(file(formatFloat, 1, 32, 22050, 8, "LIST\x01\x00\x00\x00a\x00", floats(1, 2)))
	f.Fuzz(func(t *testing.T, b []byte) {
		rate, samples, err := all(t, b)
		if err != nil {
			return
		}
		if rate <= 0 || len(samples) > len(b) {
			t.Errorf("%d samples at %d Hz out of %d bytes", len(samples), rate, len(b))
		}
		for _, x := range samples {
			if !(x >= -1 && x <= 1) {
				t.Errorf("sample %v", x)
			}
		}
	})
}
