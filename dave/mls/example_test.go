package mls_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"log"

	"github.com/mynahbot/mynah/dave/mls"
)

// newMember makes somebody's signature key, which can be kept for years, and
// a key package, which serves one group.
func newMember(name string) *mls.KeyPackageBundle {
	key, err := mls.GenerateSignatureKey(mls.P256, rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	bundle, err := mls.NewKeyPackage(key, mls.BasicCredential([]byte(name)), mls.Forever, rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	return bundle
}

// Alice makes a group. A delivery service, whom the group allows to propose,
// asks to add Bob. Alice commits that, and both share a secret.
func Example() {
	service, err := mls.GenerateSignatureKey(mls.P256, rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	sender := mls.ExternalSender{SignatureKey: service.Public(), Credential: mls.BasicCredential([]byte("service"))}
	extensions := []mls.Extension{mls.ExternalSendersExtension(sender)}
	alice, err := mls.NewGroup(newMember("alice"), []byte("call 1"), extensions, rand.Reader)
	if err != nil {
		log.Fatal(err)
	}

	// Bob publishes his key package; the service proposes to add him.
	bobsKeys := newMember("bob")
	add := mls.AddProposal(bobsKeys.KeyPackage)
	proposal, _, err := mls.SignExternalProposal(service, alice.ID(), alice.Epoch(), 0, add)
	if err != nil {
		log.Fatal(err)
	}

	// Alice checks the proposal and commits it.
	cached, err := alice.ProcessProposal(proposal)
	if err != nil {
		log.Fatal(err)
	}
	pending, err := alice.Commit(mls.CommitOptions{Proposals: []*mls.CachedProposal{cached}, Rand: rand.Reader})
	if err != nil {
		log.Fatal(err)
	}

	// The service takes her commit for the next epoch: she adopts it, and Bob
	// gets the welcome.
	alice.Erase()
	alice = pending.Group
	bob, err := mls.JoinWelcome(bobsKeys, pending.Welcome)
	if err != nil {
		log.Fatal(err)
	}
	bobsKeys.Erase()

	a, err := alice.Export("my application", []byte("some context"), 16)
	if err != nil {
		log.Fatal(err)
	}
	b, err := bob.Export("my application", []byte("some context"), 16)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("same secret:", bytes.Equal(a, b))
	for _, m := range bob.Members() {
		fmt.Printf("leaf %d: %s\n", m.Leaf, m.Credential.Identity)
	}
	// Output:
	// same secret: true
	// leaf 0: alice
	// leaf 1: bob
}
