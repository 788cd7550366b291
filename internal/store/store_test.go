package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/store"
	"github.com/mynahbot/mynah/internal/store/storetest"
)

var postgres storetest.Server

func TestMain(m *testing.M) {
	code := m.Run()
	postgres.Stop()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

const (
	serverA record.ServerID  = 1 << 62
	serverB record.ServerID  = 1<<63 + 5 // does not fit a signed number
	channel record.ChannelID = 77
	alice   record.UserID    = 1001
	bob     record.UserID    = 1002
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// TestStore is the suite that every kind of database passes.
func TestStore(t *testing.T) {
	suite := map[string]func(t *testing.T, ctx context.Context, s *store.Store){
		"Settings": testSettings, "Exchanges": testExchanges, "Corrections": testCorrections,
		"Feedback": testFeedback, "Examples": testExamples, "ManyExamples": testManyExamples, "Models": testModels,
		"Voice": testVoice, "Transcripts": testTranscripts, "Retention": testRetention, "Privacy": testPrivacy, "Deletions": testDeletions, "Forgotten": testForgotten, "Texts": testTexts,
	}
	for _, backend := range postgres.Backends() {
		t.Run(backend.Name, func(t *testing.T) {
			for name, test := range suite {
				t.Run(name, func(t *testing.T) {
					test(t, t.Context(), open(t, store.Config{Dir: t.TempDir(), URL: backend.URL(t)}))
				})
			}
			t.Run("Reopen", func(t *testing.T) { testReopen(t, backend.URL(t)) })
		})
	}
}

func open(t testing.TB, c store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same[T any](t *testing.T, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func testSettings(t *testing.T, ctx context.Context, s *store.Store) {
	get := func(id record.ServerID) record.Settings {
		t.Helper()
		return must[record.Settings](t)(s.Settings(ctx, id))
	}
	same(t, get(serverA), record.Settings{Server: serverA})
	want := record.Settings{
		Server: serverA, Language: "ru", Prefix: "?", ReplyMode: record.ReplyOff,
		ChannelModes: map[record.ChannelID]record.ReplyMode{channel: record.ReplyAll},
		TrainRoles:   []record.RoleID{4, 5}, Dataset: record.DatasetChoice{Path: "datasets/a", Positive: "good"},
		RefusalTarget: 0.05, VoiceOptIn: true, TranscriptChannel: 9, RetentionDays: 30,
	}
	check(t, s.SaveSettings(ctx, want))
	same(t, get(serverA), want)
	want.ChannelModes[channel] = record.ReplyOff // the caller's map is not the store's
	if get(serverA).ChannelModes[channel] != record.ReplyAll {
		t.Error("a change of the caller's map changed the store")
	}
	check(t, s.SaveSettings(ctx, record.Settings{Server: serverA}))
	same(t, get(serverA), record.Settings{Server: serverA})
	same(t, get(serverB), record.Settings{Server: serverB})
}

func testExchanges(t *testing.T, ctx context.Context, s *store.Store) {
	e := record.Exchange{
		Server: serverB, Channel: channel, Asker: alice, AskedIn: 1, AnsweredIn: 2,
		Question: "когда?", Answer: "в шесть", Label: "time", Source: record.SourceModel, Score: 0.75, At: noon,
	}
	e.ID = must[record.ExchangeID](t)(s.SaveExchange(ctx, e))
	got, found, err := s.ExchangeByAnswer(ctx, serverB, 2)
	check(t, err)
	if !found {
		t.Fatal("not found")
	}
	same(t, got, e)
	if _, found, err := s.ExchangeByAnswer(ctx, serverA, 2); found || err != nil {
		t.Errorf("another server sees it: %v, %v", found, err)
	}
	for _, part := range []record.MessageID{12, 1<<64 - 1} {
		if got, found, err := s.ExchangeByAnswer(ctx, serverB, part); found || err != nil {
			t.Errorf("%d: %v, %v", part, got, err)
		}
	}
	long := e
	long.AnsweredIn, long.Parts = 14, []record.MessageID{12, 1<<64 - 1}
	long.ID = must[record.ExchangeID](t)(s.SaveExchange(ctx, long))
	for _, part := range append(long.Parts, 14) {
		got, found, err := s.ExchangeByAnswer(ctx, serverB, part)
		check(t, err)
		if !found {
			t.Errorf("no exchange of the part %d", part)
		}
		same(t, got, long)
	}
	later := e
	later.AnsweredIn, later.At = 3, noon.Add(time.Second)
	later.ID = must[record.ExchangeID](t)(s.SaveExchange(ctx, later))
	got, found, err = s.LastExchange(ctx, serverB, channel)
	check(t, err)
	if !found {
		t.Fatal("not found")
	}
	same(t, got, later)
	if _, found, err := s.LastExchange(ctx, serverB, channel+1); found || err != nil {
		t.Errorf("another channel sees it: %v, %v", found, err)
	}
}

func testCorrections(t *testing.T, ctx context.Context, s *store.Store) {
	add := func(server record.ServerID, question string) record.Correction {
		t.Helper()
		c := record.Correction{Server: server, Question: question, Given: "no", Right: "yes", By: alice, Message: 5, At: noon}
		c.ID = must[record.CorrectionID](t)(s.SaveCorrection(ctx, c))
		return c
	}
	one, two, other, three := add(serverA, "1"), add(serverA, "2"), add(serverB, "1"), add(serverA, "3")
	check(t, s.MarkAbsorbed(ctx, serverA, 7, two.ID))
	one.AbsorbedBy, two.AbsorbedBy = 7, 7
	check(t, s.MarkAbsorbed(ctx, serverA, 8, two.ID)) // the first one stays
	list := func(server record.ServerID, onlyNew bool) []record.Correction {
		t.Helper()
		return must[[]record.Correction](t)(s.Corrections(ctx, server, onlyNew))
	}
	same(t, list(serverA, false), []record.Correction{one, two, three})
	same(t, list(serverA, true), []record.Correction{three})
	same(t, list(serverB, true), []record.Correction{other})
	if must[bool](t)(s.DeleteCorrection(ctx, serverB, one.ID)) {
		t.Error("deleted another server's correction")
	}
	if !must[bool](t)(s.DeleteCorrection(ctx, serverA, one.ID)) {
		t.Error("not deleted")
	}
	same(t, list(serverA, false), []record.Correction{two, three})
}

func testFeedback(t *testing.T, ctx context.Context, s *store.Store) {
	vote := func(user record.UserID, message record.MessageID, v int) {
		t.Helper()
		must[record.FeedbackID](t)(s.SaveFeedback(ctx, record.Feedback{Server: serverA, User: user, Message: message, Vote: v, At: noon}))
	}
	vote(alice, 1, +1)
	vote(alice, 1, +1) // once more: still one
	vote(bob, 1, -1)
	vote(bob, 2, -1)
	vote(bob, 2, +1) // changed their mind
	vote(alice, 3, -1)
	takeBack := func(user record.UserID, message record.MessageID, v int) {
		t.Helper()
		check(t, s.TakeBackVote(ctx, record.Feedback{Server: serverA, User: user, Message: message, Vote: v, At: noon}))
	}
	takeBack(alice, 3, -1)
	takeBack(bob, 2, -1) // an earlier one, after they changed their mind
	takeBack(bob, 0, 0)  // no vote
	for _, text := range []string{"fine", "slow"} {
		must[record.FeedbackID](t)(s.SaveFeedback(ctx, record.Feedback{Server: serverA, User: bob, Text: text, At: noon}))
	}
	same(t, must[record.FeedbackSummary](t)(s.FeedbackSummary(ctx, serverA)), record.FeedbackSummary{Up: 2, Down: 1, Texts: 2})
	same(t, must[record.FeedbackSummary](t)(s.FeedbackSummary(ctx, serverB)), record.FeedbackSummary{})
	texts := must[[]record.Feedback](t)(s.FeedbackTexts(ctx, serverA, 1))
	if len(texts) != 1 || texts[0].Text != "slow" {
		t.Errorf("newest text: %+v", texts)
	}
}

func testExamples(t *testing.T, ctx context.Context, s *store.Store) {
	examples := []record.Example{
		{Text: "Hello", Label: "greet", Origin: record.Origin{Kind: record.OriginFile, File: "a.csv", Line: 2, Author: alice, At: noon}},
		{Text: "hello", Label: "greet", Origin: record.Origin{Kind: record.OriginMessage, Message: 8, Author: bob, At: noon}},
		{Text: "Hello", Label: "greet", Origin: record.Origin{Kind: record.OriginFile, File: "b.csv", Line: 9, At: noon}}, // a duplicate
		{Text: "100% Привет_мир", Reply: "Привет!", Dataset: "ru"},
	}
	add := func(server record.ServerID, examples []record.Example) (int, int) {
		t.Helper()
		added, duplicates, err := s.AddExamples(ctx, server, examples)
		check(t, err)
		return added, duplicates
	}
	if added, duplicates := add(serverA, examples); added != 3 || duplicates != 1 {
		t.Errorf("added %d, duplicates %d", added, duplicates)
	}
	if added, duplicates := add(serverA, examples); added != 0 || duplicates != 4 {
		t.Errorf("again: added %d, duplicates %d", added, duplicates)
	}
	if added, duplicates := add(serverB, examples[:1]); added != 1 || duplicates != 0 {
		t.Errorf("another server: added %d, duplicates %d", added, duplicates)
	}
	own := must[[]record.Example](t)(s.Examples(ctx, serverA, ""))
	if len(own) != 2 {
		t.Fatalf("got %d examples", len(own))
	}
	want := examples[0]
	want.ID, want.Server = own[0].ID, serverA
	same(t, own[0], want)

	find := func(query string, want ...string) {
		t.Helper()
		var texts []string
		for _, e := range must[[]record.Example](t)(s.FindExamples(ctx, serverA, query, 10)) {
			texts = append(texts, e.Text)
		}
		same(t, texts, want)
	}
	find("HELLO", "hello", "Hello")
	find("пРИВЕТ", "100% Привет_мир")
	find("0%", "100% Привет_мир")
	find("%", "100% Привет_мир")
	find("_", "100% Привет_мир")
	find(`\`)
	find("", "100% Привет_мир", "hello", "Hello")

	one := record.ExampleFilter{IDs: []record.ExampleID{own[0].ID}}
	if must[int](t)(s.DisableExamples(ctx, serverA, one, true)) != 1 || must[int](t)(s.DisableExamples(ctx, serverA, one, true)) != 0 {
		t.Error("not there")
	}
	if must[int](t)(s.DisableExamples(ctx, serverB, one, true)) != 0 {
		t.Error("changed another server's example")
	}
	if own = must[[]record.Example](t)(s.Examples(ctx, serverA, "")); !own[0].Disabled || own[1].Disabled {
		t.Errorf("disabled: %v %v", own[0].Disabled, own[1].Disabled)
	}
	same(t, must[map[string]int](t)(s.CountExamples(ctx, serverA)), map[string]int{"": 1, "ru": 1})

	edited := own[0]
	edited.Text = "edited"
	if !must[bool](t)(s.EditExample(ctx, serverA, edited)) || must[bool](t)(s.EditExample(ctx, serverB, edited)) {
		t.Error("an example of another server was edited, or none")
	}
	if e, found, err := s.Example(ctx, serverA, own[0].ID); err != nil || !found || e.Text != "edited" || e.Origin != own[0].Origin || !e.Disabled {
		t.Errorf("edited: %+v, %v, %v", e, found, err)
	}
	if found := must[[]record.Example](t)(s.FindExamples(ctx, serverA, "EDITED", 10)); len(found) != 1 {
		t.Errorf("an edited text finds %v", found)
	}
	again := own[1]
	again.ID = own[0].ID
	if _, err := s.EditExample(ctx, serverA, again); !errors.Is(err, record.ErrDuplicate) {
		t.Errorf("edited into a duplicate: %v", err)
	}
	must[bool](t)(s.EditExample(ctx, serverA, own[0]))
	if _, err := s.RemoveExamples(ctx, serverA, record.ExampleFilter{}); err == nil {
		t.Error("an empty filter removed something")
	}
	remove := func(f record.ExampleFilter, want int) {
		t.Helper()
		if n := must[int](t)(s.RemoveExamples(ctx, serverA, f)); n != want {
			t.Errorf("%+v removed %d, want %d", f, n, want)
		}
	}
	remove(record.ExampleFilter{Author: bob, Label: "other"}, 0)
	remove(record.ExampleFilter{Author: bob, Label: "greet"}, 1)
	remove(record.ExampleFilter{IDs: []record.ExampleID{own[0].ID, 9999}}, 1)
	remove(record.ExampleFilter{All: true}, 1)
	if left := must[[]record.Example](t)(s.Examples(ctx, serverB, "")); len(left) != 1 {
		t.Errorf("the other server has %d examples left", len(left))
	}
}

func testManyExamples(t *testing.T, ctx context.Context, s *store.Store) {
	const n = 1001 // more than one statement carries, and not a multiple
	examples := make([]record.Example, n)
	for i := range examples {
		examples[i] = record.Example{Text: fmt.Sprint("text ", i), Label: fmt.Sprint(i % 7)}
	}
	added, duplicates, err := s.AddExamples(ctx, serverA, examples)
	check(t, err)
	if added != n || duplicates != 0 {
		t.Errorf("added %d, duplicates %d", added, duplicates)
	}
	for i, e := range must[[]record.Example](t)(s.Examples(ctx, serverA, "")) {
		if e.Text != examples[i].Text {
			t.Fatalf("example %d is %q: the order is lost", i, e.Text)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := s.AddExamples(cancelled, serverB, examples); err == nil {
		t.Error("added with a cancelled context")
	}
	if left := must[[]record.Example](t)(s.Examples(ctx, serverB, "")); len(left) != 0 {
		t.Errorf("%d examples half-written", len(left))
	}
}

func testModels(t *testing.T, ctx context.Context, s *store.Store) {
	save := func(server record.ServerID, state record.ModelState) record.Model {
		t.Helper()
		m := record.Model{Server: server, Blob: "b", Snapshot: "h", State: state, Accuracy: 0.9, MacroF1: 0.8, Summary: json.RawMessage(`{"a":1}`), At: noon}
		return must[record.Model](t)(s.SaveModel(ctx, m))
	}
	active := func(want record.ModelID) {
		t.Helper()
		m, found, err := s.ActiveModel(ctx, serverA)
		check(t, err)
		if found != (want != 0) || m.ID != want {
			t.Errorf("active is %d (%v), want %d", m.ID, found, want)
		}
	}
	active(0)
	first := save(serverA, record.ModelActive)
	other := save(serverB, record.ModelActive)
	second := save(serverA, record.ModelCandidate)
	if first.Number != 1 || second.Number != 2 || other.Number != 1 {
		t.Errorf("numbers %d, %d, %d", first.Number, second.Number, other.Number)
	}
	active(first.ID)
	check(t, s.Promote(ctx, serverA, second.ID))
	active(second.ID)
	if err := s.Promote(ctx, serverA, other.ID); !errors.Is(err, store.ErrNoModel) {
		t.Errorf("promoted another server's model: %v", err)
	}
	active(second.ID) // nothing half-done
	third := save(serverA, record.ModelActive)
	active(third.ID)
	first.State, second.State = record.ModelRetired, record.ModelRetired
	second.Used = 2
	if first.Used != 1 || third.Used != 3 || other.Used != 1 {
		t.Errorf("used %d, %d, %d", first.Used, third.Used, other.Used)
	}
	same(t, must[[]record.Model](t)(s.Models(ctx, serverA)), []record.Model{third, second, first})
	if err := s.Restore(ctx, serverA, other.ID); !errors.Is(err, store.ErrNoModel) {
		t.Errorf("went back to another server's model: %v", err)
	}
	check(t, s.Restore(ctx, serverA, second.ID))
	second.State, third.State = record.ModelActive, record.ModelCandidate
	same(t, must[[]record.Model](t)(s.Models(ctx, serverA)), []record.Model{third, second, first})
	check(t, s.Promote(ctx, serverA, first.ID))
	first.State, first.Used, second.State = record.ModelActive, 4, record.ModelRetired
	same(t, must[[]record.Model](t)(s.Models(ctx, serverA)), []record.Model{third, second, first})
	if _, err := s.SaveModel(ctx, record.Model{Server: serverA, State: "best"}); err == nil {
		t.Error("kept a model of an unknown state")
	}
}

func testVoice(t *testing.T, ctx context.Context, s *store.Store) {
	heard := func(server record.ServerID, wantHeard, wantFound bool) {
		t.Helper()
		c, found, err := s.Consent(ctx, alice, server)
		check(t, err)
		if found != wantFound || c.Heard != wantHeard {
			t.Errorf("server %d: heard %v, found %v", server, c.Heard, found)
		}
	}
	heard(serverA, false, false)
	check(t, s.SaveConsent(ctx, record.Consent{User: alice, Heard: true, At: noon}))
	heard(serverA, true, true)
	check(t, s.SaveConsent(ctx, record.Consent{User: alice, Server: serverA, Heard: false, At: noon}))
	heard(serverA, false, true)
	heard(serverB, true, true)
	check(t, s.SaveConsent(ctx, record.Consent{User: alice, Heard: true, At: noon})) // for everywhere, again
	heard(serverA, true, true)

	if _, found, err := s.VoicePreference(ctx, alice); found || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
	want := record.VoicePreference{User: alice, Voice: "joe", Speed: 1.25}
	check(t, s.SaveVoicePreference(ctx, record.VoicePreference{User: alice, Voice: "amy"}))
	check(t, s.SaveVoicePreference(ctx, want))
	got, _, err := s.VoicePreference(ctx, alice)
	check(t, err)
	same(t, got, want)
}

func testTranscripts(t *testing.T, ctx context.Context, s *store.Store) {
	keep := func(server record.ServerID, by record.UserID, said string, at time.Time) record.Transcript {
		t.Helper()
		k := record.Transcript{Server: server, User: by, Said: said, Answer: "Yes.", Channel: channel, At: at}
		k.ID = must[record.TranscriptID](t)(s.SaveTranscript(ctx, k))
		return k
	}
	kept := func(server record.ServerID, want ...record.Transcript) {
		t.Helper()
		same(t, must[[]record.Transcript](t)(s.Transcripts(ctx, server)), want)
	}
	stale := func(want ...record.PostedMessage) {
		t.Helper()
		same(t, must[[]record.PostedMessage](t)(s.StaleMessages(ctx)), want)
	}
	servers := func(want ...record.ServerID) {
		t.Helper()
		same(t, must[[]record.ServerID](t)(s.Retaining(ctx)), want)
	}
	servers()
	old, unposted := keep(serverA, alice, "Is it late?", noon), keep(serverA, bob, "Стоп\x00!", noon.Add(time.Minute))
	young, other := keep(serverA, bob, "Is it early?", noon.Add(time.Hour)), keep(serverB, alice, "Here?", noon)
	old.Message, unposted.Said = 1<<63+7, "Стоп!"
	posted := func(id record.TranscriptID, message record.MessageID, want bool) {
		t.Helper()
		same(t, must[bool](t)(s.SetTranscriptMessage(ctx, id, channel, message)), want)
	}
	posted(old.ID, old.Message, true)
	kept(serverA, old, unposted, young)
	kept(serverB, other)
	if got := must[[]record.ServerID](t)(s.Retaining(ctx)); len(got) != 2 {
		t.Errorf("servers %v", got)
	}

	// What is older goes, on this server only; a message that it was posted in is to be deleted.
	check(t, s.DeleteBefore(ctx, serverA, young.At))
	kept(serverA, young)
	kept(serverB, other)
	stale(record.PostedMessage{Channel: channel, Message: old.Message})
	// So is one that is posted too late.
	posted(unposted.ID, 8, false)
	check(t, s.ForgetStaleMessage(ctx, record.PostedMessage{Channel: channel, Message: old.Message}))
	stale(record.PostedMessage{Channel: channel, Message: 8})
	check(t, s.DeleteBefore(ctx, serverA, noon.Add(24*time.Hour)))
	servers(serverB)
}

func testRetention(t *testing.T, ctx context.Context, s *store.Store) {
	same(t, must[[]record.ServerID](t)(s.Retaining(ctx)), nil)
	keep := func(server record.ServerID, answer record.MessageID, at time.Time) {
		t.Helper()
		must[record.ExchangeID](t)(s.SaveExchange(ctx, record.Exchange{Server: server, Channel: channel, Asker: alice, AnsweredIn: answer, Question: "q", At: at}))
	}
	keep(serverA, 1, noon)
	keep(serverA, 2, noon.Add(time.Hour))
	keep(serverB, 3, noon)
	must[record.TranscriptID](t)(s.SaveTranscript(ctx, record.Transcript{Server: serverB, User: alice, At: noon}))
	same(t, len(must[[]record.ServerID](t)(s.Retaining(ctx))), 2)

	// What is older goes, on this server only.
	check(t, s.DeleteBefore(ctx, serverA, noon.Add(time.Hour)))
	for _, e := range []struct {
		server record.ServerID
		answer record.MessageID
		kept   bool
	}{{serverA, 1, false}, {serverA, 2, true}, {serverB, 3, true}} {
		if _, found, err := s.ExchangeByAnswer(ctx, e.server, e.answer); err != nil || found != e.kept {
			t.Errorf("the exchange %v of server %v: %v %v", e.answer, e.server, found, err)
		}
	}
	same(t, len(must[record.Personal](t)(s.ExportUser(ctx, alice)).Exchanges), 2)
	check(t, s.DeleteBefore(ctx, serverB, noon.Add(time.Minute)))
	same(t, must[[]record.ServerID](t)(s.Retaining(ctx)), []record.ServerID{serverA})
}

func testPrivacy(t *testing.T, ctx context.Context, s *store.Store) {
	save := func(server record.ServerID, state record.ModelState, at time.Time) record.Model {
		t.Helper()
		return must[record.Model](t)(s.SaveModel(ctx, record.Model{Server: server, State: state, Began: time.Now(), At: at}))
	}
	example := func(server record.ServerID, text string, by record.UserID, at time.Time) {
		t.Helper()
		_, _, err := s.AddExamples(ctx, server, []record.Example{{Text: text, Label: "x", Origin: record.Origin{Author: by, At: at}}})
		check(t, err)
	}
	// On A, a model from before Alice's example, and one from after. On B, only Bob taught.
	before := save(serverA, record.ModelRetired, noon)
	example(serverA, "mine", alice, noon.Add(time.Hour))
	example(serverA, "his", bob, noon)
	example(serverB, "his", bob, noon)
	after := save(serverA, record.ModelActive, noon.Add(2*time.Hour))
	onB := save(serverB, record.ModelActive, noon.Add(2*time.Hour))
	for _, user := range []record.UserID{alice, bob} {
		must[record.ExchangeID](t)(s.SaveExchange(ctx, record.Exchange{Server: serverB, Asker: user, Question: "q", At: noon}))
		must[record.CorrectionID](t)(s.SaveCorrection(ctx, record.Correction{Server: serverB, By: user, At: noon.Add(3 * time.Hour)})) // in no model yet
		must[record.FeedbackID](t)(s.SaveFeedback(ctx, record.Feedback{Server: serverB, User: user, Text: "t", At: noon}))
		check(t, s.SaveConsent(ctx, record.Consent{User: user, Heard: true, At: noon}))
		check(t, s.SaveVoicePreference(ctx, record.VoicePreference{User: user, Voice: "v"}))
		must[record.TranscriptID](t)(s.SaveTranscript(ctx, record.Transcript{Server: serverB, User: user, Channel: channel, Message: record.MessageID(user), At: noon}))
	}
	count := func(user record.UserID) [7]int {
		t.Helper()
		p := must[record.Personal](t)(s.ExportUser(ctx, user))
		voice := 0
		if p.Voice != nil {
			voice = 1
		}
		return [7]int{len(p.Exchanges), len(p.Corrections), len(p.Feedback), len(p.Examples), len(p.Consents), voice, len(p.Transcripts)}
	}
	same(t, count(alice), [7]int{1, 1, 1, 1, 1, 1, 1})
	same(t, must[[]record.ServerID](t)(s.DeleteUser(ctx, alice)), []record.ServerID{serverA})
	same(t, count(alice), [7]int{})
	no := record.Consent{User: alice, Heard: false}
	check(t, s.SaveConsent(ctx, record.Consent{User: alice, Heard: false, At: noon}))
	check(t, s.SaveConsent(ctx, record.Consent{User: alice, Server: serverB, Heard: true, At: noon}))
	must[[]record.ServerID](t)(s.DeleteUser(ctx, alice))
	same(t, must[record.Personal](t)(s.ExportUser(ctx, alice)).Consents, []record.Consent{no})
	check(t, s.SaveConsent(ctx, record.Consent{User: alice, Heard: true, At: noon}))
	must[[]record.ServerID](t)(s.DeleteUser(ctx, alice))
	same(t, count(alice), [7]int{})
	same(t, count(bob), [7]int{1, 1, 1, 2, 1, 1, 1})
	same(t, must[[]record.PostedMessage](t)(s.StaleMessages(ctx)), []record.PostedMessage{{Channel: channel, Message: record.MessageID(alice)}})

	before.State, after.State = record.ModelRetired, record.ModelStale
	models := must[[]record.Model](t)(s.Models(ctx, serverA))
	same(t, []record.ModelState{models[0].State, models[1].State}, []record.ModelState{after.State, before.State})
	if m, found, err := s.ActiveModel(ctx, serverB); err != nil || !found || m.ID != onB.ID {
		t.Errorf("the model of the other server: %v %v %v", m.ID, found, err)
	}
	if again := must[[]record.ServerID](t)(s.DeleteUser(ctx, alice)); len(again) != 0 {
		t.Errorf("deleted twice: %v", again)
	}

	// A correction that a model learnt makes that model and all later ones stale.
	must[record.CorrectionID](t)(s.SaveCorrection(ctx, record.Correction{Server: serverB, By: alice, At: noon, AbsorbedBy: onB.ID}))
	same(t, must[[]record.ServerID](t)(s.DeleteUser(ctx, alice)), []record.ServerID{serverB})

	// So does one that only a candidate learnt, which absorbs none.
	must[record.CorrectionID](t)(s.SaveCorrection(ctx, record.Correction{Server: serverB, By: alice, At: noon.Add(3 * time.Hour)}))
	save(serverB, record.ModelCandidate, noon.Add(4*time.Hour))
	same(t, must[[]record.ServerID](t)(s.DeleteUser(ctx, alice)), []record.ServerID{serverB})
	same(t, must[[]record.Model](t)(s.Models(ctx, serverB))[0].State, record.ModelStale)
}

// A model that learned from a person goes with them though what they taught was removed before, or is deleted while it is trained.
func testForgotten(t *testing.T, ctx context.Context, s *store.Store) {
	teach := func(server record.ServerID, text string, by record.UserID) {
		t.Helper()
		_, _, err := s.AddExamples(ctx, server, []record.Example{{Text: text, Label: "x", Origin: record.Origin{Author: by, At: time.Now()}}})
		check(t, err)
	}
	save := func(server record.ServerID, began time.Time) (record.Model, error) {
		return s.SaveModel(ctx, record.Model{Server: server, State: record.ModelCandidate, Began: began, At: time.Now()})
	}
	states := func(server record.ServerID) (all []record.ModelState) {
		t.Helper()
		for _, m := range must[[]record.Model](t)(s.Models(ctx, server)) {
			all = append(all, m.State)
		}
		return all
	}
	// On A, Alice's example is removed; on B, her correction. Each server has a model from before she taught, one that learned
	// it, one that was being trained as it was removed, and one from after.
	must[record.Model](t)(save(serverA, time.Now()))
	must[record.Model](t)(save(serverB, time.Now()))
	teach(serverA, "hers", alice)
	teach(serverA, "his", bob)
	correction := must[record.CorrectionID](t)(s.SaveCorrection(ctx, record.Correction{Server: serverB, By: alice, At: time.Now()}))
	for _, server := range []record.ServerID{serverA, serverB} {
		must[record.Model](t)(save(server, time.Now()))
	}
	began := time.Now()
	same(t, must[int](t)(s.RemoveExamples(ctx, serverA, record.ExampleFilter{Author: alice})), 1)
	same(t, must[bool](t)(s.DeleteCorrection(ctx, serverB, correction)), true)
	for _, server := range []record.ServerID{serverA, serverB} {
		must[record.Model](t)(save(server, began))
		must[record.Model](t)(save(server, time.Now()))
	}
	same(t, len(must[record.Personal](t)(s.ExportUser(ctx, alice)).Untaught), 2)
	began = time.Now()
	same(t, must[[]record.ServerID](t)(s.DeleteUser(ctx, alice)), []record.ServerID{serverB, serverA})
	for _, server := range []record.ServerID{serverA, serverB} {
		same(t, states(server), []record.ModelState{record.ModelCandidate, record.ModelStale, record.ModelStale, record.ModelCandidate})
	}
	same(t, len(must[record.Personal](t)(s.ExportUser(ctx, alice)).Untaught), 0)

	// A training that had begun by then may not keep its model; one that begins later may.
	if _, err := save(serverA, began); !errors.Is(err, record.ErrForgotten) {
		t.Errorf("a model of what was deleted: %v", err)
	}
	same(t, len(states(serverA)), 4)
	must[record.Model](t)(save(serverA, time.Now()))
	began = time.Now()
	teach(serverB, "hers again", alice)
	must[[]record.ServerID](t)(s.DeleteUser(ctx, alice))
	must[record.Model](t)(save(serverA, began))
	if _, err := save(serverB, began); !errors.Is(err, record.ErrForgotten) {
		t.Errorf("a model of what was deleted: %v", err)
	}
}

func testTexts(t *testing.T, ctx context.Context, s *store.Store) {
	id := must[record.CorrectionID](t)(s.SaveCorrection(ctx, record.Correction{Server: serverA, Question: "a\x00b\xffc", Right: strings.Repeat("ж", 100_000)}))
	got := must[[]record.Correction](t)(s.Corrections(ctx, serverA, false))
	if len(got) != 1 || got[0].ID != id || got[0].Question != "ab\uFFFDc" || len(got[0].Right) != 200_000 {
		t.Errorf("got %q", got[0].Question)
	}
}

func testReopen(t *testing.T, url string) {
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Config{Dir: dir, URL: url})
	check(t, err)
	check(t, s.SaveSettings(t.Context(), record.Settings{Server: serverA, Prefix: "?"}))
	check(t, s.PutBlob(t.Context(), "models/1", strings.NewReader("model")))
	check(t, s.Close())
	s = open(t, store.Config{Dir: dir, URL: url})
	settings := must[record.Settings](t)(s.Settings(t.Context(), serverA))
	same(t, settings.Prefix, "?")
}

func TestOneProcessOwnsAFolder(t *testing.T) {
	dir := t.TempDir()
	open(t, store.Config{Dir: dir})
	if s, err := store.Open(t.Context(), store.Config{Dir: dir}); !errors.Is(err, store.ErrInUse) {
		t.Errorf("opened twice: %v %v", s, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]store.Config{
		"no folder":            {},
		"another database":     {Dir: t.TempDir(), URL: "mysql://root:geheim@host/db"},
		"unreachable database": {Dir: t.TempDir(), URL: "postgres://root:geheim@127.0.0.1:1/db"},
		"malformed URL":        {Dir: t.TempDir(), URL: "postgres://root:geheim@127.0.0.1:port/db"},
		"unknown bucket":       {Dir: t.TempDir(), Blobs: "ftp://bucket?key=geheim"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(t.Context(), c)
			if err == nil {
				_ = s.Close()
				t.Fatal("opened")
			}
			if strings.Contains(err.Error(), "geheim") {
				t.Errorf("a secret is told: %v", err)
			}
			t.Log(err)
		})
	}
}
