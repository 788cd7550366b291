package localdiscord

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Limits on a world file: it is read whole, and everything in it is sent to each client that logs in.
const (
	MaxWorldBytes    = 1 << 20
	MaxWorldServers  = 20000
	MaxWorldAccounts = 1000
	MaxWorldChannels = 500 // a server, as in Discord
	MaxWorldRoles    = 250 // a server, as in Discord
	maxNameRunes     = 100
	maxTokenBytes    = 256

	// DefaultUploadLimit is the size of the largest file that an account may send, as in Discord without boosts.
	DefaultUploadLimit = 10 << 20
	// MaxUploadLimit is the largest upload limit that a world can set.
	MaxUploadLimit = 500 << 20
)

// World says which servers, channels, people and bots there are when the local Discord starts. Names refer to
// accounts by World's own names; where an ID or a token is left out, Start makes one.
type World struct {
	People  []WorldAccount `yaml:"people"`
	Bots    []WorldBot     `yaml:"bots"`
	Servers []WorldServer  `yaml:"servers"`

	// UploadLimit is the largest file in bytes; 0 means DefaultUploadLimit.
	UploadLimit int64 `yaml:"upload_limit"`
	// RateLimits are what each account may send over REST; the zero value is what Discord grants.
	RateLimits WorldRateLimits `yaml:"rate_limits"`
	// Gateway is what bots may do at the gateway; the zero value is what Discord grants.
	Gateway WorldGateway `yaml:"gateway"`
}

// WorldGateway are the limits of bots' sessions (https://docs.discord.com/developers/events/gateway#sharding). People have none.
type WorldGateway struct {
	// Shards is how many GET /gateway/bot recommends; 0 means one for each ServersPerShard of the bot's servers.
	Shards int `yaml:"shards"`
	// MaxConcurrency is how many sessions may begin in 5 seconds, one for each remainder of the shard's number; 0 means 1.
	MaxConcurrency int `yaml:"max_concurrency"`
	// Identifies is how many sessions a bot may begin in a day; then its token is reset. 0 means 1000.
	Identifies int `yaml:"identifies"`
	// ServersPerShard is how many servers one session may have, else it is closed with 4011; 0 means 2500.
	ServersPerShard int `yaml:"servers_per_shard"`
	// Unlimited lifts Identifies and MaxConcurrency.
	Unlimited bool `yaml:"unlimited"`
}

func (g WorldGateway) withDefaults() WorldGateway {
	g.MaxConcurrency = cmp.Or(g.MaxConcurrency, 1)
	g.Identifies = cmp.Or(g.Identifies, 1000)
	g.ServersPerShard = cmp.Or(g.ServersPerShard, 2500)
	return g
}

// WorldAccount is a person, or the part of a bot that a person has too.
type WorldAccount struct {
	// Name is shown to others, and is how the rest of the file refers to the account.
	Name string `yaml:"name"`
	// Username is the account's unique name; by default made from Name.
	Username string `yaml:"username"`
	ID       ID     `yaml:"id"`
	// Token is what the account logs in with. A bot's must be base64(application id).anything.anything.
	Token string `yaml:"token"`
	// Locale is the language of the account's client, sent with interactions; "en-US" by default.
	Locale string `yaml:"locale"`
}

// WorldBot is a bot and its application, which share one ID.
type WorldBot struct {
	WorldAccount `yaml:",inline"`
	// Intents are the privileged intents' toggles of the developer portal, on unless set to false. Asking for one
	// that is off closes the gateway connection with 4014.
	Intents WorldIntents `yaml:"intents"`
	// EntryPoint gives the application the command that opens an activity, as Discord does for those that have one.
	EntryPoint bool `yaml:"entry_point"`
}

// WorldIntents are the toggles of the three privileged intents; nil means on.
type WorldIntents struct {
	MessageContent *bool `yaml:"message_content"`
	GuildMembers   *bool `yaml:"guild_members"`
	GuildPresences *bool `yaml:"guild_presences"`
}

