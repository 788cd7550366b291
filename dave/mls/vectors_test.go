package mls

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// The MLS working group's test vectors, read from ../shared beside the
// repository. Every case of suites 1 and 2 runs, and every case of no suite. Left out:
//   - secret-tree, and the private halves of message-protection: this package
//     has no PrivateMessage and no secret tree;
//   - suites 3 to 7: not offered.
//
// The known answers are in the same form, and run in the same tests.
const (
	vectorDir = "../../../shared/vectors/mls"
	knownDir  = "testdata/known"
)

// hexBytes is a byte string in hexadecimal.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// MarshalText writes what UnmarshalText reads.
func (h hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// runVectors runs the cases of one file of the working group's, and of the
// known answers' where those have one. It fails where there is nothing to run.
func runVectors[T any](t *testing.T, file string, suite func(T) CipherSuite, run func(*testing.T, T)) {
	t.Helper()
	if _, known := knownAnswers[file]; known && !*update {
		t.Run("known", func(t *testing.T) { runVectorFile(t, filepath.Join(knownDir, file), suite, run) })
	}
	t.Run("working group", func(t *testing.T) {
		path := filepath.Join(vectorDir, file)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && !*update {
			t.Skip("needs ../shared/vectors/mls beside the repository")
		}
		runVectorFile(t, path, suite, run)
	})
}

// runVectorFile runs the cases of one file that are for a suite we know, or
// for none, and fails if there are none.
func runVectorFile[T any](t *testing.T, path string, suite func(T) CipherSuite, run func(*testing.T, T)) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cases []T
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	counts := map[CipherSuite]int{}
	for i, c := range cases {
		s := suite(c)
		if s > P256 {
			continue
		}
		counts[s]++
		t.Run(fmt.Sprintf("%d/suite%d", i, s), func(t *testing.T) { run(t, c) })
	}
	ran := counts[0] + counts[X25519Ed25519] + counts[P256]
	t.Logf("%s: %d of %d cases ran (suite 1: %d, suite 2: %d, of no suite: %d)",
		filepath.Base(path), ran, len(cases), counts[X25519Ed25519], counts[P256], counts[0])
	if ran == 0 {
		t.Fatalf("%s: no case ran", path)
	}
}

func noSuite[T any](T) CipherSuite { return 0 }

