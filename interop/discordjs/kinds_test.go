package discordjs

import (
	"context"
	"fmt"
	"testing"

	"github.com/mynahbot/mynah/internal/localdiscord"
	"github.com/mynahbot/mynah/interop/script"
)

// TestNewKindsOfMessages has an unmodified client send forwards, components of the second version, polls, threads and posts of a
// forum, and looks how they come back to it, and to a person.
func TestNewKindsOfMessages(t *testing.T) {
	node := script.NPM(t, "discord.js")
	world := localdiscord.DefaultWorld()
	world.Servers[0].Channels = append(world.Servers[0].Channels, localdiscord.WorldChannel{Name: "questions", Type: "forum"},
		localdiscord.WorldChannel{Name: "away", Type: "voice"})
	world.Servers[0].AFK = "away"
	srv, err := localdiscord.Start(context.Background(), localdiscord.Config{World: world})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	line := srv.Ready()
	person, _ := line.Account("Ann")
	general, _ := line.Channel("general")
	a := ann{t, line, person.Token}
	js := bot{script.Start(t, "discord.js", line, "Mynah", nil, node, "kinds.mjs")}

	type fields = map[string]any
	kinds := []fields{
		{"content": "When is the fair?", "channel": "general", "type": 0},
		{"content": "", "forwarded": "[When is the fair?]", "files": "[1]", "type": 0},
		{"v2": true, "texts": "[in a box below it]"},
		{"content": "a reply to the box", "type": 19},
		{"poll": "Tea?", "answers": "[yes no]"},
		{"content": "a post", "channel": "The fair", "parent": "questions", "thread": true},
		{"content": "in the post", "channel": "The fair"},
		{"content": "in the thread", "channel": "about the fair", "parent": "general"},
	}
	for what, tc := range kinds {
		got := js.await("came")
		for key, value := range tc {
			if fmt.Sprint(got[key]) != fmt.Sprint(value) {
				t.Errorf("message %d: %s is %v, want %v (%v)", what, key, got[key], value, got)
			}
		}
	}
	want(t, js.await("thread"), "archived", true)
	done := js.await("done")
	want(t, done, "managed", true)
	want(t, done, "afk", "away")
	a.message(general.ID.String(), func(m map[string]any) bool {
		snapshots, _ := m["message_snapshots"].([]any)
		return len(snapshots) == 1
	})
}
