package conversation

import (
	"context"
	"time"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/spoken"
)

// Piece is a stretch of one person's audio, 20 ms in most cases. Pieces of one person come in order.
type Piece struct {
	User record.UserID
	// At is when it came.
	At time.Time
	// Offset is its place on the speaker's own clock, counted from an arbitrary start.
	Offset time.Duration
	// Samples are mono, 16 kHz, -1..1; they are copied.
	Samples []float32
	// Concealed tells that the samples were made up because the packet was lost.
	Concealed bool
	// Silence tells that the sender marked this as the end of what it says.
	Silence bool
}

// Person is a human in the voice channel.
type Person struct {
	ID   record.UserID
	Name string // display name
	// Voice and Speed are how the person wants to be spoken to; zero values leave it to the synthesizer.
	Voice string
	Speed float64
}

// Sound is something to say: mono, [spoken.SayRate], -1..1. Read fills a part of dst, waits until there is something, and returns
// io.EOF behind the last sample.
type Sound interface {
	Read(ctx context.Context, dst []float32) (int, error)
}

// Mouth plays sound into the voice channel.
type Mouth interface {
	// Say plays a sound until its end, until it is stopped, or until ctx is done.
	Say(ctx context.Context, title string, s Sound) (Saying, error)
	// Volume is the loudness as a factor, 1 being the voice's own; SetVolume sets it.
	Volume() float64
	SetVolume(v float64)
}

// Saying is a sound that is being said.
type Saying interface {
	// Done is closed when the sound has been said, was stopped, or failed.
	Done() <-chan struct{}
	// Played is how much of it has been sent.
	Played() time.Duration
	// Stop makes it silent within two packets (40 ms). It may be called at any time.
	Stop()
}

// Recognizer makes text from speech. It is safe for concurrent use.
type Recognizer interface {
	// Utterance takes at most [spoken.MaxUtterance] of speech, which it may change. It returns soon after ctx ends.
	Utterance(ctx context.Context, samples []float32, language string) (spoken.Transcript, error)
	// Languages are those that it understands, as BCP 47 primary tags.
	Languages() []string
}

// Synthesizer makes speech. It is safe for concurrent use.
type Synthesizer interface {
	// Split cuts a text into parts that are synthesized one by one, the first of them short.
	Split(text string) []spoken.Part
	// Synthesize gives emit the speech as mono samples at [spoken.SayRate], each stretch as soon as it is ready. It stops at emit's
	// first error and returns it.
	Synthesize(ctx context.Context, s spoken.Speech, emit func(samples []float32) error) error
}

// Question is a turn that was meant for Mynah.
type Question struct {
	User     record.UserID
	Text     string
	Language string // that the turn was recognized in
	// Interrupted is set when the person began to speak while an answer was being said.
	Interrupted *Exchange
}

// Answer is what is said and written back.
type Answer struct {
	Text     string // as written in the chat: Markdown, links, mentions
	Language string // "" = as of the script, else of the question
	Source   record.Source
	Taught   string // the question that was taught and gave the answer; "" where none did
}

// Exchange is a question with its answer, once said.
type Exchange struct {
	Question Question
	Answer   Answer
	Said     string // what was spoken of the answer
	Unsaid   string // what was not, because it was interrupted or left to the chat
	// Message is where the answer stands in the chat, 0 where it does not; known once the exchange is over.
	Message record.MessageID
}

// Mind answers.
type Mind interface {
	// Answer answers a question. It is asked before it is certain that the turn has ended, and once more where the
	// person then goes on: it must have no effect that lasts. An answer that comes bit by bit is told to update as far as
	// it has come, from the goroutine of Answer, so that its first sentence is said while the others are being written.
	Answer(ctx context.Context, q Question, update func(soFar string)) (Answer, error)
	// Answered is told of each answer that was said, wholly or in part; here belongs what lasts.
	Answered(ctx context.Context, e Exchange)
}

// Certainty is how sure the answer to somebody's words is.
type Certainty int

// The certainties. What is not Sure may be half of what somebody wants to say.
const (
	Unsure   Certainty = iota // not known, or neither of the others
	Sure                      // what was taught answers the words
	Chatting                  // nothing that was taught does; a chat server would make an answer up
	Unknown                   // nothing does
)

// Knowledge says how sure an answer is.
type Knowledge interface {
	// Certainty is asked while somebody pauses, about the words so far, and decides how long the end of their turn is waited for.
	// It must be quick, cost nothing and have no effect: it is asked several times a turn. The answer is asked for apart from it.
	Certainty(ctx context.Context, q Question) (Certainty, error)
}

// Notice is something to say that nobody in the channel asked for aloud.
type Notice struct {
	User     record.UserID // who it is for, and is spoken to as they like; 0 for nobody
	Text     string        // as written in the chat, where it stands already
	Language string        // "" = as of the script, else of the conversation
	Whole    bool          // all of it is said; else of a long text its first sentences, as of an answer
}

// Line is a turn that was meant for Mynah, with what was answered.
type Line struct {
	User   record.UserID
	Said   string
	Answer string // "" where a command was obeyed without a word, or nothing could be answered
}

// Transcripts keeps what was said and answered.
type Transcripts interface {
	// Keep takes a line before its answer is written to the chat. It returns the message by which the whole answer stands there
	// already, 0 where it doesn't.
	Keep(ctx context.Context, l Line) record.MessageID
}

// Teacher does what the commands do that change something.
type Teacher interface {
	// Correct takes the right answer to the last exchange with this person.
	Correct(ctx context.Context, user record.UserID, last Exchange, answer string) error
	// Remember keeps an example: what phrase means.
	Remember(ctx context.Context, user record.UserID, phrase, meaning string) error
	// Train begins a training.
	Train(ctx context.Context, user record.UserID) error
	// Training tells in one sentence how the training is going.
	Training(ctx context.Context, language string) (string, error)
}

// Room is the channel and its connection.
type Room interface {
	// Leave leaves the voice channel. It must not wait for the conversation to end.
	Leave(ctx context.Context, user record.UserID) error
}

// Rights tells who may do what.
type Rights interface {
	// May tells whether a person may use a command: one of the Command constants.
	May(ctx context.Context, user record.UserID, command string) bool
}

// Chat is the text channel beside the conversation.
type Chat interface {
	// Post writes a message and returns its id, 0 where there is nowhere to write to.
	Post(ctx context.Context, text string) (record.MessageID, error)
}

// Consent tells who may be heard. It is asked for every packet and must not block.
type Consent interface {
	Heard(user record.UserID) bool
}

// Meter receives figures, for metrics. Its methods must not block.
type Meter interface {
	// Stage takes how long one stage of a turn took; stage is one of the Stage constants.
	Stage(stage string, took time.Duration)
	// Count counts an event; what is one of the Count constants.
	Count(what string)
}
