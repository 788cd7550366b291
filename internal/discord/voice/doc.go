// Package voice is Mynah's connection to Discord's voice servers: voice gateway v8, UDP, RTP, transport encryption, and
// end-to-end encryption (package dave) above it. It takes the place of disgo's own voice code, whose protocol version and
// ciphers Discord no longer accepts:
//
//	connections := voice.NewConnections(voice.Config{Listen: …})
//	client, err := disgo.New(token, bot.WithVoiceManagerConfigOpts(disgovoice.WithConnCreateFunc(connections.Create)))
//	conn := client.VoiceManager().CreateConn(guild).(*voice.Conn)
//	err = conn.Open(ctx, channel, false, false)     // returns once sound can be sent
//	item, err := conn.Player().Play(ctx, "a title", source)
//	<-item.Done()
//	conn.Close(ctx)
//
// A Conn follows its channel when it is moved, its voice server when that changes, and its session through broken sockets; it
// ends with a StopError that names the reason when no attempt of its own would help. A Player sends sound on a clock of
// 20 ms. A Listener hears the others, each as a stream of 16 kHz mono in order, with losses concealed; whom it does not want
// to hear is dropped before decryption. Health tells how all of this goes.
//
// Where to read on: conn.go (the connection's life), link.go (one session with a voice server), player.go and clock.go
// (sending), receiver.go (hearing), e2ee.go (end-to-end encryption), closing.go (what follows a close code), adapter.go (the rest
// of disgo's interface). The packets themselves are package rtp's.
package voice
