package answer_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/answer/answertest"
	"github.com/mynahbot/mynah/internal/answer/evidence"
	"github.com/mynahbot/mynah/internal/learn/sentence/muse"
	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/store"
)

// counted is an encoder that counts how often it is asked.
type counted struct {
	*muse.Encoder
	calls atomic.Int64
}

func (c *counted) Encode(ctx context.Context, texts []string) ([][]float32, error) {
	c.calls.Add(1)
	return c.Encoder.Encode(ctx, texts)
}

// meaning is one matcher that goes by the meaning, for all tests: the vectors of the background take seconds.
var meaning struct {
	sync.Mutex
	encoder *counted
	matcher *answer.Matcher
}

// byMeaning is a matcher with the encoder that the speech pack brings.
func byMeaning(t testing.TB) *answer.Matcher {
	t.Helper()
	meaning.Lock()
	defer meaning.Unlock()
	if meaning.matcher != nil {
		return meaning.matcher
	}
	m := speechtest.Pack(t, "use-multilingual-v3")
	if err := onnx.Load(speechtest.Model(t, speech.KindLibrary, "").File("onnxruntime")); err != nil {
		t.Fatal(err)
	}
	e, err := muse.Open(m.Name, muse.Files{Model: m.File("model"), Table: m.File("table"), Tokenizer: m.File("tokenizer")})
	if err != nil {
		t.Fatal(err)
	}
	meaning.encoder = &counted{Encoder: e}
	if meaning.matcher, err = answer.NewMatcher(meaning.encoder, "", slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return meaning.matcher
}

// community is what a gaming community teaches: fifteen questions.
var community = []evidence.Wording{
	{Text: "What is the server address?", Reply: "Join at mc.heron.example, Java 1.21."},
	{Text: "When is the Minecraft world wiped?", Reply: "The world is wiped on the first day of every season."},
	{Text: "How do I get the builder role?", Reply: "Post three of your builds in #showcase, the team votes on Sundays."},
	{Text: "How do I become a moderator?", Reply: "Applications open twice a year, watch #news."},
	{Text: "How do I link my Steam account?", Reply: "Type /link and follow the message of the bot."},
	{Text: "Which games do you play here?", Reply: "Minecraft, Valheim and Rocket League."},
	{Text: "Where do I report a cheater?", Reply: "Open a ticket in #help with a video or screenshot."},
	{Text: "How do I appeal a ban?", Reply: "Write to appeals@heron.example, an answer takes three days."},
	{Text: "When is the weekly event?", Reply: "Every Saturday at 18:00 UTC in the voice channel Arena."},
	{Text: "How do I claim land?", Reply: "Hold a golden shovel and click two corners."},
	{Text: "Can I bring a friend?", Reply: "Yes, send them the invite heron.example/join."},
	{Text: "How do I donate?", Reply: "Donations go through heron.example/shop."},
	{Text: "What do I get for boosting?", Reply: "A pink name and the channel #boosters."},
	{Text: "Are hacked clients allowed?", Reply: "No, x-ray and the like lead to a ban."},
	{Text: "Who owns the server?", Reply: "The server belongs to Heron and Marsh."},
}

// The scenario with which this began: what was taught is answered in other words, and nothing else is.
func TestACommunityTrustsTheAnswers(t *testing.T) {
	p, err := byMeaning(t).Pairs(t.Context(), community, nil)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(question string) answer.Match {
		t.Helper()
		m, err := p.Ask(t.Context(), question, answer.Before{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for question, want := range map[string]string{
		"when does the world get wiped":       "The world is wiped",
		"what is the address of the server":   "Join at",
		"how can i link steam":                "Type /link",
		"what games do you guys play":         "Minecraft, Valheim",
		"как стать модератором":               "Applications open",
		"HOW DO I CLAIM LAND":                 "Hold a golden shovel",
		"how do i apeal a ban":                "Write to appeals",
		"where can i report someone cheating": "Open a ticket",
	} {
		m := ask(question)
		best, _ := m.Best()
		if m.Kind != answer.Answered || !strings.HasPrefix(best.Reply, want) {
			t.Errorf("%q: %v, %q with %.2f, want %q", question, m.Kind, best.Reply, best.Probability, want)
		}
	}
	// Of two words only one was taught; what comes first is right all the same.
	if best, _ := ask("how to be mod").Best(); best.Reply != "Applications open twice a year, watch #news." {
		t.Errorf("how to be mod: %q", best.Reply)
	}
	for _, question := range []string{
		"when is dinner", "my steam account got hacked", "I love you", "gg", "lol nice shot", "what time is it in Tokyo",
		"who won the world cup", "как приготовить борщ", "my dog ate my homework", "brb", "👍", "!!!", "...", "x", "",
		"how do I link my bank account to paypal", "when is the next election",
	} {
		if m := ask(question); m.Kind == answer.Answered {
			best, _ := m.Best()
			t.Errorf("%q is answered with %q (%.2f)", question, best.Reply, best.Probability)
		}
	}
	for _, w := range community {
		for _, question := range []string{w.Text, strings.ToUpper(w.Text), strings.TrimSuffix(w.Text, "?")} {
			if m := ask(question); m.Kind != answer.Answered || m.Candidates[0].Reply != w.Reply || !m.Exact {
				t.Errorf("%q: %+v", question, m)
			}
		}
	}
}

// Texts that are no questions, or hostile, are answered with nothing, in bounded time, with and without an encoder.
func TestBadQuestions(t *testing.T) {
	for name, m := range map[string]*answer.Matcher{"meaning": byMeaning(t), "words": answertest.ByWords(t)} {
		t.Run(name, func(t *testing.T) {
			p, err := m.Pairs(t.Context(), community, nil)
			if err != nil {
				t.Fatal(err)
			}
			for what, question := range map[string]string{
				"empty": "", "a letter": "a", "emoji": "😀😀😀🎉", "long": strings.Repeat("lorem ipsum dolor ", 222),
				"repeated": strings.Repeat("wipe ", 500), "zalgo": "z̵̢̛a̴l̸g̶o̷ ̸t̶e̴x̷t̶", "code": "for (i=0;i<n;i++) { printf(\"%d\", i); }",
				"no script that is covered": "ܐܠܦ ܒܝܬ ܓܡܠ ܕܠܬ", "control": "\x00\x01\x02", "not UTF-8": "\xff\xfe\xfd",
			} {
				got, err := p.Ask(t.Context(), answer.Question(question), answer.Before{Question: "when is the weekly event"})
				if err != nil || got.Kind == answer.Answered {
					t.Errorf("%s: %+v, %v", what, got, err)
				}
			}
			// Nothing, equal pairs, and pairs that contradict each other.
			if got, err := mustPairs(t, m, nil).Ask(t.Context(), "anything?", answer.Before{}); err != nil || got.Kind == answer.Answered {
				t.Errorf("untaught: %+v, %v", got, err)
			}
			same := make([]evidence.Wording, 10000)
			for i := range same {
				same[i] = evidence.Wording{Text: "when do you open", Reply: "At nine."}
			}
			if got, err := mustPairs(t, m, same).Ask(t.Context(), "When do you open?", answer.Before{}); err != nil || got.Candidates[0].Reply != "At nine." {
				t.Errorf("equal pairs: %+v, %v", got, err)
			}
			against := mustPairs(t, m, []evidence.Wording{{Text: "is it open", Reply: "Yes."}, {Text: "is it open", Reply: "No."}})
			if got, err := against.Ask(t.Context(), "is it open", answer.Before{}); err != nil || got.Candidates[0].Reply != "No." {
				t.Errorf("what was taught last counts: %+v, %v", got, err)
			}
		})
	}
}

func mustPairs(t *testing.T, m *answer.Matcher, taught []evidence.Wording) *answer.Pairs {
	t.Helper()
	p, err := m.Pairs(t.Context(), taught, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A correction replaces what its source answers, or stands beside it, or silences a question; opposites stay apart.
func TestCorrections(t *testing.T) {
	taught := []record.Example{
		{Text: "как вывести деньги", Reply: "Через банкомат."}, {Text: "как обналичить", Reply: "Через банкомат."},
		{Text: "when does the tournament start?", Reply: "On Friday."}, {Text: "how do I enable the bot", Reply: "Type /on."},
	}
	corrected := answer.Corrected(taught, []record.Correction{
		{Question: "как забрать деньги", Given: "Через банкомат.", Right: "На сайте.", Kind: record.CorrectionSame},
		{Question: "как ввести деньги", Given: "На сайте.", Right: "Картой."},
		{Question: "how do I disable the bot", Given: "Type /on.", Right: "Type /off."},
		{Question: "what is the admin's password", Given: "", Kind: record.CorrectionNever},
	})
	for name, m := range map[string]*answer.Matcher{"meaning": byMeaning(t), "words": answertest.ByWords(t)} {
		p := mustPairs(t, m, answer.Wordings(corrected))
		for question, want := range map[string]string{
			"как вывести деньги": "На сайте.", "как обналичить": "На сайте.", "Как забрать деньги?": "На сайте.", "как ввести деньги": "Картой.",
			"how do I enable the bot": "Type /on.", "how do I disable the bot": "Type /off.", "at what time does the tournament start": "",
		} {
			got, err := p.Ask(t.Context(), question, answer.Before{})
			if err != nil {
				t.Fatal(err)
			}
			best, _ := got.Best()
			if want != "" && (got.Kind != answer.Answered || best.Reply != want) {
				t.Errorf("%s: %q: %v %q, want %q", name, question, got.Kind, best.Reply, want)
			}
		}
		if got, err := p.Ask(t.Context(), "what is the admin's password", answer.Before{}); err != nil || got.Kind != answer.Unknown || len(got.Suggestions()) > 0 && got.Suggestions()[0].Reply == "" {
			t.Errorf("%s: never to be answered: %+v, %v", name, got, err)
		}
	}
}

// A short question that takes up an earlier one is understood with it; one that stands on its own isn't touched.
func TestFollowUps(t *testing.T) {
	p := mustPairs(t, byMeaning(t), append(community[:len(community):len(community)],
		evidence.Wording{Text: "What does VIP cost?", Reply: "Five euros a month."},
		evidence.Wording{Text: "How do I cancel VIP?", Reply: "In the shop, under My orders."},
	))
	for _, c := range []struct{ first, second, want string }{
		{"what does vip cost", "and how do I cancel it?", "In the shop, under My orders."},
		{"how do I link steam", "Who owns the server?", "The server belongs to Heron and Marsh."},
		{"what does vip cost", "where do I report a cheater", "Open a ticket in #help with a video or screenshot."},
	} {
		m, err := p.Ask(t.Context(), c.second, answer.Before{Question: c.first})
		if err != nil {
			t.Fatal(err)
		}
		if best, _ := m.Best(); m.Kind != answer.Answered || best.Reply != c.want {
			t.Errorf("%q after %q: %v %q, want %q", c.second, c.first, m.Kind, best.Reply, c.want)
		}
	}
}

// A question that nothing answers is compared with what the server taught and with what Mynah knows about itself in each
// language; its meaning is computed once.
func TestAQuestionIsEncodedOnce(t *testing.T) {
	kept, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	a, err := answer.New(answer.Config{
		Settings: kept, Corrections: kept, Examples: kept, Models: kept, Blobs: kept, Matcher: byMeaning(t), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	for server, taught := range map[record.ServerID]bool{1: false, 2: true} {
		if taught {
			_, err := kept.SaveCorrection(t.Context(), record.Correction{Server: server, Question: "where is the hall", Right: "In the old school.", At: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, err := a.Knowledge(t.Context(), server); err != nil {
			t.Fatal(err)
		}
		before := meaning.encoder.calls.Load()
		d, err := a.Decide(t.Context(), answer.Asked{Server: server, Language: "en", Text: "how deep is the ocean near Japan?"})
		if err != nil || d.Kind == answer.Answered {
			t.Errorf("%+v, %v", d, err)
		}
		if n := meaning.encoder.calls.Load() - before; n != 1 {
			t.Errorf("taught %v: encoded %d times", taught, n)
		}
	}
}
