package mls

import (
	"testing"
	"time"
)

func TestLifetime(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	s := uint64(now.Unix())
	for _, c := range []struct {
		l    Lifetime
		want bool
	}{
		{Forever, true},
		{Lifetime{s, s}, true},
		{Lifetime{s + 1, s + 2}, false},
		{Lifetime{0, s - 1}, false},
		{Lifetime{}, false},
	} {
		if got := c.l.Contains(now); got != c.want {
			t.Errorf("%v contains now: %v", c.l, got)
		}
	}
	if Forever.Contains(time.Unix(-1, 0)) {
		t.Error("a time before 1970 is in a lifetime")
	}
}

// TestRequiredCapabilities starts groups that demand more and less than a
// member can do: section 11.1.
func TestRequiredCapabilities(t *testing.T) {
	required := func(extensions []ExtensionType, proposals []ProposalType, credentials []CredentialType) []Extension {
		b := appendUint16s(nil, extensions)
		b = appendUint16s(b, proposals)
		b = appendUint16s(b, credentials)
		return []Extension{{Type: ExtensionRequiredCapabilities, Data: b}}
	}
	for _, c := range []struct {
		name       string
		extensions []Extension
		want       error
	}{
		{"none", nil, nil},
		{"defaults", required([]ExtensionType{ExtensionExternalSenders}, []ProposalType{ProposalAdd, ProposalRemove}, []CredentialType{CredentialBasic}), nil},
		{"an extension", required([]ExtensionType{99}, nil, nil), ErrLeafNode},
		{"a proposal", required(nil, []ProposalType{99}, nil), ErrLeafNode},
		{"a credential", required(nil, nil, []CredentialType{2}), ErrLeafNode},
		{"malformed", []Extension{{Type: ExtensionRequiredCapabilities, Data: []byte{1}}}, ErrMalformed},
		{"malformed external senders", []Extension{{Type: ExtensionExternalSenders, Data: []byte{1}}}, ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, P256, 1)
			_, err := NewGroup(w.bundle("a"), []byte("group"), c.extensions, w.rand)
			wantRefusal(t, err, c.want)
		})
	}
}

// TestUpdateRefusals signs Updates of a's, which b must refuse: sections 7.3
// and 12.1.2.
func TestUpdateRefusals(t *testing.T) {
	r := newTrio(t)
	key := must(P256.generateKey(r.rand))
	for _, c := range []struct {
		name   string
		change func(l *LeafNode)
		want   error
	}{
		{"valid", func(l *LeafNode) {}, nil},
		{"source", func(l *LeafNode) { l.Source = SourceKeyPackage }, ErrProposal},
		{"identity", func(l *LeafNode) { l.Credential = BasicCredential([]byte("b")) }, ErrLeafNode},
		{"capabilities", func(l *LeafNode) { l.Capabilities.Suites = nil }, ErrLeafNode},
		{"another's signature", func(l *LeafNode) { l.SignatureKey = r.b.signer.Public() }, ErrSignature},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := *r.a.tree.leaf(0)
			l.Source, l.EncryptionKey, l.ParentHash = SourceUpdate, key.public, nil
			c.change(&l)
			noError(t, l.sign(r.a.signer, r.a.ID(), 0))
			_, err := r.b.ProcessProposal(r.frame(FramedContent{
				ContentType: ContentProposal, Proposal: &Proposal{Type: ProposalUpdate, Update: &l},
			}, nil))
			wantRefusal(t, err, c.want)
		})
	}
}
