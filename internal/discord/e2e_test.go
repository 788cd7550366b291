package discord

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/localdiscord"
	"github.com/mynahbot/mynah/internal/record"
)

// wants checks that a text has all of parts in it.
func wants(t testing.TB, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: %q is missing in: %s", what, part, text)
		}
	}
}

func TestGreetingsAndQuestions(t *testing.T) {
	w := newWorld(t, nil)
	ann, boris := w.login("Ann"), w.login("Boris")
	if log := w.log.all(); strings.Contains(log, "could not be registered") {
		t.Fatal(log)
	}
	if answer := ann.ask("general", "!hi"); answer.Content != "Hi, Ann!" {
		t.Errorf("hi: %+v", answer)
	}
	wants(t, "help", ann.ask("general", "!help").Content, "`!hi`", "`!join")
	wants(t, "help, second part", ann.saying("Manage Server").Content, "settings")
	wants(t, "help of one", ann.ask("general", "!help train").Content, "positive:true|false", "• `label`")
	wants(t, "help of a group", ann.ask("general", "!dataset").Content, "!dataset list", "!dataset export")
	wants(t, "a slip", ann.ask("general", w.mention()+" !trian x").Content, "`!train`")
	wants(t, "ask", ann.ask("general", "!ask who are you?").Content, "learns from the people of this server")
	wants(t, "ask in Russian", ann.ask("general", "!ask кто ты?").Content, "учится у людей этого сервера")
	wants(t, "mention", ann.ask("general", w.mention()+" what's the score?").Content, "I don't know that")
	wants(t, "mention alone", ann.ask("general", w.mention()).Content, "I'm here")
	wants(t, "instruction", ann.ask("general", "!instruction").Content, "# How to work with Mynah", "`!train")
	ann.say("general", "nobody is asked")
	wants(t, "reply mode mention", ann.ask("general", "!hi").Content, "Hi, Ann!")

	ann.slash("general", "hi", nil)
	wants(t, "/hi", ann.reply().Content, "Hi, Ann!")
	boris.slash("general", "hi", nil)
	wants(t, "/hi of a Russian client", boris.saying("Boris").Content, "Привет, Boris!")
	ann.slash("general", "ask", map[string]any{"question": "what can you do?"})
	wants(t, "/ask", ann.saying("voice messages").Content, "learn")
	ann.slash("general", "help", map[string]any{"command": "test"})
	wants(t, "/help", ann.saying("!test").Content, "json")
	if got := ann.complete("general", "help", map[string]any{"command": "da"}, "command"); !slices.Contains(got, "dataset find") {
		t.Errorf("completion of help: %v", got)
	}
}

func TestSettings(t *testing.T) {
	w := newWorld(t, nil)
	ann, chen := w.login("Ann"), w.login("Chen")
	wants(t, "refused", chen.ask("general", "!settings language ru").Content, "Manage Server")
	wants(t, "overview", ann.ask("general", "!settings").Content, "`prefix`: !", "`reply_mode`: mention")
	wants(t, "language", ann.ask("general", "!settings language ru").Content, "`language` теперь: ru")
	wants(t, "in Russian", ann.ask("general", "!hi").Content, "Привет")
	wants(t, "no such", ann.ask("general", "!settings language tlh").Content, "en", "ru")
	ann.slash("general", "settings", map[string]any{"name": "language", "value": "default"})
	wants(t, "back", ann.saying("`language` is now").Content, "en")
	wants(t, "bad prefix", ann.ask("general", "!settings prefix /x").Content, "A prefix has at most")
	wants(t, "prefix", ann.ask("general", "!settings prefix ?").Content, "`prefix` is now ?")
	ann.say("general", "!hi")
	wants(t, "new prefix", ann.ask("general", "?hi").Content, "Hi, Ann!")
	wants(t, "mode", ann.ask("general", "?settings reply_mode all <#"+w.channel("help").String()+">").Content, "<#"+w.channel("help").String()+">: all")
	wants(t, "all", ann.ask("help", "who are you").Content, "I am Mynah")
	if got := ann.complete("general", "settings", map[string]any{"name": "reply_mode", "value": ""}, "value"); !slices.Equal(got, []string{"mention", "all", "off", "default"}) {
		t.Errorf("completion: %v", got)
	}
	wants(t, "role", ann.ask("general", "?settings train_roles <@&"+trainers(w)+">").Content, trainers(w))
	boris := w.login("Boris")
	wants(t, "a trainer", boris.ask("general", "?settings").Content, "`prefix`: ?")
	ann.say("general", "?settings instruction", upload{"rules.md", []byte("# Our rules\n\n" + strings.Repeat("Be kind to each other. ", 150) + "\n\nThe end.")})
	ann.saying("`instruction` is now this server's own")
	first := ann.ask("general", "?instruction")
	if len(first.Content) > 2000 || !strings.HasPrefix(first.Content, "# Our rules") {
		t.Errorf("instruction: %q", first.Content)
	}
	ann.saying("The end.")
	wants(t, "taken back", ann.ask("general", "?settings instruction default").Content, "`instruction` is now Mynah's own")
}

