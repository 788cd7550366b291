package bot

import (
	"context"
	"fmt"
	"io"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/spoken"
	"github.com/mynahbot/mynah/internal/workspace"
)

// Responder answers one event where it came from: in the message's channel, as
// a reply to it, or as the response to an interaction. It is safe for
// concurrent use, and may be used for as long as the work takes: a responder
// whose interaction has expired writes to the channel.
type Responder interface {
	// Send sends a reply and returns the id of the (last) message that it
	// became; 0 where Discord tells none.
	Send(ctx context.Context, r Reply) (record.MessageID, error)
	// Working shows that an answer will come. private is what the answer's
	// Private will be.
	Working(ctx context.Context, private bool) error
}

// FormResponder is a Responder that can ask with a form. It must be used within
// 3 s and before anything is sent.
type FormResponder interface {
	Ask(ctx context.Context, m Modal) error
}

// Messenger writes to channels outside of any event.
type Messenger interface {
	// Post sends a message and returns its id.
	Post(ctx context.Context, channel record.ChannelID, r Reply) (record.MessageID, error)
	// Edit replaces the text of a message of Mynah's own, and adds files to it.
	Edit(ctx context.Context, channel record.ChannelID, message record.MessageID, r Reply) error
	// Delete deletes a message of Mynah's own; that it isn't there is no error.
	Delete(ctx context.Context, channel record.ChannelID, message record.MessageID) error
	// Writable reports whether Mynah may write in a channel and that is one of the server's.
	Writable(ctx context.Context, server record.ServerID, channel record.ChannelID) (bool, error)
}

// Fetcher reads attachments, from Discord's own hosts only.
type Fetcher interface {
	// Fetch gets an attachment, whose reader takes its time. More than limit
	// bytes, another host than Discord's, and what can't be had end in a
	// *[FetchError], at once or while reading.
	Fetch(ctx context.Context, a Attachment, limit int64) (io.ReadCloser, error)
}

// Members knows who belongs to a server.
type Members interface {
	// Member returns a member as they are now; is is false for somebody who is none.
	Member(ctx context.Context, server record.ServerID, user record.UserID) (p Person, is bool, err error)
	// Sees reports whether somebody may see what is written in a channel of the server.
	Sees(ctx context.Context, server record.ServerID, channel record.ChannelID, user record.UserID) (bool, error)
}

// FetchError says why an attachment wasn't read.
type FetchError struct {
	Name  string
	Fault FetchFault
	Limit int64 // bytes, with FetchTooLarge
	Err   error // may be nil
}

// FetchFault is a reason for not reading an attachment.
type FetchFault int

const (
	FetchFailed      FetchFault = iota // Discord didn't give it
	FetchTooLarge                      // over the limit
	FetchForeignHost                   // its address is not one of Discord's
)

func (e *FetchError) Error() string {
	what := [...]string{"could not be fetched", "is too large", "lies on a host that is not Discord's"}[e.Fault]
	if e.Err != nil {
		return fmt.Sprintf("attachment %.60q %s: %v", e.Name, what, e.Err)
	}
	return fmt.Sprintf("attachment %.60q %s", e.Name, what)
}

func (e *FetchError) Unwrap() error { return e.Err }

// Transcriber turns a recording of any container and length into text.
type Transcriber interface {
	// Transcribe returns a *[spoken.HearingError] where the recording is at fault or no
	// recognizer is there, and an empty text where nobody spoke.
	Transcribe(ctx context.Context, r io.Reader, q spoken.Recording) (spoken.Transcript, error)
}

// Speaker turns text into a voice message.
type Speaker interface {
	Speak(ctx context.Context, q spoken.Speech) (spoken.VoiceMessage, error)
}

// SettingsStore keeps what servers choose. Settings of a server that chose
// nothing are the zero value with its id; they come from memory mostly.
type SettingsStore interface {
	Settings(ctx context.Context, server record.ServerID) (record.Settings, error)
	SaveSettings(ctx context.Context, s record.Settings) error
}

