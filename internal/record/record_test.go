package record

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIDsAreDecimalStringsInJSON(t *testing.T) {
	in := Settings{
		Server:       1<<64 - 1,
		ChannelModes: map[ChannelID]ReplyMode{7: ReplyAll},
		TrainRoles:   []RoleID{9007199254740993}, // not exact as a float64
	}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"server":"18446744073709551615","channel_modes":{"7":"all"},"train_roles":["9007199254740993"]}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	var out Settings
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Error(diff)
	}
}

func TestIDRefusesOtherText(t *testing.T) {
	for _, text := range []string{"-1", "1.5", "x", " 1", "18446744073709551616", "0x10"} {
		var id UserID
		if err := id.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %d", text, id)
		}
	}
	id := MessageID(3)
	if err := id.UnmarshalText(nil); err != nil || id.Valid() {
		t.Errorf("empty text: %d, %v", id, err)
	}
}

func TestMode(t *testing.T) {
	s := Settings{ReplyMode: ReplyOff, ChannelModes: map[ChannelID]ReplyMode{1: ReplyAll, 2: "loud"}}
	for channel, want := range map[ChannelID]ReplyMode{1: ReplyAll, 2: ReplyOff, 3: ReplyOff} {
		if got := s.Mode(channel); got != want {
			t.Errorf("channel %d: %q, want %q", channel, got, want)
		}
	}
	if got := (Settings{}).Mode(1); got != ReplyMention {
		t.Errorf("nothing chosen: %q", got)
	}
}
