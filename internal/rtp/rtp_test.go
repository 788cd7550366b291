package rtp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

func TestSealOpen(t *testing.T) {
	key := bytes.Repeat([]byte{7}, KeySize)
	payload := []byte("an opus frame")
	for _, mode := range Modes() {
		for name, tc := range map[string]struct{ words, padding int }{
			"plain":                 {-1, 0},
			"extension":             {2, 0},
			"extension and padding": {1, 9},
			"empty extension":       {0, 0},
			"only padding added":    {0, 1},
		} {
			t.Run(mode+"/"+name, func(t *testing.T) {
				seal, err := NewTransport(mode, key)
				if err != nil {
					t.Fatal(err)
				}
				open, _ := NewTransport(mode, key)
				header := make([]byte, HeaderSize)
				PutHeader(header, 65535, 960, 4711)
				body := payload
				if tc.words >= 0 {
					header = AppendExtended(nil, 65535, 960, 4711, tc.words, tc.padding > 0)
					body = append(bytes.Repeat([]byte{0x10}, 4*tc.words), payload...)
					if tc.padding > 0 {
						body = append(body, bytes.Repeat([]byte{0}, tc.padding-1)...)
						body = append(body, byte(tc.padding))
					}
				}
				var nonces [][]byte
				for range 2 {
					packet, err := seal.Seal(nil, header, body)
					if err != nil {
						t.Fatal(err)
					}
					nonces = append(nonces, packet[len(packet)-nonceSize:])
					h, err := ParseHeader(packet)
					if err != nil {
						t.Fatal(err)
					}
					if h.Sequence != 65535 || h.Timestamp != 960 || h.SSRC != 4711 || h.Payload != PayloadOpus {
						t.Errorf("header %+v", h)
					}
					for i := range packet { // every byte is authenticated, but the nonce's only through the tag
						bad := bytes.Clone(packet)
						bad[i] ^= 0x04
						if bh, err := ParseHeader(bad); err == nil {
							if _, err := open.Open(bad, bh); err == nil {
								t.Fatalf("a change of byte %d was not noticed", i)
							}
						}
					}
					got, err := open.Open(packet, h)
					if err != nil || !bytes.Equal(got, payload) {
						t.Errorf("got %q, %v", got, err)
					}
				}
				if bytes.Equal(nonces[0], nonces[1]) {
					t.Error("a nonce was used twice")
				}
			})
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		packet string
		want   error
	}{
		"empty":                {"", ErrNotRTP},
		"short":                {"80780001", ErrNotRTP},
		"version 1":            {"40780001000003c000000001", ErrNotRTP},
		"RTCP sender report":   {"80c8000100000003c0000000", ErrRTCP},
		"CSRCs missing":        {"8f780001000003c000000001", ErrShort},
		"extension missing":    {"90780001000003c000000001", ErrShort},
		"extension preamble 3": {"90780001000003c000000001bede00", ErrShort},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := hex.DecodeString(tc.packet)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ParseHeader(b); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
	if _, err := ChooseMode([]string{"xsalsa20_poly1305"}); !errors.Is(err, ErrNoMode) {
		t.Errorf("an old mode: %v", err)
	}
	if m, _ := ChooseMode([]string{ModeXChaCha20, ModeAES256GCM}); m != ModeAES256GCM {
		t.Errorf("chose %s", m)
	}
}

func TestPaddingRefused(t *testing.T) {
	key := make([]byte, KeySize)
	for _, n := range []byte{0, 200} {
		seal, _ := NewTransport(ModeAES256GCM, key)
		packet, _ := seal.Seal(nil, AppendExtended(nil, 1, 2, 3, 0, true), []byte{1, 2, n})
		h, _ := ParseHeader(packet)
		open, _ := NewTransport(ModeAES256GCM, key)
		if got, err := open.Open(packet, h); err == nil {
			t.Errorf("padding of %d in 3 bytes gave %v", n, got)
		}
	}
}

func TestAllocations(t *testing.T) {
	key := make([]byte, KeySize)
	seal, _ := NewTransport(ModeAES256GCM, key)
	open, _ := NewTransport(ModeAES256GCM, key)
	header := make([]byte, HeaderSize)
	PutHeader(header, 1, 2, 3)
	payload := make([]byte, 160)
	out := make([]byte, 0, MaxPacket)
	if n := testing.AllocsPerRun(100, func() {
		p, err := seal.Seal(out, header, payload)
		if err != nil {
			t.Fatal(err)
		}
		h, _ := ParseHeader(p)
		if _, err := open.Open(p, h); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func FuzzOpen(f *testing.F) {
	key := make([]byte, KeySize)
	seal, _ := NewTransport(ModeXChaCha20, key)
	p, _ := seal.Seal(nil, AppendExtended(nil, 1, 2, 3, 1, true), []byte{0, 0, 0, 0, 9, 9, 1})
	f.Add(p)
	f.Add([]byte{0x9f, 0x78, 0xff})
	f.Fuzz(func(t *testing.T, packet []byte) {
		if len(packet) > MaxPacket {
			return
		}
		h, err := ParseHeader(packet)
		if err != nil {
			return
		}
		open, _ := NewTransport(ModeXChaCha20, key)
		if got, err := open.Open(packet, h); err == nil && len(got) > len(packet) {
			t.Fatal("more came out than went in")
		}
	})
}