// trainers is the id of the ready world's role.
func trainers(w *world) string {
	id := ""
	for r := range w.mynah.disgo.Caches.Roles(snowflake.ID(w.server)) {
		if r.Name == "Trainers" {
			id = r.ID.String()
		}
	}
	return id
}

func TestTeachCorrectAndLookAfter(t *testing.T) {
	w := newWorld(t, nil)
	ann, chen := w.login("Ann"), w.login("Chen")
	wants(t, "refused", chen.ask("general", `!train "x" positive=True`).Content, "Manage Server")

	// By correction, in its three forms.
	unknown := ann.ask("general", "!ask when does the tournament start")
	wants(t, "untrained", unknown.Content, "nobody has taught me")
	ann.answer("general", unknown.ID, "!correct It starts at nine.")
	ann.saying("Noted")
	wants(t, "same question", ann.ask("general", "!ask When does the tournament start?").Content, "It starts at nine.")
	wants(t, "paraphrase", ann.ask("general", "!ask when does the tournament start today").Content, "It starts at nine.")
	wrong := ann.ask("general", "!ask who won last year")
	ann.menu("general", "Correct this answer", wrong.ID)
	form := ann.await(func(s seen) bool { return s.Event == "INTERACTION_MODAL_CREATE" })
	ann.submit("general", form, "The owls won.")
	ann.saying("Noted")
	wants(t, "after the form", ann.ask("general", "!ask who won last year?").Content, "The owls won.")
	last := ann.ask("general", "!ask where is the hall")
	ann.slash("general", "correct", map[string]any{"message": last.ID.String(), "correction": "Behind the library."})
	ann.saying("Noted")
	wants(t, "after the slash command", ann.ask("general", "!ask where is the hall?").Content, "Behind the library.")
	bare := ann.ask("general", "!ask who cleans the hall")
	wants(t, "the hint", bare.Content, "`!correct`")
	ann.answer("general", bare.ID, "Correct The owls do.")
	ann.saying("Noted")
	wants(t, "without the prefix", ann.ask("general", "!ask who cleans the hall?").Content, "The owls do.")
	bare = ann.ask("general", "!ask кто поёт в зале")
	ann.answer("general", bare.ID, "исправь: Птицы.")
	ann.saying("Noted")
	wants(t, "in Russian", ann.ask("general", "!ask кто поёт в зале?").Content, "Птицы.")
	ann.answer("general", bare.ID, "Correct!")
	ann.saying("Reply to my message with")
	mine := ann.say("general", "I say so")
	ann.answer("general", mine, "!correct x")
	ann.saying("isn't mine")

	// By text, and by file.
	ann.say("general", `!train "what a lovely day" positive=True`)
	queued := ann.saying("Training **#1**")
	failed := ann.said(func(s seen) bool { return s.ID == queued.ID && strings.Contains(s.Content, "has ended") })
	wants(t, "one label", failed.Content, "No labels were learned")
	ann.slash("general", "train", map[string]any{"file": 0}, upload{"faq.csv", []byte(table(faq))})
	ended := ann.saying("has ended")
	wants(t, "training", ended.Content, "New: 30", "labels: 4", "accuracy **")
	wants(t, "status", ann.ask("general", "!status").Content, "**#1**", "**#2**", "done")
	wants(t, "status of one", ann.ask("general", "!status 2").Content, "**#2**")
	for ended := false; !ended; { // its message is edited a moment before its end is kept
		job, found, err := w.store.Job(t.Context(), w.server, 2)
		if err != nil || !found {
			t.Fatal(found, err)
		}
		ended = job.State.Ended()
	}
	wants(t, "cancel", ann.ask("general", "!cancel 2").Content, "has ended already")
	wants(t, "labels are shown", ann.ask("general", "!settings show_labels on").Content, "now on")
	wants(t, "answer", ann.ask("general", "!ask how much does a ticket cost").Content, "price")
	wants(t, "correction stays", ann.ask("general", "!ask who won last year?").Content, "The owls won.")
	models := ann.ask("general", "!models").Content
	wants(t, "models", models, "in use")
	if got := ann.complete("general", "promote", map[string]any{"model": ""}, "model"); !slices.Contains(got, "1") {
		t.Errorf("completion of promote: %v", got)
	}

	// Tests.
	wants(t, "test", ann.ask("general", `!test {"input": "how much is a ticket"}`).Content, "price")
	wants(t, "test text", ann.ask("general", `!test "where do I find it"`).Content, "place")
	wants(t, "test list", ann.ask("general", `!test ["how much", "when does it start"]`).Content, "how much", "when does")
	wants(t, "broken", ann.ask("general", `!test {broken json`).Content, "no valid JSON")
	measured := ann.ask("general", "!test", upload{"t.csv", []byte("text,label\nhow much is it,price\nwhere do I find Bob,place\nwhen does it start,place\n")})
	wants(t, "measured", measured.Content, "accuracy **66.7 %**", "instead of place")
	if len(measured.Attachments) == 0 || measured.Attachments[len(measured.Attachments)-1].Filename != "predictions.csv" {
		t.Errorf("attachments: %+v", measured.Attachments)
	}

	// What was taught.
	wants(t, "find", ann.ask("general", "!dataset find lovely").Content, "what a lovely day", "positive")
	wants(t, "show", ann.ask("general", "!dataset show").Content, "`place` 10")
	ann.slash("general", "dataset export", nil)
	export := ann.saying("36 examples")
	if len(export.Attachments) != 1 || !strings.Contains(w.download(export.Attachments[0].URL), "what a lovely day") {
		t.Errorf("export: %+v", export.Attachments)
	}
	wants(t, "remove", ann.ask("general", `!dataset remove label:positive`).Content, "Removed: 1")

	// Votes.
	vote := ann.ask("general", "!ask what does a ticket cost")
	for _, step := range []struct {
		method, emoji string
		up, down      int
	}{
		{http.MethodPut, "%F0%9F%91%8D", 1, 0},
		{http.MethodDelete, "%F0%9F%91%8D", 0, 0},
		{http.MethodPut, "%F0%9F%91%8D", 1, 0},
		{http.MethodPut, "%F0%9F%91%8E", 0, 1},
		{http.MethodDelete, "%F0%9F%91%8D", 0, 1}, // after the other thumb
		{http.MethodDelete, "%F0%9F%91%8E", 0, 0},
	} {
		ann.react(step.method, "general", vote.ID, step.emoji)
		ann.ask("general", "!hi") // behind it in the channel's queue
		if sum, err := w.store.FeedbackSummary(t.Context(), w.server); err != nil || sum.Up != step.up || sum.Down != step.down {
			t.Errorf("votes after %s %s: %+v %v", step.method, step.emoji, sum, err)
		}
	}
	ann.slash("general", "feedback", map[string]any{"text": "nice"})
	ann.saying("Thank you!")
	if sum, err := w.store.FeedbackSummary(t.Context(), w.server); err != nil || sum.Texts != 1 {
		t.Errorf("feedback: %+v %v", sum, err)
	}

	// Privacy.
	wants(t, "not here", ann.ask("general", "!privacy export").Content, "everybody would read it")
	ann.slash("general", "privacy export", nil)
	about := ann.saying("Everything that is kept about you")
	if about.Flags&64 == 0 || len(about.Attachments) != 1 {
		t.Errorf("privacy export: %+v", about)
	}
	wants(t, "confirm", ann.ask("general", "!privacy delete").Content, "confirm:true")
	wants(t, "deleted", ann.ask("general", "!privacy delete confirm:true").Content, "deleted", "trained again: 1.")
	wants(t, "stale", ann.ask("general", "!ask who won last year?").Content, "somebody's data was deleted")
}

