package mls

import (
	"bytes"
	"errors"
	"testing"
)

func TestVectorsWelcome(t *testing.T) {
	type vector struct {
		Suite      CipherSuite `json:"cipher_suite"`
		InitPriv   hexBytes    `json:"init_priv"`
		SignerPub  hexBytes    `json:"signer_pub"`
		KeyPackage hexBytes    `json:"key_package"`
		Welcome    hexBytes
	}
	runVectors(t, "welcome.json", func(v vector) CipherSuite { return v.Suite }, func(t *testing.T, v vector) {
		s := v.Suite
		k, w := must(ParseMessage(v.KeyPackage)), must(ParseMessage(v.Welcome))
		secrets, err := w.Welcome.openSecrets(&KeyPackageBundle{KeyPackage: k.KeyPackage, init: keyPair{private: v.InitPriv}})
		noError(t, err)
		member := s.memberSecret(secrets.joinerSecret, zeros[:])
		info, err := w.Welcome.openGroupInfo(member)
		noError(t, err)
		noError(t, info.verifySignature(s, v.SignerPub))
		e := s.deriveEpochSecrets(s.epochSecret(member, info.Context.marshal()))
		wantBytes(t, "confirmation tag", s.mac(e.confirmation, info.Context.ConfirmedTranscriptHash), info.ConfirmationTag)
	})
}

// passiveVector is a case of the three files of passive clients.
type passiveVector struct {
	Suite        CipherSuite `json:"cipher_suite"`
	ExternalPSKs []struct {
		ID  hexBytes `json:"psk_id"`
		PSK hexBytes `json:"psk"`
	} `json:"external_psks"`
	KeyPackage     hexBytes `json:"key_package"`
	SignaturePriv  hexBytes `json:"signature_priv"`
	EncryptionPriv hexBytes `json:"encryption_priv"`
	InitPriv       hexBytes `json:"init_priv"`
	Welcome        hexBytes
	RatchetTree    hexBytes `json:"ratchet_tree,omitempty"`
	Authenticator  hexBytes `json:"initial_epoch_authenticator"`
	Epochs         []passiveEpoch
}

type passiveEpoch struct {
	Proposals     []hexBytes
	Commit        hexBytes
	Authenticator hexBytes `json:"epoch_authenticator"`
}

func TestVectorsPassiveClient(t *testing.T) {
	for _, file := range []string{
		"passive-client-welcome.json", "passive-client-handling-commit.json", "passive-client-random.json",
	} {
		t.Run(file, func(t *testing.T) {
			runVectors(t, file, func(v passiveVector) CipherSuite { return v.Suite }, runPassiveClient)
		})
	}
}

func runPassiveClient(t *testing.T, v passiveVector) {
	var groupID []byte
	resumption := map[uint64][]byte{} // by epoch
	psks := func(id PreSharedKeyID) ([]byte, error) {
		if psk, ok := resumption[id.Epoch]; ok && id.Type == pskResumption && id.Usage == 1 && bytes.Equal(id.Group, groupID) {
			return psk, nil
		}
		for _, p := range v.ExternalPSKs {
			if id.Type == pskExternal && bytes.Equal(p.ID, id.ID) {
				return p.PSK, nil
			}
		}
		return nil, errors.New("no such PSK")
	}
	bundle := &KeyPackageBundle{
		KeyPackage: must(ParseMessage(v.KeyPackage)).KeyPackage,
		init:       keyPair{private: v.InitPriv},
		leaf:       keyPair{private: v.EncryptionPriv},
		signer:     must(ParseSignatureKey(v.Suite, v.SignaturePriv)),
	}
	noError(t, bundle.KeyPackage.Validate(v.Suite))
	g, err := joinWelcome(bundle, must(ParseMessage(v.Welcome)).Welcome, v.RatchetTree, psks)
	noError(t, err)
	wantBytes(t, "epoch authenticator", must(g.EpochAuthenticator()), v.Authenticator)
	groupID = g.ID()
	for i, e := range v.Epochs {
		resumption[g.Epoch()] = bytes.Clone(g.secrets.resumption)
		var proposals []*CachedProposal
		for _, p := range e.Proposals {
			c, err := g.ProcessProposal(p)
			if err != nil {
				t.Fatalf("epoch %d: proposal: %v", i, err)
			}
			proposals = append(proposals, c)
		}
		next, err := g.ProcessCommit(e.Commit, proposals)
		if err != nil {
			t.Fatalf("epoch %d: commit: %v", i, err)
		}
		g.Erase()
		g = next
		wantBytes(t, "epoch authenticator", must(g.EpochAuthenticator()), e.Authenticator)
	}
}
