// Package dave speaks Discord's protocol for end-to-end encrypted voice, DAVE version 1, in pure Go: a [Session]
// is one member of one call, a [DeliveryService] is what Discord's voice gateway does between members. It opens
// no socket and starts no goroutine; a clock and a source of randomness are parameters.
//
// # A member
//
// Announce [MaxProtocolVersion] as max_dave_protocol_version in op 0. Make a session when the connection to a voice
// channel is made (a move to another channel is another session), and pass to it, in the order of their arrival:
//
//	op 4   SelectProtocolAck(dave_protocol_version)
//	op 11  AddUsers(user_ids...)
//	op 13  RemoveUser(user_id)
//	op 21, 22, 24 (JSON)            Handle(ParseData(op, d))
//	op 25, 27, 29, 30 (binary)      Handle(ParseBinary(frame after its sequence number))
//
// Config.Send gets what goes back: op 23 and 31 by [Message.Data] as JSON, op 26 and 28 by
// [Message.AppendBinary]. A returned error says what was refused; the session has then done what the protocol
// wants, so log it and go on. Only [ErrVersion], [ErrClosed] and errors of Send leave nothing to go on with.
//
// Meanwhile every Opus frame goes through [Session.AppendEncrypt] before the transport's encryption, and through
// [Session.AppendDecrypt] after it, RTP padding and extensions removed. A frame with an error is dropped. People
// compare [Session.PrivacyCode].
//
// # A gateway
//
// [DeliveryService] is for local servers and tests. It has no timers: call [DeliveryService.Tick] when
// [DeliveryService.Deadline] passes.
//
// # What is promised
//
// No error, String method or log line holds a secret; keys are overwritten when their epoch ends, as far as Go
// allows it. The gateway is not trusted with keys, but with who is in the call: a user whom op 11 did not
// announce is refused. Section names in comments are those of the protocol's whitepaper, version 1.1.4.
package dave
