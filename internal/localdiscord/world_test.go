package localdiscord

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestLoadWorld(t *testing.T) {
	w, err := LoadWorld(strings.NewReader(worldFile))
	if err != nil {
		t.Fatal(err)
	}
	if len(w.Servers) != 2 || w.People[0].Name != "Дарья" || w.Bots[0].ID != 0 || *w.Bots[0].Intents.MessageContent || w.UploadLimit != 1<<20 {
		t.Errorf("%+v", w)
	}
	s, err := Start(t.Context(), Config{World: w})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	line := s.Ready()
	bot, ok := line.Account("Mynah")
	if !ok || bot.ID != 123456789012345678 || bot.Token != "MTIzNDU2Nzg5MDEyMzQ1Njc4.abc.def" || !bot.Bot {
		t.Errorf("the bot: %+v", bot)
	}
	if line.Servers[0].ID != 42 || line.Servers[0].Channels[1].Type != channelText || line.Servers[1].Channels[0].ID != 77 {
		t.Errorf("%+v", line.Servers)
	}
	seen := map[ID]bool{}
	for _, a := range line.Accounts {
		if seen[a.ID] {
			t.Errorf("two accounts have the ID %v", a.ID)
		}
		seen[a.ID] = true
	}
}

const worldFile = `
upload_limit: 1048576
rate_limits: {requests: 5, seconds: 5, global: 50}
people:
  - {name: Дарья, username: darya, locale: ru, token: darya-token}
  - {name: Ed, id: 99}
bots:
  - name: Mynah
    token: MTIzNDU2Nzg5MDEyMzQ1Njc4.abc.def
    intents: {message_content: false}
servers:
  - name: First
    id: 42
    owner: Ed
    locale: ru
    everyone: {deny: [MENTION_EVERYONE]}
    roles:
      - {name: Trainers, permissions: [MANAGE_GUILD]}
    channels:
      - {name: Texts, type: category}
      - {name: general, category: Texts, topic: Hello}
      - {name: Talk, type: voice, overwrites: [{role: Trainers, allow: [CONNECT]}, {member: Дарья, deny: [SPEAK]}]}
    members:
      - {name: Ed}
      - {name: Дарья, nick: Д, roles: [Trainers]}
      - {name: Mynah}
  - name: Second
    channels: [{name: general, id: "77"}]
`

func TestLoadWorldRefuses(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"empty":              {"", "empty"},
		"nobody":             {"servers: []", "people: "},
		"unknown key":        {"people: [{name: A}]\nserver: []", `line 2: unknown key "server"`},
		"wrong type":         {"people: 5", "line 1"},
		"broken YAML":        {"people: [", "world file"},
		"two documents":      {"people: [{name: A}]\n---\nx: 1", "more than one"},
		"no name":            {"people: [{token: x}]", "people[0].name: is missing"},
		"same name":          {"people: [{name: A}, {name: A}]", "people[1].name"},
		"same username":      {"people: [{name: A}, {name: a}]", "people[1].username"},
		"same token":         {"people: [{name: A, token: x}, {name: B, token: x}]", "people[1].token"},
		"same id":            {"people: [{name: A, id: 5}, {name: B, id: 5}]", "people[1].id"},
		"bad id":             {"people: [{name: A, id: x5}]", "line 1: id"},
		"id that is a list":  {"people: [{name: A, id: [1]}]", "line 1: id"},
		"bad token":          {"bots: [{name: A, token: hello}]", "bots[0].token"},
		"token of another":   {"bots: [{name: A, id: 5, token: MTIzNDU2Nzg5MDEyMzQ1Njc4.a.b}]", "bots[0].token"},
		"bad locale":         {"people: [{name: A, locale: xx}]", "people[0].locale"},
		"unknown owner":      {"people: [{name: A}]\nservers: [{name: S, owner: B}]", "servers[0].owner"},
		"unknown permission": {"people: [{name: A}]\nservers: [{name: S, roles: [{name: R, permissions: [FLY]}]}]", "servers[0].roles[0].permissions"},
		"unknown type":       {"people: [{name: A}]\nservers: [{name: S, channels: [{name: c, type: carousel}]}]", "servers[0].channels[0].type"},
		"unknown category":   {"people: [{name: A}]\nservers: [{name: S, channels: [{name: c, category: x}]}]", "servers[0].channels[0].category"},
		"unknown member":     {"people: [{name: A}]\nservers: [{name: S, members: [{name: B}]}]", "servers[0].members[0].name"},
		"owner not member":   {"people: [{name: A}, {name: B}]\nservers: [{name: S, members: [{name: B}]}]", "servers[0].members"},
		"unknown role":       {"people: [{name: A}]\nservers: [{name: S, members: [{name: A, roles: [R]}]}]", "servers[0].members[0].roles"},
		"empty overwrite":    {"people: [{name: A}]\nservers: [{name: S, channels: [{name: c, overwrites: [{allow: [SPEAK]}]}]}]", "servers[0].channels[0].overwrites[0]"},
		"upload limit":       {"upload_limit: -1\npeople: [{name: A}]", "upload_limit"},
		"rate limit":         {"rate_limits: {requests: -1}\npeople: [{name: A}]", "rate_limits"},
		"control characters": {"people: [{name: \"A\\u0001\"}]", "people[0].name"},
		"too large":          {"# " + strings.Repeat("x", MaxWorldBytes), "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := LoadWorld(strings.NewReader(c.file))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// FuzzLoadWorld checks that whatever is accepted can be built, and that IDs and names in it are unique.
func FuzzLoadWorld(f *testing.F) {
	f.Add(worldFile)
	f.Add("people: [{name: A}]")
	f.Add("bots: [{name: A, token: MTIzNDU2Nzg5MDEyMzQ1Njc4.a.b}]\nservers: [{name: S}]")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := LoadWorld(strings.NewReader(text))
		if err != nil {
			return
		}
		s := &Server{cfg: Config{Now: clockOf(0)}}
		if _, err := s.build(w, madeIDs{}); err != nil {
			t.Fatalf("an accepted world can't be built: %v", err)
		}
		if n := len(w.People) + len(w.Bots); len(s.accounts) != n || len(s.byToken) != n || len(s.guilds) != len(w.Servers) {
			t.Fatalf("%d accounts, %d tokens, %d servers of %d and %d", len(s.accounts), len(s.byToken), len(s.guilds), n, len(w.Servers))
		}
	})
}

