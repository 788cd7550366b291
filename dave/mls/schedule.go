package mls

import "fmt"

// A GroupContext mirrors GroupContext of RFC 9420 section 8.1: what all
// members of an epoch agree on.
type GroupContext struct {
	Version                 uint16
	Suite                   CipherSuite
	GroupID                 []byte
	Epoch                   uint64
	TreeHash                []byte
	ConfirmedTranscriptHash []byte
	Extensions              []Extension
}

func (c *GroupContext) append(b []byte) []byte {
	b = appendUint16(appendUint16(b, c.Version), uint16(c.Suite))
	b = appendUint64(appendOpaque(b, c.GroupID), c.Epoch)
	b = appendOpaque(appendOpaque(b, c.TreeHash), c.ConfirmedTranscriptHash)
	return appendExtensions(b, c.Extensions)
}

func (c *GroupContext) marshal() []byte { return c.append(make([]byte, 0, 320)) }

func readGroupContext(d *decoder) GroupContext {
	return GroupContext{
		Version: d.uint16(), Suite: CipherSuite(d.uint16()), GroupID: d.opaque(), Epoch: d.uint64(),
		TreeHash: d.opaque(), ConfirmedTranscriptHash: d.opaque(), Extensions: readExtensions(d),
	}
}

// The key schedule of section 8. commitSecret and pskSecret are zero bytes
// where a commit has no path or no pre-shared key.

var zeros [hashSize]byte

func (s CipherSuite) joinerSecret(initSecret, commitSecret, groupContext []byte) []byte {
	prk := s.extract(initSecret, commitSecret)
	defer clear(prk)
	return s.ExpandWithLabel(prk, "joiner", groupContext, hashSize)
}

// memberSecret is the unnamed secret between joiner_secret and epoch_secret.
func (s CipherSuite) memberSecret(joinerSecret, pskSecret []byte) []byte {
	return s.extract(joinerSecret, pskSecret)
}

func (s CipherSuite) welcomeSecret(memberSecret []byte) []byte {
	return s.deriveSecret(memberSecret, "welcome")
}

func (s CipherSuite) epochSecret(memberSecret, groupContext []byte) []byte {
	return s.ExpandWithLabel(memberSecret, "epoch", groupContext, hashSize)
}

// epochSecrets are those of section 8, table 4, that this package needs.
type epochSecrets struct {
	exporter, confirmation, membership, authenticator, resumption, init []byte
}

func (s CipherSuite) deriveEpochSecrets(epochSecret []byte) epochSecrets {
	return epochSecrets{
		exporter:      s.deriveSecret(epochSecret, "exporter"),
		confirmation:  s.deriveSecret(epochSecret, "confirm"),
		membership:    s.deriveSecret(epochSecret, "membership"),
		authenticator: s.deriveSecret(epochSecret, "authentication"),
		resumption:    s.deriveSecret(epochSecret, "resumption"),
		init:          s.deriveSecret(epochSecret, "init"),
	}
}

func (e *epochSecrets) erase() {
	for _, s := range [][]byte{e.exporter, e.confirmation, e.membership, e.authenticator, e.resumption, e.init} {
		clear(s)
	}
}

// export is MLS-Exporter of section 8.5.
func (s CipherSuite) export(exporterSecret []byte, label string, context []byte, n int) []byte {
	secret := s.deriveSecret(exporterSecret, label)
	defer clear(secret)
	return s.ExpandWithLabel(secret, "exported", s.hash(context), n)
}

// confirmedTranscriptHash is that of section 8.2 after a commit.
func (s CipherSuite) confirmedTranscriptHash(interim []byte, commit *authenticatedContent) []byte {
	return s.hash(interim, commit.transcriptInput())
}

// interimTranscriptHash is that of section 8.2 for the next commit.
func (s CipherSuite) interimTranscriptHash(confirmed, confirmationTag []byte) []byte {
	return s.hash(confirmed, appendOpaque(nil, confirmationTag))
}

// A pskFinder returns the pre-shared key that an id names. No exported way
// leads to one: DAVE has no use for pre-shared keys, the vectors do.
type pskFinder func(PreSharedKeyID) ([]byte, error)

// pskSecret is psk_secret of section 8.4.
func (s CipherSuite) pskSecret(ids []PreSharedKeyID, find pskFinder) ([]byte, error) {
	secret := make([]byte, hashSize)
	for i, id := range ids {
		if find == nil {
			return nil, fmt.Errorf("%w: pre-shared keys", ErrUnsupported)
		}
		psk, err := find(id)
		if err != nil {
			return nil, err
		}
		label := appendUint16(appendUint16(id.append(nil), uint16(i)), uint16(len(ids)))
		input := s.ExpandWithLabel(s.extract(zeros[:], psk), "derived psk", label, hashSize)
		secret = s.extract(input, secret)
	}
	return secret, nil
}
