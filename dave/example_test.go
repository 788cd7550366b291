package dave_test

import (
	"fmt"
	"log"

	"github.com/mynahbot/mynah/dave"
)

// A call of two without a network: two queues stand for what a voice gateway carries.
func Example() {
	const (
		channel = dave.ChannelID(1)
		alice   = dave.UserID(10)
		bob     = dave.UserID(20)
	)
	type parcel struct {
		user    dave.UserID
		message dave.Message
	}
	var toMembers, toGateway []parcel

	// The gateway.
	gateway, err := dave.NewDeliveryService(dave.DeliveryConfig{
		Channel: channel,
		Send:    func(to dave.UserID, m dave.Message) { toMembers = append(toMembers, parcel{to, m}) },
	})
	if err != nil {
		log.Fatal(err)
	}

	// Each member connects, hears who is there (op 11) and that the call is encrypted (op 4).
	members := make(map[dave.UserID]*dave.Session)
	for _, user := range []dave.UserID{alice, bob} {
		s, err := dave.NewSession(dave.Config{
			Channel: channel, User: user,
			Send: func(m dave.Message) error {
				toGateway = append(toGateway, parcel{user, m})
				return nil
			},
		})
		if err != nil {
			log.Fatal(err)
		}
		defer s.Close()
		members[user] = s
		if err := s.AddUsers(alice, bob); err != nil {
			log.Fatal(err)
		}
		if err := s.SelectProtocolAck(gateway.Version(dave.MaxProtocolVersion)); err != nil {
			log.Fatal(err)
		}
		gateway.Connect(user, dave.MaxProtocolVersion)
	}

	// Messages go to and fro until the group is made: key packages, proposals, a commit, a welcome.
	for len(toMembers)+len(toGateway) > 0 {
		for _, p := range toMembers {
			if err := members[p.user].Handle(p.message); err != nil {
				log.Fatal(err)
			}
		}
		toMembers = nil
		out := toGateway
		toGateway = nil
		for _, p := range out {
			// Both members commit, one commit is chosen. The other's refusal is an error that is worth no more than a log line.
			_ = gateway.Handle(p.user, p.message)
		}
	}

	// Alice speaks.
	frame := []byte("20 ms of Opus")
	sealed, err := members[alice].AppendEncrypt(nil, frame)
	if err != nil {
		log.Fatal(err)
	}
	opened, err := members[bob].AppendDecrypt(nil, alice, sealed)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", opened)
	fmt.Println("same privacy code:", members[alice].PrivacyCode() == members[bob].PrivacyCode())

	// Output:
	// 20 ms of Opus
	// same privacy code: true
}
