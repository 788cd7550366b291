package dave

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/mynahbot/mynah/dave/mls"
)

var testStart = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// at is a clock that stands still.
func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testBase(seed byte) (base [keySize]byte) {
	for i := range base {
		base[i] = seed + byte(i)
	}
	return base
}

// newTestPair returns both ends of one sender's key.
func newTestPair() (*frameSender, *frameReceiver) {
	r := &frameReceiver{}
	r.install(testBase(0), testStart)
	return newFrameSender(testBase(0)), r
}

// The answers were computed with two independent implementations.
func TestKnownAnswers(t *testing.T) {
	r := newHashRatchet(testBase(0))
	for generation, want := range []string{
		"58fc013108dbf996ef651e3f01658bfb",
		"9cddc08f0c8a7cfecabfe757dc33b039",
		"ef2427778fb709d7d1e070846f920024",
	} {
		r.advance(uint32(generation))
		if got := mls.P256.DeriveTreeSecret(r.secret, "key", r.generation, keySize); hex.EncodeToString(got) != want {
			t.Errorf("key %d = %x, want %s", generation, got, want)
		}
	}
	s, receiver := newTestPair()
	got, err := s.appendEncrypt(nil, unhex(t, "f8010203"))
	if want := "23df01e09d4138ddb81d9167010cfafa"; err != nil || hex.EncodeToString(got) != want {
		t.Errorf("frame = %x, %v, want %s", got, err, want)
	}
	if plain, err := receiver.appendDecrypt(nil, got, false, at(testStart)); err != nil || hex.EncodeToString(plain) != "f8010203" {
		t.Errorf("decrypted %x, %v", plain, err)
	}
}