// WorldServer is a server ("guild" on the wire).
type WorldServer struct {
	Name string `yaml:"name"`
	ID   ID     `yaml:"id"`
	// Copies makes so many servers of this kind instead of one, named with a number behind the name; for tests of load.
	Copies int `yaml:"copies"`
	// AFK is the name of the voice channel for those who do nothing; empty means there is none.
	AFK string `yaml:"afk"`
	// Tier is the server's level of boosts, 0 to 3, on which its upload limit depends.
	Tier int `yaml:"tier"`
	// Owner is an account's name; by default the first of People.
	Owner  string `yaml:"owner"`
	Locale string `yaml:"locale"`
	// Everyone changes what @everyone may do, which by default is what a new Discord server grants.
	Everyone WorldGrant     `yaml:"everyone"`
	Roles    []WorldRole    `yaml:"roles"`
	Channels []WorldChannel `yaml:"channels"`
	// Members are who belongs to the server; when left out all accounts do.
	Members []WorldMember `yaml:"members"`
}

// WorldGrant allows and denies permissions by Discord's names, such as MANAGE_GUILD.
type WorldGrant struct {
	Allow []string `yaml:"allow"`
	Deny  []string `yaml:"deny"`
}

// WorldRole is a role of a server. Roles are listed from the lowest to the highest.
type WorldRole struct {
	Name        string   `yaml:"name"`
	ID          ID       `yaml:"id"`
	Permissions []string `yaml:"permissions"`
}

// WorldChannel is a channel of a server.
type WorldChannel struct {
	Name string `yaml:"name"`
	ID   ID     `yaml:"id"`
	// Type is text (the default), voice, stage, forum or category.
	Type  string `yaml:"type"`
	Topic string `yaml:"topic"`
	// SlowMode is how many seconds people wait between two messages; 0 is none.
	SlowMode int `yaml:"slow_mode"`
	// UserLimit is how many may be in a voice channel at once; 0 is no limit.
	UserLimit int `yaml:"user_limit"`
	// Category is the name of a channel of type category that this one belongs to.
	Category   string           `yaml:"category"`
	Overwrites []WorldOverwrite `yaml:"overwrites"`
}

// WorldOverwrite changes what a role or a member may do in one channel. The role "@everyone" is known.
type WorldOverwrite struct {
	Role       string `yaml:"role"`
	Member     string `yaml:"member"`
	WorldGrant `yaml:",inline"`
}

// WorldMember is an account's membership of a server.
type WorldMember struct {
	Name  string   `yaml:"name"`
	Nick  string   `yaml:"nick"`
	Roles []string `yaml:"roles"`
}

// WorldRateLimits are REST rate limits. The zero value grants bots what Discord does (see bucketLimits), and people as much as
// they can type.
type WorldRateLimits struct {
	// Requests that one account may make to one bucket (a route and its channel, server or webhook) in Seconds.
	// 0 means what Discord grants.
	Requests int `yaml:"requests"`
	Seconds  int `yaml:"seconds"`
	// Global is how many requests one account may make in a second in all, from however many processes; 0 means 50 for a bot.
	Global int `yaml:"global"`
	// Unlimited lifts all of them, for tests of load.
	Unlimited bool `yaml:"unlimited"`
}

// UnmarshalYAML reads a snowflake written as a number or a string.
func (id *ID) UnmarshalYAML(node *yaml.Node) error {
	parsed, err := ParseID(node.Value) // the value of what is no scalar is empty
	if err != nil {
		return fmt.Errorf("line %d: id: %w", node.Line, err)
	}
	*id = parsed
	return nil
}

// LoadWorld reads a world file. It refuses a file above MaxWorldBytes, keys that it does not know, and a world that
// does not hold together; the error names the key.
func LoadWorld(r io.Reader) (World, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxWorldBytes+1))
	if err != nil {
		return World{}, fmt.Errorf("read the world file: %w", err)
	}
	if len(data) > MaxWorldBytes {
		return World{}, fmt.Errorf("the world file is larger than %d bytes", MaxWorldBytes)
	}
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	dec.KnownFields(true)
	var w World
	if err := dec.Decode(&w); err != nil {
		if errors.Is(err, io.EOF) {
			return World{}, errors.New("the world file is empty; it needs at least people and servers")
		}
		return World{}, fmt.Errorf("world file: %w", plainYAML(err))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return World{}, errors.New("world file: holds more than one YAML document")
	}
	if err := w.Validate(); err != nil {
		return World{}, fmt.Errorf("world file: %w", err)
	}
	return w, nil
}

