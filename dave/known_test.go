package dave

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// knownFile has this package's own answers, so that its tests prove something where no other implementation is
// installed. Recording calls with davey (-record) writes them anew, after davey has agreed in these calls.
const knownFile = "testdata/known.json"

type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

type known struct {
	Frames      []knownFrame       `json:"frames"`
	Privacy     []knownPrivacy     `json:"privacy_codes"`
	Fingerprint []knownFingerprint `json:"verification_codes"`
}

// knownFrame is a frame under the key of one sender (whitepaper, "Payload Format").
type knownFrame struct {
	Base    hexBytes `json:"base"`    // the exported secret of the sender
	Counter uint64   `json:"counter"` // of frames, from 1: its low 32 bits are the nonce, the bits from 24 on the generation
	Media   hexBytes `json:"media"`
	Frame   hexBytes `json:"frame"`
}

type knownPrivacy struct {
	Authenticator hexBytes `json:"epoch_authenticator"`
	Code          string   `json:"code"`
}

type knownFingerprint struct {
	Users [2]UserID   `json:"users"`
	Keys  [2]hexBytes `json:"keys"`
	Code  string      `json:"code"`
}

// writeKnown makes the answers: ours, to questions drawn from a fixed seed.
func writeKnown(t *testing.T) {
	t.Helper()
	r := testRand(1)
	draw := func(n int) hexBytes {
		b := make([]byte, n)
		r.Read(b)
		return b
	}
	var k known
	for range 2 {
		base := draw(keySize)
		for _, counter := range []uint64{1, 127, 128, 1<<14 - 1, 1 << 14, 1<<24 - 1, 1 << 24, 5<<24 + 3, 255<<24 + 9, 256<<24 + 1} {
			for _, size := range []int{1, 160} {
				k.Frames = append(k.Frames, knownFrame{Base: base, Counter: counter, Media: draw(size)})
			}
		}
	}
	for range 3 {
		k.Privacy = append(k.Privacy, knownPrivacy{Authenticator: draw(32)})
		k.Fingerprint = append(k.Fingerprint, knownFingerprint{
			Users: [2]UserID{UserID(r.Uint64()), UserID(r.Uint64())}, Keys: [2]hexBytes{append(hexBytes{4}, draw(64)...), append(hexBytes{4}, draw(64)...)},
		})
	}
	for i := range k.Frames {
		k.Frames[i].Frame = k.Frames[i].encrypt(t)
	}
	for i := range k.Privacy {
		k.Privacy[i].Code = k.Privacy[i].compute(t)
	}
	for i := range k.Fingerprint {
		k.Fingerprint[i].Code = k.Fingerprint[i].compute(t)
	}
	b, err := json.MarshalIndent(k, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(knownFile), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(knownFile, append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (f knownFrame) encrypt(t *testing.T) []byte {
	t.Helper()
	s := newFrameSender([keySize]byte(f.Base))
	s.counter = f.Counter - 1
	if generation := uint32(s.counter >> generationShift); generation > 0 {
		s.ratchet.advance(generation)
		s.aead = s.ratchet.aead()
	}
	frame, err := s.appendEncrypt(nil, f.Media)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func (p knownPrivacy) compute(t *testing.T) string {
	t.Helper()
	code, err := PrivacyCode(p.Authenticator)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func (f knownFingerprint) compute(t *testing.T) string {
	t.Helper()
	fingerprint, err := PairwiseFingerprint(f.Users[0], f.Keys[0], f.Users[1], f.Keys[1])
	if err != nil {
		t.Fatal(err)
	}
	code, err := VerificationCode(fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestOwnKnownAnswers(t *testing.T) {
	b, err := os.ReadFile(knownFile)
	if err != nil {
		t.Fatal(err)
	}
	var k known
	if err := json.Unmarshal(b, &k); err != nil {
		t.Fatal(err)
	}
	if len(k.Frames) == 0 || len(k.Privacy) == 0 || len(k.Fingerprint) == 0 {
		t.Fatalf("%d frames, %d privacy codes, %d fingerprints", len(k.Frames), len(k.Privacy), len(k.Fingerprint))
	}
	for _, f := range k.Frames {
		if got := f.encrypt(t); !bytes.Equal(got, f.Frame) {
			t.Errorf("frame %d: %x, want %x", f.Counter, got, f.Frame)
		}
		// A receiver that has come as far as the sender, a generation at a time.
		generation := uint32(f.Counter >> generationShift)
		e := newEpochKeys([keySize]byte(f.Base), testStart)
		e.oldest.advance(generation)
		e.newest = generation
		r := &frameReceiver{epochs: []*epochKeys{e}}
		later := testStart.Add(365 * 24 * time.Hour) // long enough for any of these generations
		if got, err := r.appendDecrypt(nil, f.Frame, false, at(later)); err != nil || !bytes.Equal(got, f.Media) {
			t.Errorf("frame %d decrypts to %x, %v", f.Counter, got, err)
		}
	}
	for _, p := range k.Privacy {
		if got := p.compute(t); got != p.Code {
			t.Errorf("privacy code %s, want %s", got, p.Code)
		}
	}
	for _, f := range k.Fingerprint {
		if got := f.compute(t); got != f.Code {
			t.Errorf("verification code %s, want %s", got, f.Code)
		}
	}
}
