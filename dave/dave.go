package dave

import "strconv"

// UserID is a Discord user's snowflake. A member's MLS credential is these 8 bytes, big-endian.
type UserID uint64

// String returns the id in decimal, as Discord's JSON has it.
func (u UserID) String() string { return strconv.FormatUint(uint64(u), 10) }

// ChannelID is a voice channel's snowflake. The MLS group id is these 8 bytes, big-endian.
type ChannelID uint64

// String returns the id in decimal, as Discord's JSON has it.
func (c ChannelID) String() string { return strconv.FormatUint(uint64(c), 10) }