var unknownKey = regexp.MustCompile(`field (\S+) not found in type \S+`)

// plainYAML says what is wrong with a file without naming Go types.
func plainYAML(err error) error {
	var te *yaml.TypeError
	if !errors.As(err, &te) {
		return err
	}
	lines := make([]string, len(te.Errors))
	for i, text := range te.Errors {
		lines[i] = unknownKey.ReplaceAllString(text, `unknown key "$1"`)
	}
	return errors.New(strings.Join(lines, "; "))
}

// DefaultWorld is a small world that is ready to be talked in: one server, two text channels and a voice channel,
// three people of whom one speaks Russian, and the bot Mynah. Tokens are new on every start.
func DefaultWorld() World {
	return World{
		People: []WorldAccount{
			{Name: "Ann", Locale: "en-US"},
			{Name: "Boris", Locale: "ru"},
			{Name: "Chen", Locale: "en-GB"},
		},
		Bots: []WorldBot{{WorldAccount: WorldAccount{Name: "Mynah"}}},
		Servers: []WorldServer{{
			Name:  "Mynah's nest",
			Owner: "Ann",
			Roles: []WorldRole{{Name: "Trainers"}},
			Channels: []WorldChannel{
				{Name: "general", Topic: "Talk to Mynah: type / for commands, or just ask."},
				{Name: "help", Topic: "Questions about Mynah"},
				{Name: "Talk", Type: "voice"},
			},
			Members: []WorldMember{
				{Name: "Ann"}, {Name: "Boris", Roles: []string{"Trainers"}}, {Name: "Chen"}, {Name: "Mynah"},
			},
		}},
	}
}

// ownerOf names the server's owner: the one set, else the first person, else the first bot.
func (w World) ownerOf(s WorldServer) string {
	switch {
	case s.Owner != "":
		return s.Owner
	case len(w.People) > 0:
		return w.People[0].Name
	default:
		return w.Bots[0].Name
	}
}

func (a WorldAccount) username() string {
	if a.Username != "" {
		return a.Username
	}
	return strings.Map(func(r rune) rune {
		if r == ' ' {
			return '_'
		}
		return r
	}, strings.ToLower(a.Name))
}

// tokenID reads the application's ID from a token's first part.
func tokenID(token string) (ID, error) {
	first, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(first, "="))
	if err == nil {
		var id ID
		if id, err = ParseID(string(raw)); err == nil {
			return id, nil
		}
	}
	return 0, errors.New("a bot's token must begin with base64 of its application's id and a dot, as client libraries read the id from there")
}

func tokenPrefix(id ID) string {
	return base64.RawStdEncoding.EncodeToString(strconv.AppendUint(nil, uint64(id), 10))
}

// locales are the ones that Discord's clients can be set to.
var locales = []string{"ar", "bg", "cs", "da", "de", "el", "en-GB", "en-US", "es-419", "es-ES", "fi", "fr", "he", "hi",
	"hr", "hu", "id", "it", "ja", "ko", "lt", "nl", "no", "pl", "pt-BR", "ro", "ru", "sv-SE", "th", "tr", "uk", "vi",
	"zh-CN", "zh-TW"}

func knownLocale(l string) bool { return slices.Contains(locales, l) }

func channelKind(name string) (int, error) {
	switch name {
	case "", "text":
		return channelText, nil
	case "voice":
		return channelVoice, nil
	case "stage":
		return channelStage, nil
	case "forum":
		return channelForum, nil
	case "category":
		return channelCategory, nil
	default:
		return 0, fmt.Errorf("%.40q is none of text, voice, stage, forum, category", name)
	}
}
