// Package record holds the plain values that Mynah keeps: what a server has
// chosen, what was asked and answered, what people corrected and taught, the
// models trained from it, and the jobs that do the work.
//
// It is a leaf: every other package may import it, it imports none of them. A
// record has no behaviour beyond String and Valid; package store keeps records,
// package bot makes and reads them.
//
// Ids that Discord gives out are snowflakes and have one type each, so that a
// channel's id cannot be passed where a person's is wanted. Ids that Mynah
// gives out (jobs, models, examples, …) count up from 1; 0 means "not kept yet".
package record

import (
	"fmt"
	"strconv"
)

// Discord's ids are 64-bit snowflakes. Zero means "none". They are written in
// JSON as decimal strings, as Discord does.
type (
	// ServerID names a Discord server (a "guild" on the wire). For direct
	// messages, which belong to no server, it is [DirectMessages].
	ServerID uint64
	// ChannelID names a channel, a thread, or a direct-message channel.
	ChannelID uint64
	// UserID names a person or a bot.
	UserID uint64
	// RoleID names a role of one server.
	RoleID uint64
	// MessageID names a message.
	MessageID uint64
)

// DirectMessages stands for "no server": what is asked in direct messages is
// kept under it unless a home server is configured.
const DirectMessages ServerID = 0

// Ids that Mynah gives out itself, unique over all servers.
type (
	JobID        int64
	ModelID      int64
	ExchangeID   int64
	CorrectionID int64
	FeedbackID   int64
	ExampleID    int64
	TranscriptID int64
)

func (id ServerID) String() string  { return strconv.FormatUint(uint64(id), 10) }
func (id ChannelID) String() string { return strconv.FormatUint(uint64(id), 10) }
func (id UserID) String() string    { return strconv.FormatUint(uint64(id), 10) }
func (id RoleID) String() string    { return strconv.FormatUint(uint64(id), 10) }
func (id MessageID) String() string { return strconv.FormatUint(uint64(id), 10) }
func (id JobID) String() string     { return strconv.FormatInt(int64(id), 10) }
func (id ModelID) String() string   { return strconv.FormatInt(int64(id), 10) }

// Valid reports whether the id names something.
func (id ServerID) Valid() bool  { return id != 0 }
func (id ChannelID) Valid() bool { return id != 0 }
func (id UserID) Valid() bool    { return id != 0 }
func (id RoleID) Valid() bool    { return id != 0 }
func (id MessageID) Valid() bool { return id != 0 }

// MarshalText writes the id as a decimal number, also where it is a map's key.
func (id ServerID) MarshalText() ([]byte, error)  { return []byte(id.String()), nil }
func (id ChannelID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
func (id UserID) MarshalText() ([]byte, error)    { return []byte(id.String()), nil }
func (id RoleID) MarshalText() ([]byte, error)    { return []byte(id.String()), nil }
func (id MessageID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads a decimal number of at most 64 bits; an empty text is 0.
func (id *ServerID) UnmarshalText(b []byte) error  { return parseID((*uint64)(id), "server", b) }
func (id *ChannelID) UnmarshalText(b []byte) error { return parseID((*uint64)(id), "channel", b) }
func (id *UserID) UnmarshalText(b []byte) error    { return parseID((*uint64)(id), "user", b) }
func (id *RoleID) UnmarshalText(b []byte) error    { return parseID((*uint64)(id), "role", b) }
func (id *MessageID) UnmarshalText(b []byte) error { return parseID((*uint64)(id), "message", b) }

func parseID(to *uint64, kind string, text []byte) error {
	if len(text) == 0 {
		*to = 0
		return nil
	}
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return fmt.Errorf("%s id %.30q is not a whole number of at most 64 bits", kind, text)
	}
	*to = n
	return nil
}
