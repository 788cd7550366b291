package mls

import (
	"errors"
	"testing"
)

func TestVectorsTranscriptHashes(t *testing.T) {
	type vector struct {
		Suite         CipherSuite `json:"cipher_suite"`
		Key           hexBytes    `json:"confirmation_key"`
		Content       hexBytes    `json:"authenticated_content"`
		InterimBefore hexBytes    `json:"interim_transcript_hash_before"`
		Confirmed     hexBytes    `json:"confirmed_transcript_hash_after"`
		InterimAfter  hexBytes    `json:"interim_transcript_hash_after"`
	}
	runVectors(t, "transcript-hashes.json", func(v vector) CipherSuite { return v.Suite }, func(t *testing.T, v vector) {
		a, err := decode(v.Content, readAuthenticatedContent)
		noError(t, err)
		confirmed := v.Suite.confirmedTranscriptHash(v.InterimBefore, &a)
		wantBytes(t, "confirmed", confirmed, v.Confirmed)
		wantBytes(t, "interim", v.Suite.interimTranscriptHash(confirmed, a.confirmationTag), v.InterimAfter)
		wantBytes(t, "confirmation tag", v.Suite.mac(v.Key, confirmed), a.confirmationTag)
	})
}

// readAuthenticatedContent reads AuthenticatedContent of section 6, which
// never goes over the wire.
func readAuthenticatedContent(d *decoder) authenticatedContent {
	a := authenticatedContent{wireFormat: WireFormat(d.uint16())}
	start := d.b
	a.content = readFramedContent(d)
	a.encoded = start[:len(start)-len(d.b)]
	a.signature = d.opaque()
	if a.content.ContentType == ContentCommit {
		a.confirmationTag = d.opaque()
	}
	return a
}

func TestVectorsMessages(t *testing.T) {
	bare := map[string]func([]byte) ([]byte, error){
		"ratchet_tree": func(b []byte) ([]byte, error) {
			// The credentials in these are of the suites' own random keys: form only.
			tree, err := ParseRatchetTree(P256, b)
			if err != nil {
				return nil, err
			}
			return tree.Marshal(), nil
		},
		"group_secrets":                     reencode(readGroupSecrets, (*groupSecrets).append),
		"add_proposal":                      bareProposal(ProposalAdd),
		"update_proposal":                   bareProposal(ProposalUpdate),
		"remove_proposal":                   bareProposal(ProposalRemove),
		"pre_shared_key_proposal":           bareProposal(ProposalPreSharedKey),
		"re_init_proposal":                  bareProposal(ProposalReInit),
		"external_init_proposal":            bareProposal(ProposalExternalInit),
		"group_context_extensions_proposal": bareProposal(ProposalGroupContextExtensions),
		"commit":                            reencode(readCommit, (*Commit).append),
	}
	message := func(b []byte) ([]byte, error) {
		m, err := ParseMessage(b)
		if err != nil {
			return nil, err
		}
		return m.Marshal(), nil
	}
	runVectors(t, "messages.json", noSuite[map[string]hexBytes], func(t *testing.T, v map[string]hexBytes) {
		if len(v) != 17 {
			t.Errorf("%d fields, want 17", len(v))
		}
		for name, b := range v {
			f := bare[name]
			if f == nil {
				f = message
			}
			got, err := f(b)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			wantBytes(t, name, got, b)
		}
	})
}

func reencode[T any](read func(*decoder) T, write func(T, []byte) []byte) func([]byte) ([]byte, error) {
	return func(b []byte) ([]byte, error) {
		v, err := decode(b, read)
		if err != nil {
			return nil, err
		}
		return write(v, nil), nil
	}
}

// bareProposal reads the body of a proposal, as the vectors have it, behind
// the type that goes before it on the wire.
func bareProposal(kind ProposalType) func([]byte) ([]byte, error) {
	return func(b []byte) ([]byte, error) {
		got, err := reencode(readProposal, (*Proposal).append)(append(appendUint16(nil, uint16(kind)), b...))
		if err != nil {
			return nil, err
		}
		return got[2:], nil
	}
}

func TestVectorsMessageProtection(t *testing.T) {
	type vector struct {
		Suite         CipherSuite `json:"cipher_suite"`
		GroupID       hexBytes    `json:"group_id"`
		Epoch         uint64
		TreeHash      hexBytes `json:"tree_hash"`
		Confirmed     hexBytes `json:"confirmed_transcript_hash"`
		SignaturePriv hexBytes `json:"signature_priv"`
		SignaturePub  hexBytes `json:"signature_pub"`
		MembershipKey hexBytes `json:"membership_key"`
		Proposal      hexBytes
		ProposalPub   hexBytes `json:"proposal_pub"`
		ProposalPriv  hexBytes `json:"proposal_priv"`
		Commit        hexBytes
		CommitPub     hexBytes `json:"commit_pub"`
		CommitPriv    hexBytes `json:"commit_priv"`
	}
	runVectors(t, "message-protection.json", func(v vector) CipherSuite { return v.Suite }, func(t *testing.T, v vector) {
		context := GroupContext{
			Version: ProtocolVersion, Suite: v.Suite, GroupID: v.GroupID, Epoch: v.Epoch,
			TreeHash: v.TreeHash, ConfirmedTranscriptHash: v.Confirmed,
		}
		leaf := func(i int) *LeafNode { return &LeafNode{SignatureKey: v.SignaturePub, EncryptionKey: []byte{byte(i)}} }
		tree := newRatchetTree(v.Suite, leaf(0))
		must(tree.add(leaf(1)))
		g := &Group{
			suite: v.Suite, context: context, contextBytes: context.marshal(), tree: tree,
			private: privateTree{own: 1}, signer: must(ParseSignatureKey(v.Suite, v.SignaturePriv)),
			secrets: epochSecrets{membership: v.MembershipKey},
		}
		content := map[ContentType]func(*PublicMessage) ([]byte, []byte){
			ContentProposal: func(m *PublicMessage) ([]byte, []byte) { return m.Content.Proposal.append(nil), v.Proposal },
			ContentCommit:   func(m *PublicMessage) ([]byte, []byte) { return m.Content.Commit.append(nil), v.Commit },
		}
		for _, b := range []hexBytes{v.ProposalPub, v.CommitPub} {
			m, err := parsePublicMessage(b)
			noError(t, err)
			noError(t, g.authenticate(m))
			got, want := content[m.Content.ContentType](m)
			wantBytes(t, "content", got, want)

			// The same content, protected by us.
			a, err := g.sign(FramedContent{
				Sender: Sender{Type: SenderMember, Index: 1}, ContentType: m.Content.ContentType,
				Proposal: m.Content.Proposal, Commit: m.Content.Commit,
			})
			noError(t, err)
			a.confirmationTag = m.auth.confirmationTag
			ours := Message{WireFormat: WirePublicMessage, Public: newPublicMessage(a, a.membershipTag(g.suite, v.MembershipKey, g.contextBytes))}
			again, err := parsePublicMessage(ours.Marshal())
			noError(t, err)
			noError(t, g.authenticate(again))

			// And with any bit of the tag wrong.
			again.membershipTag[3] ^= 1
			if err := g.authenticate(again); !errors.Is(err, ErrMembershipTag) {
				t.Errorf("wrong membership tag: %v", err)
			}
		}
		for _, b := range []hexBytes{v.ProposalPriv, v.CommitPriv} {
			if _, err := parsePublicMessage(b); !errors.Is(err, ErrNotPublicMessage) {
				t.Errorf("PrivateMessage: %v", err)
			}
		}
	})
}