// withoutTokens is what a server says of its world that the next start must say too.
func withoutTokens(l Line) (servers []LineServer, accounts []LineAccount) {
	for _, a := range l.Accounts {
		a.Token = ""
		accounts = append(accounts, a)
	}
	return l.Servers, accounts
}

func TestIDsStayAcrossStarts(t *testing.T) {
	for name, file := range map[string]string{
		"the default world": "",
		"a world file":      worldFile,
		"things of one name": "people: [{name: A}]\nservers: [{name: S, channels: [{name: c}, {name: c, type: voice}, {name: c, id: 5}]}, " +
			"{name: S, channels: [{name: c}], roles: [{name: R}]}]",
	} {
		t.Run(name, func(t *testing.T) {
			var world World
			if file != "" {
				var err error
				if world, err = LoadWorld(strings.NewReader(file)); err != nil {
					t.Fatal(err)
				}
			}
			data := t.TempDir()
			run := func(ms int64, w World) Line {
				t.Helper()
				s, err := Start(t.Context(), Config{World: w, Data: data, Now: clockOf(ms)})
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				return s.Ready()
			}
			servers, accounts := withoutTokens(run(5000, world))
			// In between there is another world, and the clock is put back.
			other := run(1000, World{People: []WorldAccount{{Name: "Another"}}})
			for _, a := range accounts {
				if a.ID == other.Accounts[0].ID {
					t.Errorf("%s's ID was given to somebody else", a.Name)
				}
			}
			againServers, againAccounts := withoutTokens(run(9000, world))
			if !reflect.DeepEqual(servers, againServers) || !reflect.DeepEqual(accounts, againAccounts) {
				t.Errorf("before: %+v %+v\nafter:  %+v %+v", servers, accounts, againServers, againAccounts)
			}
		})
	}
}

func TestDamagedIDs(t *testing.T) {
	for _, text := range []string{"", "null", "[]", `{"account \"Ann\"": "x"}`} {
		data := t.TempDir()
		file := filepath.Join(data, madeFile)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Start(t.Context(), Config{Data: data})
		if err == nil || !strings.Contains(err.Error(), "remove it") {
			t.Errorf("%q: %v", text, err)
		}
		if kept, err := os.ReadFile(file); err != nil || string(kept) != text {
			t.Errorf("%q became %q: %v", text, kept, err)
		}
	}
}