// ExchangeStore keeps questions and answers.
type ExchangeStore interface {
	SaveExchange(ctx context.Context, e record.Exchange) (record.ExchangeID, error)
	ExchangeByAnswer(ctx context.Context, server record.ServerID, answer record.MessageID) (record.Exchange, bool, error)
	LastExchange(ctx context.Context, server record.ServerID, channel record.ChannelID) (record.Exchange, bool, error)
}

// CorrectionStore reads what people corrected.
type CorrectionStore interface {
	Corrections(ctx context.Context, server record.ServerID, onlyUnabsorbed bool) ([]record.Correction, error)
}

// FeedbackStore keeps opinions. There is one vote a person and message, the
// latest; taking back an earlier one leaves it.
type FeedbackStore interface {
	SaveFeedback(ctx context.Context, f record.Feedback) (record.FeedbackID, error)
	TakeBackVote(ctx context.Context, f record.Feedback) error
	FeedbackSummary(ctx context.Context, server record.ServerID) (record.FeedbackSummary, error)
}

// ExampleStore reads what was taught.
type ExampleStore interface {
	Examples(ctx context.Context, server record.ServerID, dataset string) ([]record.Example, error)
	FindExamples(ctx context.Context, server record.ServerID, query string, limit int) ([]record.Example, error)
	Example(ctx context.Context, server record.ServerID, id record.ExampleID) (record.Example, bool, error)
}

// ModelStore lists the trained models of a server, the newest first.
type ModelStore interface {
	Models(ctx context.Context, server record.ServerID) ([]record.Model, error)
}

// VoiceStore keeps who wants to be heard in voice channels, and how people want to be spoken to.
type VoiceStore interface {
	Consents(ctx context.Context, server record.ServerID) ([]record.Consent, error)
	SaveConsent(ctx context.Context, c record.Consent) error
	VoicePreference(ctx context.Context, user record.UserID) (record.VoicePreference, bool, error)
	SaveVoicePreference(ctx context.Context, v record.VoicePreference) error
}

// PrivacyStore hands out and deletes what is kept about a person.
type PrivacyStore interface {
	ExportUser(ctx context.Context, user record.UserID) (record.Personal, error)
	DeletionStore
	FileStore
}

// DeletionStore deletes what is kept about a person, in steps that outlive a crash. What BeginDeletion notes is among Deletions until
// EndDeletion, and on which servers models and files are still to be looked through is among DeletionServers until DeletionDone.
type DeletionStore interface {
	BeginDeletion(ctx context.Context, user record.UserID) error
	Deletions(ctx context.Context) ([]record.UserID, error)
	DeleteUser(ctx context.Context, user record.UserID) ([]record.ServerID, error)
	DeletionServers(ctx context.Context, user record.UserID) ([]record.ServerID, error)
	DeletionDone(ctx context.Context, user record.UserID, server record.ServerID) error
	EndDeletion(ctx context.Context, user record.UserID) error
}

// FileStore knows who brought the files of a server's workspace.
type FileStore interface {
	SaveFile(ctx context.Context, f record.File) error
	Files(ctx context.Context, server record.ServerID, user record.UserID) ([]record.File, error)
	ForgetFile(ctx context.Context, server record.ServerID, path string) error
}

// Workspaces gives each server its own folder.
type Workspaces interface {
	Workspace(server record.ServerID) (*workspace.Workspace, error)
}

// Jobs run what outlives its command.
type Jobs interface {
	Enqueue(ctx context.Context, j record.Job) (record.JobID, error)
	Cancel(ctx context.Context, server record.ServerID, id record.JobID) error
	SetMessage(ctx context.Context, id record.JobID, message record.MessageID) error
	Job(ctx context.Context, server record.ServerID, id record.JobID) (record.Job, bool, error)
	Jobs(ctx context.Context, server record.ServerID, limit int) ([]record.Job, error)
}

// JobProgress is what a job's handler reports with.
type JobProgress = func(any) error