// faq is what a server might teach first.
var faq = map[string][]string{
	"schedule": {"when does it start", "what time is the opening", "when is the final", "at what hour do we begin", "when do the doors open",
		"until when does it last", "what time does it end", "which day is the second round", "when is the break", "is it on Saturday or Sunday"},
	"price": {"how much is a ticket", "what does it cost", "what is the price for students", "do children pay", "is there a discount",
		"how much do I have to pay", "what does a ticket cost", "is it free for members", "how expensive is it", "what is the entry fee"},
	"place": {"where is it", "which hall is it in", "how do I find the entrance", "what is the address", "where can I park",
		"where do I find the toilets", "which floor is the room on", "how do I get there by bus", "is it near the station", "where are we sitting"},
}

func TestDatasetsAndFiles(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.login("Ann")
	space, err := w.spaces.Workspace(w.server)
	if err != nil {
		t.Fatal(err)
	}
	for label, texts := range map[string][]string{
		"good": {"I like it", "wonderful work", "great joy", "such a joy", "what a joy"},
		"bad":  {"I hate it", "terrible work", "great pity", "such a pity", "what a pity"},
	} {
		for i, text := range texts {
			if _, err := space.Create(fmt.Sprintf("datasets/mood/%s/%d.txt", label, i), strings.NewReader(text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := ann.complete("general", "select_dataset", map[string]any{"path": "mo"}, "path"); !slices.Contains(got, "datasets/mood") {
		t.Errorf("completion: %v", got)
	}
	wants(t, "select", ann.ask("general", "!select_dataset datasets/mood good").Content, "examples: **10**", "`positive` 5", "archives/mood-")
	wants(t, "list", ann.ask("general", "!dataset list").Content, "datasets/mood", "selected")
	ann.say("general", "!train")
	wants(t, "trained", ann.saying("has ended").Content, "Examples: **10**", "labels: 2")
	for _, command := range []string{"find wonderful", `remove "wonderful work"`, "disable label:positive"} {
		wants(t, command, ann.ask("general", "!dataset "+command).Content, "The selected dataset “datasets/mood” has", "I don't change", "!getfile")
	}
	// A dataset that is named learns as it was selected, or with the label that is given.
	for name, text := range map[string]string{"plain.txt": "lovely\nsplendid\nsuperb\n", "faq.csv": table(faq)} {
		if _, err := space.Create("datasets/"+name, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, named := range []struct{ line, want string }{
		{"dataset:datasets/mood", "labels: 2"}, {"dataset:mood", "labels: 2"}, {"dataset:faq.csv", "labels: 3"},
		{"dataset:plain.txt positive:true", "one and the same label"}, {"dataset:datasets/plain.txt label: x", "one and the same label"},
		{"dataset:plain.txt", "no examples"},
	} {
		ann.say("general", "!train "+named.line)
		ended := ann.said(func(s seen) bool {
			return strings.Contains(s.Content, "has ended") || strings.Contains(s.Content, "failed")
		})
		wants(t, named.line, ended.Content, named.want)
		if named.line == "dataset:mood" {
			wants(t, "as it was selected", ann.ask("general", "!test what a joy").Content, "**positive**")
		}
	}
	for _, name := range []string{"plain.txt", "faq.csv"} {
		w.check(space.Remove("datasets/" + name))
	}

	// What can't be used replaces nothing.
	ann.say("general", "!select_dataset", upload{"good.csv", []byte(table(faq))})
	ann.saying("examples: **30**")
	ann.say("general", "!select_dataset", upload{"good.csv", []byte("\x00\x01 nothing")})
	wants(t, "unusable", ann.saying("no examples").Content, "datasets/good.csv")
	if again := ann.ask("general", "!getfile datasets/good.csv"); len(again.Attachments) != 1 || w.download(again.Attachments[0].URL) != table(faq) {
		t.Errorf("the dataset before: %+v", again)
	}
	if left, err := space.List("files/uploads"); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	w.check(space.Remove("datasets/good.csv"))
	wants(t, "selected again", ann.ask("general", "!select_dataset mood good").Content, "`positive` 5")
	wants(t, "find in files", ann.ask("general", "!dataset find wonderful").Content, "`wonderful work` → positive (file good/1.txt")
	ann.slash("general", "archive", map[string]any{"folder": "datasets"})
	packed := ann.saying("10 files,")
	if len(packed.Attachments) != 1 || !strings.HasSuffix(packed.Attachments[0].Filename, ".zip") {
		t.Errorf("archive: %+v", packed.Attachments)
	}
	got := ann.ask("general", "!getfile datasets/mood/good/0.txt")
	if len(got.Attachments) != 1 || w.download(got.Attachments[0].URL) != "I like it" {
		t.Errorf("getfile: %+v", got)
	}
	if got := ann.complete("general", "getfile", map[string]any{"path": "bad/3"}, "path"); !slices.Contains(got, "datasets/mood/bad/3.txt") {
		t.Errorf("completion: %v", got)
	}
	for _, path := range []string{"../../etc/passwd", "/etc/passwd", "datasets/../../x"} {
		wants(t, path, ann.ask("general", "!getfile "+path).Content, "leads out of this server's files")
	}
	wants(t, "absent", ann.ask("general", "!getfile datasets/none").Content, "no file or folder")
	wants(t, "folder", ann.ask("general", "!getfile datasets").Content, "is not a file")
	wants(t, "none", ann.ask("general", "!select_dataset default").Content, "No dataset is selected")
}

func (w *world) download(url string) string {
	w.t.Helper()
	rs, err := w.http.Get(url)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rs.Body.Close()
	raw, err := io.ReadAll(rs.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(raw)
}

func TestDirectMessages(t *testing.T) {
	w := newWorld(t, nil)
	ann, chen := w.login("Ann"), w.login("Chen")
	say := ann.directly()
	say("who are you?")
	ann.saying("I am Mynah")
	say("!train text label:x")
	ann.saying("works on a server only")

	// What somebody says there changes nothing for others.
	say("when does the tournament start?")
	wants(t, "unknown", ann.saying("I don't know that").Content, "taught on servers")
	say("!correct At nine.")
	ann.saying("works on a server only")
	chen.directly()("when does the tournament start?")
	chen.saying("I don't know that")
	say("!privacy export")
	if got := ann.saying("Everything that is kept about you"); len(got.Attachments) != 1 || !strings.Contains(w.download(got.Attachments[0].URL), "who are you?") {
		t.Errorf("%+v", got)
	}
}

// directly opens a person's direct messages with Mynah, and returns what says something there.
func (p *person) directly() func(text string) {
	p.w.t.Helper()
	var dm struct{ ID snowflake.ID }
	if err := json.Unmarshal(p.request(http.MethodPost, "/users/@me/channels", map[string]any{"recipient_id": p.w.mynah.self.String()}), &dm); err != nil {
		p.w.t.Fatal(err)
	}
	return func(text string) {
		p.w.t.Helper()
		p.request(http.MethodPost, "/channels/"+dm.ID.String()+"/messages", map[string]any{"content": text})
	}
}

// Direct messages belong to the home server; what concerns all of its members is for them only.
func TestDirectMessagesOfAHomeServer(t *testing.T) {
	world := localdiscord.DefaultWorld()
	home := &world.Servers[0]
	home.ID = 1_000_000_000_000_000_001
	home.Members = []localdiscord.WorldMember{{Name: "Ann"}, {Name: "Mynah"}}
	world.Servers = append(world.Servers, localdiscord.WorldServer{
		Name: "Elsewhere", Owner: "Chen", Channels: []localdiscord.WorldChannel{{Name: "elsewhere"}}, Members: []localdiscord.WorldMember{{Name: "Chen"}, {Name: "Mynah"}},
	})
	w := newWorldIn(t, localdiscord.Config{World: world}, func(c *mynah) { c.HomeServer = record.ServerID(home.ID) })
	ann, chen := w.login("Ann"), w.login("Chen")
	member, stranger := ann.directly(), chen.directly()
	const question = "when does the tournament start?"
	stranger(question)
	chen.saying("nobody has taught me")
	for _, command := range []string{"!correct At noon.", "!dataset list", "!dataset find tournament", "!status"} {
		stranger(command)
		chen.saying("members of my home server")
	}
	member(question)
	ann.saying("nobody has taught me")
	member("!correct At nine.")
	ann.saying("Noted")
	member("!dataset list")
	ann.saying("corrections: 1")
	stranger(question)
	chen.saying("At nine.")
}

func TestAnExpiredInteractionIsAnsweredInTheChannel(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.login("Ann")
	r := &interactionResponder{
		client: w.mynah, id: 1, token: "gone", channel: w.channel("general"), author: ann.id,
		expires: time.Now().Add(-time.Second), timer: time.NewTimer(time.Hour), answered: true,
	}
	if _, err := r.Send(t.Context(), bot.Reply{Text: "At last."}); err != nil {
		t.Fatal(err)
	}
	wants(t, "in the channel", ann.saying("At last.").Content, "<@"+ann.id.String()+">")
	r.expires = time.Now().Add(time.Hour) // Discord has forgotten it all the same
	if _, err := r.Send(t.Context(), bot.Reply{Text: "And again."}); err != nil {
		t.Fatal(err)
	}
	ann.saying("And again.")
	for _, expires := range []time.Time{time.Now().Add(-time.Second), time.Now().Add(time.Hour)} {
		r.expires = expires
		if _, err := r.Send(t.Context(), bot.Reply{Text: "For Ann alone.", Private: true}); err != nil {
			t.Error(err)
		}
		if got := ann.saying("For Ann alone."); got.Channel == w.channel("general") {
			t.Error("a private answer can be read in the channel")
		}
	}
}

// A private answer stays private where it takes so long that Discord is told that it will come.
func TestALatePrivateAnswerStaysPrivate(t *testing.T) {
	w := newWorld(t, nil)
	ann, chen := w.login("Ann"), w.login("Chen")
	ann.ask("general", "!ask who are you?")
	hold := make(chan struct{})
	w.hold(hold)
	ann.slash("general", "privacy export", nil)
	const ephemeral, loading = 1 << 6, 1 << 7
	waiting := ann.await(func(s seen) bool { return s.Event == "MESSAGE_CREATE" && s.Flags&loading != 0 })
	close(hold)
	export := ann.saying("kept about you")
	if waiting.Flags&ephemeral == 0 || export.Flags&ephemeral == 0 || len(export.Attachments) != 1 {
		t.Errorf("flags %d, then %d, %d files", waiting.Flags, export.Flags, len(export.Attachments))
	}
	ann.ask("general", "!hi")
	chen.saying("Hi, Ann!")
	for _, s := range chen.written() {
		if s.Flags&(ephemeral|loading) != 0 || len(s.Attachments) > 0 {
			t.Errorf("somebody else sees %+v", s)
		}
	}
}
