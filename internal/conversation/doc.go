// Package conversation talks with people in a voice channel: it finds out when somebody has finished speaking to Mynah,
// has the words recognized and answered, says the answer, and falls silent when it is interrupted.
//
// A [Session] is one channel's conversation. Make it with [New] from what it needs, which this package only knows as small
// interfaces; tell it who is in the channel with [Session.SetPeople]; let [Session.Run] run for as long as the conversation
// lasts; and pass it what is heard:
//
//	s, err := conversation.New(conversation.Config{Mouth: …, Mind: …, Consent: …, …})
//	go s.Run(ctx)                     // ends with ctx; wait for it
//	s.SetPeople(people, vocabulary)   // again whenever somebody joins or leaves
//	s.Hear(piece)                     // each packet of those whom s.Wants
//
// # From sound to answer
//
// Each person's audio goes through voice activity detection (ear.go). At the first short silence ([Timing].Guess) recognition
// of the turn begins, and, when the words are known and ask Mynah something, how sure an answer to them is (certainty.go) and
// the answer. When the silence lasts the turn has ended and what was prepared is said; when the person goes on before, all of
// it is thrown away. A sure answer is waited for least, what nobody knows longest, since then the question is probably only
// begun; between the two [Timing].Short ends a turn that asks something, [Timing].Long one that sounds unfinished, and a time
// between them others and those of people who make pauses (endpoint.go). A person who goes on after that, within [Timing].Rejoin, takes the turn up
// again: the answer to its first half is withdrawn, and the whole is answered.
//
// What is said is decided by one loop that nothing blocks (session.go, turns.go, saying.go): recognition, answers, synthesis
// and commands run beside it and report back. Turns are answered in the order in which they end, one at a time.
//
// # Whose turn it is, and for whom
//
// With one human in the channel every turn is for Mynah. With several, a turn is when it names Mynah, follows an answer to
// the same person, or interrupts it (address.go). Words of other turns are dropped at once and written nowhere. Sound
// without words, and words such as "mhm", are no turn. What people say to Mynah besides questions, how its name is misheard
// and what it says itself is data: the files phrases.yaml of package language. Where the recognizer can compare texts, a short turn is compared with the commands and
// with the name, which are often misheard (misheard.go).
//
// # Interruptions
//
// Somebody who speaks for longer than [Timing].BargeIn silences Mynah. If it turns out that this was laughter, "mhm", or
// meant for somebody else, the answer goes on where it stopped; else it is over, and what was said of it and what was not is
// told to the mind with the next question.
//
// # Consent
//
// Nothing is done with the audio of people whom [Consent] does not let be heard: [Session.Wants] tells the connection to drop
// it undecoded, and [Session.Hear] refuses it again. [Session.Privacy] counts that. Audio is kept only while its turn is
// being recognized, and then overwritten.
package conversation
