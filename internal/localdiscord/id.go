package localdiscord

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// epochMillis is Discord's epoch, 2015-01-01T00:00:00Z, in Unix milliseconds.
const epochMillis = 1420070400000

// ID is a snowflake: 42 bits of milliseconds since 2015-01-01, then 22 bits that make it unique.
// On the wire it is a decimal string; a JSON integer is accepted too, since discord.py sends integers.
type ID uint64

// ParseID reads a decimal snowflake. Zero is not one.
func ParseID(s string) (ID, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n == 0 || (len(s) > 1 && s[0] == '0') {
		return 0, fmt.Errorf("%.40q is not a snowflake (a decimal number above 0)", s)
	}
	return ID(n), nil
}

// String returns the decimal form.
func (id ID) String() string { return strconv.FormatUint(uint64(id), 10) }

// Time returns the moment that the snowflake holds.
func (id ID) Time() time.Time { return time.UnixMilli(int64(id>>22) + epochMillis).UTC() }

// MarshalJSON writes the decimal string.
func (id ID) MarshalJSON() ([]byte, error) { return []byte(`"` + id.String() + `"`), nil }

// UnmarshalJSON reads a decimal string or a JSON integer; null leaves the ID as it is.
func (id *ID) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	parsed, err := ParseID(string(bytes.Trim(b, `"`)))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// optionalID is null on the wire when it is zero.
type optionalID ID

func (id optionalID) MarshalJSON() ([]byte, error) {
	if id == 0 {
		return []byte("null"), nil
	}
	return ID(id).MarshalJSON()
}

// newID returns a snowflake above every one that was returned before, also when the clock stands still or goes
// back. Called with mu held.
func (s *Server) newID() ID {
	id := snowflakeAt(s.cfg.Now())
	if id <= s.lastID {
		id = s.lastID + 1
	}
	s.lastID = id
	return id
}

func snowflakeAt(t time.Time) ID {
	ms := t.UnixMilli() - epochMillis
	if ms < 1 {
		ms = 1
	}
	return ID(uint64(ms) << 22)
}
