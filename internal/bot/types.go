package bot

import (
	"io"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/spoken"
)

// Person is somebody on Discord, as far as one event tells.
type Person struct {
	ID    record.UserID
	Name  string // display name in the server, else the global one
	Bot   bool
	Roles []record.RoleID
	// Manager is true with Manage Server, Administrator, or for the server's owner.
	Manager bool
	// Voice is the voice channel of the server that the person sits in; 0 = none.
	Voice record.ChannelID
}

// Attachment is a file at a message or an option of a slash command. Nothing of
// it has been read yet: see [Fetcher].
type Attachment struct {
	Name        string
	URL         string
	ContentType string // as the sender's client claimed; may be empty
	Size        int64  // bytes, as Discord says
}

// Quoted is the message that another one replies to, or that a context menu was
// opened on.
type Quoted struct {
	ID          record.MessageID
	Mine        bool // written by Mynah itself
	Text        string
	Attachments []Attachment
}

// Message is a text message that a person wrote.
type Message struct {
	ID      record.MessageID
	Server  record.ServerID // 0 in direct messages
	Channel record.ChannelID
	// Parent is the channel that a thread, or a forum's post, belongs to; 0 for another channel.
	Parent record.ChannelID
	Author Person
	// Text is without the mention of Mynah itself.
	Text      string
	Mentioned bool // Mynah was mentioned
	// Forwarded tells that text and attachments are those of a message that the author forwarded: something to answer, and
	// never a command of theirs.
	Forwarded   bool
	Attachments []Attachment
	Voice       bool    // a Discord voice message (flag 8192)
	ReplyTo     *Quoted // nil where it replies to nothing
	Locale      string  // the server's preferred locale ("en-US"); may be empty
	UploadLimit int64   // largest file that an answer may have, bytes; 0 = what the configuration says
}

// Invocation is the use of a slash command, a context menu, or a submitted form.
type Invocation struct {
	// Command is the full name: "train", "dataset list".
	Command string
	Server  record.ServerID
	Channel record.ChannelID
	Author  Person
	// Values by the option's name, as text: numbers and booleans as Go prints
	// them, channels, roles and people as their decimal id.
	Values map[string]string
	// Attachments by the option's name, in the order of the options.
	Attachments []Attachment
	// Target is the message that a context menu or a form is about; else nil.
	Target *Quoted
	Locale string // of the person
	// ServerLocale is the server's preferred locale; may be empty.
	ServerLocale string
	UploadLimit  int64 // as in Message
}

// Completion asks for what can be chosen for one option while somebody types.
type Completion struct {
	Invocation
	Option string // the option being typed
	Typed  string // what stands there so far
}

// Reaction is an emoji that a person set under a message of Mynah's, or removed
// from any message (Discord doesn't tell whose).
type Reaction struct {
	Server  record.ServerID
	Channel record.ChannelID
	Message record.MessageID
	User    record.UserID
	Emoji   string // "" for a server's own emoji
	Added   bool
}

// File is something to send. Open gives its content from the start each time,
// so that a request can be repeated.
type File struct {
	Name string
	Size int64 // bytes
	Open func() (io.ReadCloser, error)
}

// Reply is what Mynah sends.
type Reply struct {
	// Text is Markdown as Discord understands it. Longer than a message, it is
	// sent as several (see [Split]).
	Text  string
	Files []File
	// Voice, when set, makes this a Discord voice message: no text, no files.
	Voice *spoken.VoiceMessage
	// Buttons stand below the text, at most five.
	Buttons []Button
	// Private shows an answer to an interaction to its author only. It is
	// ignored for messages.
	Private bool
	// Sent, when set, is told the id of each message that the reply becomes, in
	// their order, but for those that are edited, and those whose id Discord
	// doesn't tell.
	Sent func(record.MessageID)
}

// Button is a command that a person runs by pressing it.
type Button struct {
	Label   string // at most 80 characters
	Command string // its full name
	Option  string // the one option that is given, "" for none
	Value   string
	Primary bool // stands out
}

// Modal is a form with one text field.
type Modal struct {
	ID          string // comes back as the Invocation's command
	Title       string // at most 45 characters
	Label       string // at most 45 characters
	Placeholder string // at most 100 characters
	Value       string // what stands in the field already
	Target      Quoted // comes back as the Invocation's target
}

// The limits of one Discord message.
const (
	// MaxMessageRunes is how many characters a message's text may have.
	MaxMessageRunes = 2000
	// MaxFilesPerMessage is how many attachments a message may have.
	MaxFilesPerMessage = 10
)