func TestFramesOfManySizesInPlace(t *testing.T) {
	s, r := newTestPair()
	for _, size := range []int{0, 1, 3, 160, 1275, MaxFrameSize - Overhead} {
		media := bytes.Repeat([]byte{byte(size), 7}, size)[:size]
		buffer := append(make([]byte, 0, size+Overhead), media...)
		sealed, err := s.appendEncrypt(buffer[:0], buffer)
		if err != nil {
			t.Fatal(size, err)
		}
		if &sealed[:1][0] != &buffer[:1][0] {
			t.Errorf("%d bytes: encryption did not use the caller's buffer", size)
		}
		opened, err := r.appendDecrypt(sealed[:0], sealed, false, at(testStart))
		if err != nil || !bytes.Equal(opened, media) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if _, err := s.appendEncrypt(nil, make([]byte, MaxFrameSize)); !errors.Is(err, ErrFrameTooLarge) {
		t.Errorf("too large a frame: %v", err)
	}
	if _, err := r.appendDecrypt(nil, make([]byte, MaxFrameSize+1), true, at(testStart)); !errors.Is(err, ErrFrameTooLarge) {
		t.Errorf("too large a frame: %v", err)
	}
}

func TestAppendKeepsPrefix(t *testing.T) {
	s, r := newTestPair()
	sealed, err := s.appendEncrypt([]byte("head"), []byte("media"))
	if err != nil || !bytes.HasPrefix(sealed, []byte("head")) {
		t.Fatalf("%q, %v", sealed, err)
	}
	opened, err := r.appendDecrypt([]byte("head"), sealed[4:], false, at(testStart))
	if err != nil || string(opened) != "headmedia" {
		t.Fatalf("%q, %v", opened, err)
	}
}

func TestEveryBitIsAuthenticated(t *testing.T) {
	s, r := newTestPair()
	sealed, err := s.appendEncrypt(nil, []byte("an Opus frame"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(sealed) * 8 {
		bad := slices.Clone(sealed)
		bad[i/8] ^= 1 << (i % 8)
		if out, err := r.appendDecrypt(nil, bad, false, at(testStart)); err == nil {
			t.Errorf("bit %d flipped: accepted as %q", i, out)
		}
	}
	if _, err := r.appendDecrypt(nil, sealed, false, at(testStart)); err != nil {
		t.Errorf("the frame itself, after forgeries: %v", err)
	}
}

// Other clients leave parts of video frames in clear; they are authenticated all the same.
func TestClearRanges(t *testing.T) {
	key := newHashRatchet(testBase(0))
	media := []byte("0123456789abcdef")
	for _, tc := range []struct {
		name, ranges string
		secret, aad  string
	}{
		{"none", "", "0123456789abcdef", ""},
		{"head", "000a", "abcdef", "0123456789"},
		{"tail", "0a06", "0123456789", "abcdef"},
		{"two", "01020a01", "03456789bcdef", "12a"},
		{"touching", "01020301", "0456789abcdef", "123"},
		{"all", "0010", "", "0123456789abcdef"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var nonce [12]byte
			nonceFor(&nonce, 5)
			sealed := key.aead().Seal(nil, nonce[:], []byte(tc.secret), []byte(tc.aad))
			ranges := unhex(t, tc.ranges)
			f := protocolFrame{media: media, ranges: ranges}
			frame := f.appendJoin(nil, sealed[:len(tc.secret)])
			frame = append(frame, sealed[len(tc.secret):][:tagSize]...)
			frame = append(frame, 5)
			frame = append(frame, ranges...)
			frame = append(frame, byte(tagSize+1+len(ranges)+3))
			frame = append(frame, marker...)

			r := &frameReceiver{}
			r.install(testBase(0), testStart)
			got, err := r.appendDecrypt(nil, frame, false, at(testStart))
			if err != nil || !bytes.Equal(got, media) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestParseFrameRefuses(t *testing.T) {
	tag := "0011223344556677"
	for _, tc := range []struct{ name, frame string }{
		{"empty", ""},
		{"no marker", tag + "010cfafb"},
		{"too short", tag + "0bfafa"},
		{"size too small", "ff" + tag + "010bfafa"},
		{"size beyond the frame", tag + "010dfafa"},
		{"nonce unfinished", tag + "810cfafa"},
		{"nonce not minimal", tag + "81000dfafa"},
		{"nonce beyond 32 bits", tag + "ffffffff1f10fafa"},
		{"nonce beyond 64 bits", tag + "ffffffffffffffffff7f15fafa"},
		{"range without length", "aaaa" + tag + "01000dfafa"},
		{"range past the media", "aaaa" + tag + "0100030efafa"},
		{"range into the trailer", "aaaa" + tag + "0102010efafa"},
		{"ranges overlap", "aaaaaaaa" + tag + "010002010110fafa"},
		{"ranges descend", "aaaaaaaa" + tag + "010201000110fafa"},
		{"range sum overflows", "aa" + tag + "01ffffffff0fffffffff0f17fafa"},
	} {
		if f, err := parseFrame(unhex(t, tc.frame)); err == nil {
			t.Errorf("%s: parsed as %+v", tc.name, f)
		}
	}
	if _, err := parseFrame(unhex(t, "aaaa"+tag+"0100020efafa")); err != nil {
		t.Errorf("a valid frame was refused: %v", err)
	}
}

func TestSilenceAndPlainFrames(t *testing.T) {
	_, r := newTestPair()
	if got, err := r.appendDecrypt(nil, SilenceFrame(), false, at(testStart)); err != nil || !bytes.Equal(got, SilenceFrame()) {
		t.Errorf("silence: %x, %v", got, err)
	}
	plain := []byte{0xF8, 0xFF, 0xFE, 0}
	if _, err := r.appendDecrypt(nil, plain, false, at(testStart)); !errors.Is(err, ErrNotEncrypted) {
		t.Errorf("plain frame: %v", err)
	}
	if got, err := r.appendDecrypt(nil, plain, true, at(testStart)); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("plain frame in passthrough: %x, %v", got, err)
	}
	// A protocol frame that doesn't authenticate must not pass as plain.
	forged := unhex(t, "aaaa0011223344556677010cfafa")
	if _, err := r.appendDecrypt(nil, forged, true, at(testStart)); !errors.Is(err, ErrAuthentication) {
		t.Errorf("forged frame in passthrough: %v", err)
	}
}

func TestFrameCallsDoNotAllocate(t *testing.T) {
	s, r := newTestPair()
	media := make([]byte, 160)
	sealed, opened := make([]byte, 0, 160+Overhead), make([]byte, 0, 160)
	step := func() {
		var err error
		if sealed, err = s.appendEncrypt(sealed[:0], media); err != nil {
			t.Fatal(err)
		}
		if opened, err = r.appendDecrypt(opened[:0], sealed, false, at(testStart)); err != nil {
			t.Fatal(err)
		}
		if _, err = r.appendDecrypt(opened[:0], sealed, false, at(testStart)); !errors.Is(err, ErrReplay) {
			t.Fatal(err)
		}
	}
	step()
	if n := testing.AllocsPerRun(100, step); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParseFrame(f *testing.F) {
	s := newFrameSender(testBase(0))
	for _, size := range []int{0, 4, 160} {
		b, err := s.appendEncrypt(nil, make([]byte, size))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(unhex(f, "aaaa001122334455667701000100020efafa"))
	f.Add(unhex(f, "aaaa00112233445566770100020efafa"))
	f.Add(unhex(f, "aaaaaaaa0011223344556677ffffffff0f0001020114fafa"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &frameReceiver{}
		r.install(testBase(0), testStart)
		plain, openErr := r.appendDecrypt(nil, b, false, at(testStart))
		frame, err := parseFrame(b)
		if err != nil {
			if openErr == nil && !isSilence(b) {
				t.Fatalf("opened what does not parse: %x", b)
			}
			return
		}
		if openErr == nil && len(plain) != len(frame.media) {
			t.Fatalf("%d bytes of media became %d", len(frame.media), len(plain))
		}
		secret, open := frame.split(nil, nil)
		if len(secret)+len(open) != len(frame.media) {
			t.Fatalf("split %d bytes into %d and %d", len(frame.media), len(secret), len(open))
		}
		again := append(frame.appendJoin(nil, secret), frame.tag...)
		again = appendTrailer(again, frame.nonce)
		if len(frame.ranges) > 0 {
			again = append(again[:len(again)-3], frame.ranges...)
			again = append(again, byte(len(again)-len(frame.media)+3))
			again = append(again, marker...)
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("parsed %x, re-encoded %x", b, again)
		}
	})
}