func wantBytes(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n got %x\nwant %x", what, got, want)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// noError stops a test.
func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestVectorsDeserialization(t *testing.T) {
	type vector struct {
		Header hexBytes `json:"vlbytes_header"`
		Length int
	}
	runVectors(t, "deserialization.json", noSuite[vector], func(t *testing.T, v vector) {
		d := decoder{b: v.Header}
		if n := d.varint(); n != v.Length || d.err != nil || len(d.b) != 0 {
			t.Errorf("%d, %v; want %d", n, d.err, v.Length)
		}
		wantBytes(t, "encoding", appendVarint(nil, v.Length), v.Header)
	})
}

// cryptoBasicsVector is a case of crypto-basics.json.
type cryptoBasicsVector struct {
	Suite   CipherSuite `json:"cipher_suite"`
	RefHash struct {
		Label      string
		Value, Out hexBytes
	} `json:"ref_hash"`
	Expand struct {
		Secret, Context, Out hexBytes
		Label                string
		Length               int
	} `json:"expand_with_label"`
	Derive struct {
		Secret, Out hexBytes
		Label       string
	} `json:"derive_secret"`
	DeriveTree struct {
		Secret, Out hexBytes
		Label       string
		Generation  uint32
		Length      int
	} `json:"derive_tree_secret"`
	Sign struct {
		Priv, Pub, Content, Signature hexBytes
		Label                         string
	} `json:"sign_with_label"`
	Encrypt struct {
		Priv, Pub, Context, Plaintext, Ciphertext hexBytes
		KEMOutput                                 hexBytes `json:"kem_output"`
		Label                                     string
	} `json:"encrypt_with_label"`
}

func TestVectorsCryptoBasics(t *testing.T) {
	runVectors(t, "crypto-basics.json", func(v cryptoBasicsVector) CipherSuite { return v.Suite }, func(t *testing.T, v cryptoBasicsVector) {
		s := v.Suite
		wantBytes(t, "RefHash", s.refHash(v.RefHash.Label, v.RefHash.Value), v.RefHash.Out)
		wantBytes(t, "ExpandWithLabel", s.ExpandWithLabel(v.Expand.Secret, v.Expand.Label, v.Expand.Context, v.Expand.Length), v.Expand.Out)
		wantBytes(t, "DeriveSecret", s.deriveSecret(v.Derive.Secret, v.Derive.Label), v.Derive.Out)
		d := v.DeriveTree
		wantBytes(t, "DeriveTreeSecret", s.DeriveTreeSecret(d.Secret, d.Label, d.Generation, d.Length), d.Out)

		key, err := ParseSignatureKey(s, v.Sign.Priv)
		noError(t, err)
		wantBytes(t, "public key", key.Public(), v.Sign.Pub)
		wantBytes(t, "private key", key.Bytes(), v.Sign.Priv)
		noError(t, s.verifyWithLabel(v.Sign.Pub, v.Sign.Label, v.Sign.Content, v.Sign.Signature))
		sig, err := key.signWithLabel(v.Sign.Label, v.Sign.Content)
		noError(t, err)
		noError(t, s.verifyWithLabel(v.Sign.Pub, v.Sign.Label, v.Sign.Content, sig))
		if err := s.verifyWithLabel(v.Sign.Pub, v.Sign.Label+"x", v.Sign.Content, sig); !errors.Is(err, ErrSignature) {
			t.Errorf("other label: %v", err)
		}

		e := v.Encrypt
		plain, err := s.decryptWithLabel(e.Priv, e.Label, e.Context, hpkeCiphertext{kemOutput: e.KEMOutput, ciphertext: e.Ciphertext})
		noError(t, err)
		wantBytes(t, "plaintext", plain, e.Plaintext)
		c, err := s.encryptWithLabel(e.Pub, e.Label, e.Context, e.Plaintext)
		noError(t, err)
		plain, err = s.decryptWithLabel(e.Priv, e.Label, e.Context, c)
		noError(t, err)
		wantBytes(t, "plaintext of ours", plain, e.Plaintext)
		if _, err := s.decryptWithLabel(e.Priv, e.Label+"x", e.Context, c); !errors.Is(err, ErrDecrypt) {
			t.Errorf("other label: %v", err)
		}
	})
}

// keyScheduleVector is a case of key-schedule.json.
type keyScheduleVector struct {
	Suite       CipherSuite `json:"cipher_suite"`
	GroupID     hexBytes    `json:"group_id"`
	InitialInit hexBytes    `json:"initial_init_secret"`
	Epochs      []keyScheduleEpoch
}

type keyScheduleEpoch struct {
	TreeHash      hexBytes `json:"tree_hash"`
	CommitSecret  hexBytes `json:"commit_secret"`
	PSKSecret     hexBytes `json:"psk_secret"`
	Confirmed     hexBytes `json:"confirmed_transcript_hash"`
	GroupContext  hexBytes `json:"group_context"`
	Joiner        hexBytes `json:"joiner_secret"`
	Welcome       hexBytes `json:"welcome_secret"`
	Init          hexBytes `json:"init_secret"`
	SenderData    hexBytes `json:"sender_data_secret"`
	Encryption    hexBytes `json:"encryption_secret"`
	Exporter      hexBytes `json:"exporter_secret"`
	Authenticator hexBytes `json:"epoch_authenticator"`
	External      hexBytes `json:"external_secret"`
	ExternalPub   hexBytes `json:"external_pub"`
	Confirmation  hexBytes `json:"confirmation_key"`
	Membership    hexBytes `json:"membership_key"`
	Resumption    hexBytes `json:"resumption_psk"`
	Export        struct {
		Label           string
		Context, Secret hexBytes
		Length          int
	} `json:"exporter"`
}

func TestVectorsKeySchedule(t *testing.T) {
	runVectors(t, "key-schedule.json", func(v keyScheduleVector) CipherSuite { return v.Suite }, func(t *testing.T, v keyScheduleVector) {
		s, init := v.Suite, []byte(v.InitialInit)
		for i, e := range v.Epochs {
			context := GroupContext{
				Version: ProtocolVersion, Suite: s, GroupID: v.GroupID, Epoch: uint64(i),
				TreeHash: e.TreeHash, ConfirmedTranscriptHash: e.Confirmed,
			}
			ctx := context.marshal()
			wantBytes(t, "group context", ctx, e.GroupContext)
			joiner := s.joinerSecret(init, e.CommitSecret, ctx)
			wantBytes(t, "joiner", joiner, e.Joiner)
			member := s.memberSecret(joiner, e.PSKSecret)
			wantBytes(t, "welcome", s.welcomeSecret(member), e.Welcome)
			epoch := s.epochSecret(member, ctx)
			got := s.deriveEpochSecrets(epoch)
			wantBytes(t, "init", got.init, e.Init)
			wantBytes(t, "exporter", got.exporter, e.Exporter)
			wantBytes(t, "authenticator", got.authenticator, e.Authenticator)
			wantBytes(t, "confirmation", got.confirmation, e.Confirmation)
			wantBytes(t, "membership", got.membership, e.Membership)
			wantBytes(t, "sender data", s.deriveSecret(epoch, "sender data"), e.SenderData)
			wantBytes(t, "encryption", s.deriveSecret(epoch, "encryption"), e.Encryption)
			wantBytes(t, "resumption", got.resumption, e.Resumption)
			wantBytes(t, "external", s.deriveSecret(epoch, "external"), e.External)
			pair, err := s.deriveKeyPair(e.External)
			noError(t, err)
			wantBytes(t, "external pub", pair.public, e.ExternalPub)
			wantBytes(t, "export", s.export(got.exporter, e.Export.Label, e.Export.Context, e.Export.Length), e.Export.Secret)
			init = got.init
		}
	})
}

func TestVectorsPSKSecret(t *testing.T) {
	type vector struct {
		Suite CipherSuite `json:"cipher_suite"`
		PSKs  []struct {
			ID    hexBytes `json:"psk_id"`
			PSK   hexBytes `json:"psk"`
			Nonce hexBytes `json:"psk_nonce"`
		}
		Secret hexBytes `json:"psk_secret"`
	}
	runVectors(t, "psk_secret.json", func(v vector) CipherSuite { return v.Suite }, func(t *testing.T, v vector) {
		var ids []PreSharedKeyID
		for _, p := range v.PSKs {
			ids = append(ids, PreSharedKeyID{Type: pskExternal, ID: p.ID, Nonce: p.Nonce})
		}
		got, err := v.Suite.pskSecret(ids, func(id PreSharedKeyID) ([]byte, error) {
			for _, p := range v.PSKs {
				if bytes.Equal(p.Nonce, id.Nonce) {
					return p.PSK, nil
				}
			}
			return nil, errors.New("no such PSK")
		})
		noError(t, err)
		wantBytes(t, "psk_secret", got, v.Secret)
	})
}
