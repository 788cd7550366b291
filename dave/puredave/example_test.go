package puredave_test

import (
	"fmt"
	"log"
	"strconv"

	"github.com/disgoorg/godave"

	"github.com/mynahbot/mynah/dave"
	"github.com/mynahbot/mynah/dave/puredave"
)

// wire is what a library such as disgo is for a session: it carries what the session sends to the voice gateway.
type wire struct {
	user    dave.UserID
	gateway *dave.DeliveryService
	later   *[]func() // a gateway's answers come later, not while something is sent
}

func (w wire) send(m dave.Message) error {
	*w.later = append(*w.later, func() {
		// Both members commit and one commit is chosen; a gateway says nothing of the other.
		_ = w.gateway.Handle(w.user, m)
	})
	return nil
}

func (w wire) SendMLSKeyPackage(b []byte) error {
	return w.send(dave.Message{Op: dave.OpKeyPackage, Payload: b})
}

func (w wire) SendMLSCommitWelcome(b []byte) error {
	return w.send(dave.Message{Op: dave.OpCommitWelcome, Payload: b})
}

func (w wire) SendReadyForTransition(id uint16) error {
	return w.send(dave.Message{Op: dave.OpTransitionReady, TransitionID: id})
}

func (w wire) SendInvalidCommitWelcome(id uint16) error {
	return w.send(dave.Message{Op: dave.OpInvalidCommitWelcome, TransitionID: id})
}

// deliver passes one of the gateway's messages on, as a library does.
func deliver(s godave.Session, m dave.Message) {
	switch m.Op {
	case dave.OpPrepareTransition:
		s.OnDavePrepareTransition(m.TransitionID, m.Version)
	case dave.OpExecuteTransition:
		s.OnDaveExecuteTransition(m.TransitionID)
	case dave.OpPrepareEpoch:
		s.OnDavePrepareEpoch(int(m.Epoch), m.Version)
	case dave.OpExternalSender:
		s.OnDaveMLSExternalSenderPackage(m.Payload)
	case dave.OpProposals:
		s.OnDaveMLSProposals(m.Payload)
	case dave.OpAnnounceCommit:
		s.OnDaveMLSPrepareCommitTransition(m.TransitionID, m.Payload)
	case dave.OpWelcome:
		s.OnDaveMLSWelcome(m.TransitionID, m.Payload)
	}
}

// Two users of a library that takes a godave.SessionCreateFunc talk with each other. The library calls all of this by
// itself: with disgo, voice.WithDaveSessionCreateFunc(puredave.NewSession) is all that there is to write.
func Example() {
	var create godave.SessionCreateFunc = puredave.NewSession

	var later []func()
	sessions := map[dave.UserID]godave.Session{}
	gateway, err := dave.NewDeliveryService(dave.DeliveryConfig{
		Channel: 1,
		Send: func(to dave.UserID, m dave.Message) {
			later = append(later, func() { deliver(sessions[to], m) })
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, user := range []dave.UserID{10, 20} {
		s := create(nil, godave.UserID(strconv.Itoa(int(user))), wire{user, gateway, &later})
		sessions[user] = s
		s.SetChannelID(1)
		s.AddUser("10")
		s.AddUser("20")
		s.OnSelectProtocolAck(gateway.Version(uint16(s.MaxSupportedProtocolVersion())))
		gateway.Connect(user, dave.MaxProtocolVersion)
	}
	for len(later) > 0 {
		next := later[0]
		later = later[1:]
		next()
	}

	frame := []byte("20 ms of Opus")
	sealed := make([]byte, sessions[10].MaxEncryptedFrameSize(len(frame)))
	n, err := sessions[10].Encrypt(0, frame, sealed)
	if err != nil {
		log.Fatal(err)
	}
	sealed = sealed[:n]
	opened := make([]byte, sessions[20].MaxDecryptedFrameSize("10", len(sealed)))
	if n, err = sessions[20].Decrypt("10", sealed, opened); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", opened[:n])
	// Output: 20 ms of Opus
}
