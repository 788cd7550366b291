package bot

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/record"
)

// people of the home server and of another one.
const (
	homeServer, otherServer = record.ServerID(1), record.ServerID(2)
	trainRole               = record.RoleID(5)
)

// members knows that everybody whose id is even belongs to the home server.
type members struct{}

func (members) Member(_ context.Context, _ record.ServerID, user record.UserID) (Person, bool, error) {
	return Person{ID: user}, user%2 == 0, nil
}
func (members) Sees(context.Context, record.ServerID, record.ChannelID, record.UserID) (bool, error) {
	return true, nil
}

// nobody sends nothing and fetches nothing.
type nobody struct{}

func (nobody) Post(context.Context, record.ChannelID, Reply) (record.MessageID, error) { return 1, nil }
func (nobody) Edit(context.Context, record.ChannelID, record.MessageID, Reply) error   { return nil }
func (nobody) Delete(context.Context, record.ChannelID, record.MessageID) error        { return nil }
func (nobody) Writable(context.Context, record.ServerID, record.ChannelID) (bool, error) {
	return true, nil
}
func (nobody) Fetch(context.Context, Attachment, int64) (io.ReadCloser, error) { return nil, io.EOF }

// TestPermissions runs every command as everybody in every way, and compares who may with docs/permissions.md, so that a change of
// rights shows as a difference. Spoken commands check the same rights, in internal/conversation.
func TestPermissions(t *testing.T) {
	b := newTestBot(t)
	b.cfg.HomeServer = homeServer
	b.Connect(nobody{}, nobody{}, members{}, nil)
	for _, server := range []record.ServerID{homeServer, otherServer} {
		s := record.Settings{Server: server}
		if server == homeServer {
			s.TrainRoles = []record.RoleID{trainRole}
		}
		if err := b.cfg.Settings.SaveSettings(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	type column struct {
		name   string
		server record.ServerID // 0: written directly
		who    Person
		odd    bool // no member of the home server
	}
	columns := []column{
		{"member", homeServer, Person{}, false},
		{"trainer", homeServer, Person{Roles: []record.RoleID{trainRole}}, false},
		{"manager", homeServer, Person{Manager: true}, false},
		{"another server's trainer", otherServer, Person{Roles: []record.RoleID{trainRole}}, true},
		{"directly, a member", 0, Person{}, false},
		{"directly, a stranger", 0, Person{}, true},
		{"a bot", homeServer, Person{Bot: true, Manager: true}, false},
	}
	users := record.UserID(1000)
	ran := false
	var names []string
	rows := map[string][]string{}
	for _, cmd := range b.commands {
		cmd.Run = func(context.Context, *Call) error { ran = true; return nil }
		cmd.Options = nil
		ways := []string{"prefix", "slash"}
		switch {
		case cmd.Menu:
			ways = []string{"menu"}
		case cmd.Form:
			ways = []string{"form"}
		case cmd.Name == "privacy listen":
			ways = append(ways, "button")
		}
		for _, way := range ways {
			row := cmd.Name + " | " + way
			names = append(names, row)
			for _, col := range columns {
				users += 2
				who := col.who
				who.ID = users
				if col.odd {
					who.ID++
				}
				ran = false
				if way == "prefix" {
					b.HandleMessage(Message{Server: col.server, Channel: 3, ID: 4, Author: who, Text: "!" + cmd.Name}, &overhearing{})
				} else if !who.Bot { // Discord lets no bot do that
					b.HandleInvocation(Invocation{Command: cmd.Name, Server: col.server, Channel: 3, Author: who, Target: &Quoted{ID: 4, Mine: true}}, &overhearing{})
				}
				b.work.wait()
				may := "—"
				if ran {
					may = "yes"
				}
				rows[row] = append(rows[row], may)
			}
		}
	}
	slices.Sort(names)
	var out strings.Builder
	out.WriteString("# Who may do what\n\nMade by `go test ./internal/bot -run TestPermissions -update` from the commands themselves. " +
		"Directly: in direct messages, where a home\nserver is configured. Spoken commands check the rights of the command that they stand for.\n\n| command | way |")
	for _, col := range columns {
		out.WriteString(" " + col.name + " |")
	}
	out.WriteString("\n|---|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, name := range names {
		fmt.Fprintf(&out, "| %s | %s |\n", name, strings.Join(rows[name], " | "))
	}
	documented(t, "permissions.md", []byte(out.String()), "rights are not those of docs/permissions.md: see whether that is meant, then go test ./internal/bot -run TestPermissions -update")
	// What must hold whatever the table says.
	for _, cmd := range b.commands {
		for _, name := range names {
			if !strings.HasPrefix(name, cmd.Name+" |") || !cmd.Trusted {
				continue
			}
			for i, may := range rows[name] {
				if col := columns[i].name; may == "yes" && col != "trainer" && col != "manager" {
					t.Errorf("%s: %s may", name, col)
				}
			}
		}
	}
}
