package conversation

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/mynahbot/mynah/internal/language"
)

func loaded(t testing.TB) map[string]*phrases {
	t.Helper()
	known, err := language.All()
	if err != nil {
		t.Fatal(err)
	}
	all, err := loadPhrases(known)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Every language has the same commands, replies and signs as English, and its own phrases for them.
func TestPhraseFilesAgree(t *testing.T) {
	all := loaded(t)
	if len(all) < 2 {
		t.Fatalf("%d languages", len(all))
	}
	en := all["en"]
	for language, p := range all {
		for _, name := range p.Written {
			if _, named := newAddress("", nil, all).find(name, p); !named {
				t.Errorf("%s: %q is not known as the name", language, name)
			}
		}
		if len(p.Written) == 0 {
			t.Errorf("%s: how the name is written is missing", language)
		}
		for command := range en.Commands {
			if len(p.Commands[command]) == 0 {
				t.Errorf("%s: no phrase for %s", language, command)
			}
		}
		if len(p.Commands) != len(en.Commands) {
			t.Errorf("%s: %d commands", language, len(p.Commands))
		}
		for key, text := range en.Replies {
			if p.Replies[key] == "" {
				t.Errorf("%s: no reply %s", language, key)
			}
			for _, slot := range []string{"{answer}", "{phrase}", "{meaning}", "{error}"} {
				if strings.Contains(text, slot) != strings.Contains(p.Replies[key], slot) {
					t.Errorf("%s: reply %s and %s", language, key, slot)
				}
			}
		}
		for name, list := range map[string][]string{
			"names": p.Names, "words like the name": p.NameLike, "openers": p.Openers, "politeness": p.Politeness, "conjunctions": p.Conjunctions,
			"unfinished": p.Unfinished, "closing": p.Closing, "subordinate": p.Subordinate,
			"hesitations": p.Hesitations, "numbers": p.Numbers, "backchannels": p.Backchannels, "common": p.Common, "months": p.Spoken.Months,
		} {
			if len(list) < 3 || slices.Contains(list, "") {
				t.Errorf("%s: %s are %q", language, name, list)
			}
		}
		for _, word := range p.Closing {
			if !slices.Contains(p.Unfinished, word) {
				t.Errorf("%s: %q may end a sentence, but is not listed as unfinished", language, word)
			}
		}
		for _, s := range []string{p.Spoken.Link, p.Spoken.Code, p.Spoken.Table, p.Spoken.Someone, p.Spoken.Channel, p.Spoken.Role, p.Spoken.Date, p.Spoken.Range} {
			if s == "" {
				t.Errorf("%s: a spoken sign is missing", language)
			}
		}
	}
}

// Each phrase of each command is that command, with and without politeness around it.
func TestEveryPhraseIsItsCommand(t *testing.T) {
	for language, p := range loaded(t) {
		for command, list := range p.Commands {
			for _, phrase := range list {
				text := strings.NewReplacer("{language}", slices.Sorted(maps.Keys(p.Languages))[0], "{answer}", "at nine", "{phrase}", "gg", "{meaning}", "good game").Replace(phrase)
				for _, said := range []string{text, string(unicode.ToUpper([]rune(text)[0])) + string([]rune(text)[1:]) + ".", p.Politeness[0] + ", " + text + "!"} {
					c, ok := p.command(said)
					if !ok || c.name != command {
						t.Errorf("%s: %q is %v, not %s", language, said, c, command)
					}
				}
			}
		}
	}
}

func TestCommandSlots(t *testing.T) {
	all := loaded(t)
	for _, c := range []struct {
		language, text, command string
		slots                   map[string]string
	}{
		{"en", "That's wrong, the answer is Friday, at Nine.", CommandCorrect, map[string]string{"answer": "Friday, at Nine"}},
		{"en", "Remember: GG means good game.", CommandRemember, map[string]string{"phrase": "GG", "meaning": "good game"}},
		{"en", "Remember that one means two means three", CommandRemember, map[string]string{"phrase": "one", "meaning": "two means three"}},
		{"en", "Could you please speak Russian?", CommandLanguage, map[string]string{"language": "Russian"}},
		{"ru", "Это неправильно, ответ: в пятницу.", CommandCorrect, map[string]string{"answer": "в пятницу"}},
		{"ru", "Запомни, ГГ значит хорошая игра.", CommandRemember, map[string]string{"phrase": "ГГ", "meaning": "хорошая игра"}},
		{"ru", "Говори по-английски.", CommandLanguage, map[string]string{"language": "по-английски"}},
	} {
		got, ok := all[c.language].command(c.text)
		if !ok || got.name != c.command || !maps.Equal(got.slots, c.slots) {
			t.Errorf("%q is %v", c.text, got)
		}
	}
	for _, text := range []string{"", "When does the tournament stop?", "What is the next one called?", "Leave it to me.", "the answer is", "remember the milk", "How loud is it?",
		"talk to me about the tournament", "speak to the winner", "switch to the next game", "Давай поиграем", "говори громче всех", "перейди на сайт"} {
		for language, phrases := range all {
			if c, ok := phrases.command(text); ok {
				t.Errorf("%s: %q is the command %v", language, text, c)
			}
		}
	}
}

func TestEnding(t *testing.T) {
	all := loaded(t)
	for want, cases := range map[ending][][2]string{
		endFinished: {
			{"en", "When does it start?"}, {"en", "I want to know when it starts."}, {"en", "What is it for?"}, {"en", "No."}, {"en", "Stop!"},
			{"en", "what is the time"}, {"ru", "Когда начинается турнир?"}, {"ru", "Спасибо."},
			{"ru", "когда начинается турнир"}, {"en", "So, um, tell me who plays."}, {"en", "Yes, please."}, {"ru", "Ну, расскажи про турнир."},
		},
		endStatement: {
			{"en", "I have a question."}, {"en", "The tournament starts on Friday."}, {"en", "If it rains, we play inside."}, {"en", "my server is down"},
			{"ru", "У меня вопрос."}, {"ru", "Турнир начинается в пятницу."},
		},
		endOpen: {
			{"en", "I think,"}, {"en", "Turn on the lamp"}, {"en", "I want that."}, {"en", "If it rains tomorrow."},
			{"ru", "Если завтра дождь."}, {"ru", "Я видел это."}, {"ru", "Включи свет"},
		},
		endUnfinished: {
			{"en", ""}, {"en", "Tell me about it and"}, {"en", "Tell me about the."}, {"en", "It costs twenty"}, {"en", "Call 555"},
			{"en", "Well, um"}, {"en", "Is it um?"}, {"en", "Who plays, and?"}, {"en", "You know..."}, {"en", "I think that"}, {"en", "What I mean is:"},
			{"ru", "Расскажи про турнир и"}, {"ru", "Я хочу, чтобы"}, {"ru", "Номер двадцать"}, {"ru", "расскажи про турнир в"}, {"ru", "Я, ну…"},
		},
	} {
		for _, c := range cases {
			if got := all[c[0]].ending(c[1]); got != want {
				t.Errorf("%q: %v, not %v", c[1], got, want)
			}
		}
	}
}

func TestFindName(t *testing.T) {
	all := loaded(t)
	mynah, jarvis := newAddress("", []string{"Birdie", "my bird", ","}, all), newAddress("Jarvis", nil, all)
	for _, c := range []struct {
		a          address
		text, rest string
		named      bool
	}{
		{mynah, "Mynah, when does it start?", "when does it start?", true}, {mynah, "Hey Minor, when is it?", "when is it?", true},
		{mynah, "Okay, um, mina. Stop!", "Stop!", true}, {mynah, "When is it, Myna?", "When is it?", true}, {mynah, "Where is my now?", "Where is?", true},
		// What the small English recognizer makes of the name now and then.
		{mynah, "Minus when does the tournament start?", "when does the tournament start?", true}, {mynah, "Minute, start training.", "start training.", true},
		{mynah, "Minus stop.", "stop.", true}, {mynah, "Minute. Stop.", "Stop.", true}, {mynah, "Hey minute, who's playing tonight,", "who's playing tonight,", true},
		{mynah, "Minus five degrees today.", "Minus five degrees today.", false}, {mynah, "Minute by minute.", "Minute by minute.", false},
		{mynah, "Is it ten minus?", "Is it ten minus?", false}, {mynah, "Wait a minute, what is it?", "Wait a minute, what is it?", false},
		{mynah, "Minute.", "Minute.", false}, {jarvis, "Minute, start training.", "Minute, start training.", false},
		{mynah, "It is a minor problem today.", "It is a minor problem today.", false}, {mynah, "Майна, когда турнир?", "когда турнир?", true},
		{mynah, "Birdie, stop.", "stop.", true}, {mynah, "Hey, my bird, stop.", "stop.", true}, {jarvis, "Birdie, stop.", "Birdie, stop.", false},
		{mynah, "Tell me the story of the mynah.", "Tell me the story of the mynah.", false}, {mynah, "What is it for, Mynah?", "What is it for?", true},
		{mynah, "Mynah.", "", true}, {mynah, "", "", false}, {mynah, "I told the mynah that it is late", "I told the mynah that it is late", false},
		{jarvis, "Jarvis, stop", "stop", true}, {jarvis, "Jarvas, stop", "stop", true}, {jarvis, "Mynah, stop", "Mynah, stop", false}, {jarvis, "Service, stop", "Service, stop", false},
	} {
		rest, named := c.a.find(c.text, all["en"])
		if rest != c.rest || named != c.named {
			t.Errorf("%q: %q, %v", c.text, rest, named)
		}
	}
}

func TestWithoutFillers(t *testing.T) {
	all := loaded(t)
	for _, c := range []struct{ language, text, want string }{
		{"en", "And what does the winner get?", "what does the winner get?"}, {"en", "So, um, when is it?", "when is it?"}, {"en", "When is it?", "When is it?"},
		{"en", "Um.", "Um."}, {"en", "No, the other one.", "No, the other one."}, {"en", "", ""}, {"ru", "Ну, а когда турнир?", "когда турнир?"},
	} {
		if got := all[c.language].withoutFillers(c.text); got != c.want {
			t.Errorf("%q: %q", c.text, got)
		}
	}
}

func TestCorrectNames(t *testing.T) {
	common := loaded(t)["en"].Common
	v := newVocabulary([]Word{{Text: "Xylo", Said: "Zylo"}, {Text: "Katherine"}, {Text: "Valorant"}, {Text: "Grimwald"}, {Text: "Bob"}, {Text: "Marc"}, {Text: "Mark"}, {Text: "Dark Souls"}, {Text: "Leader"}, {Text: "Тимофей"}})
	for _, c := range []struct{ in, want string }{
		{"Is Catherine here?", "Is Katherine here?"}, {"Who plays valerant today?", "Who plays Valorant today?"}, {"Ask grim wald about it.", "Ask Grimwald about it."},
		{"I told Bop.", "I told Bop."}, {"Tell Marg.", "Tell Marg."}, {"We play dark sold.", "We play dark sold."}, {"The ladder is long.", "The ladder is long."},
		{"Katherine wins.", "Katherine wins."}, {"when will the letter come", "when will the letter come"}, {"Где тимафей?", "Где Тимофей?"}, {"", ""},
	} {
		if got := v.correct(c.in, common); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
	if got := v.pronounce("Xylo wins"); got != "Zylo wins" {
		t.Errorf("said %q", got)
	}
}

func TestSpeakable(t *testing.T) {
	all := loaded(t)
	name := func(id string) string { return map[string]string{"42": "Ann"}[id] }
	for _, c := range []struct{ language, in, want string }{
		{"en", "Hello **there**, <@42> and <@!43>!", "Hello there, Ann and someone!"},
		{"en", "See <#5>, <@&6>.", "See a channel, a role."},
		{"en", "Read [the rules](https://example.org/rules) or https://www.example.org/a?b=c.", "Read the rules or a link to example.org."},
		{"en", "Use:\n```go\nx := 1\n```\nDone", "Use:\n a piece of code that stands in the chat. \nDone"},
		{"en", "# Title\n- one\n- two", "Title.\none.\ntwo"},
		{"en", "1. first\n2. second", "1: first.\n2: second"},
		{"en", "It costs $1,250.50, 20% off & more", "It costs 1250.50 dollars, 20 percent off and more"},
		{"en", "On 2026-11-22, pages 3–5", "On November 22, 2026, pages 3 to 5"},
		{"en", "Call 1234567890", "Call 1 2 3 4 5 6 7 8 9 0"},
		{"en", "Nice 👍🏽 🦄 <:smile:123> ||secret|| ~~gone~~ `code`", "Nice thumbs up secret code"},
		{"en", "snake_case and _this_ and __that__", "snake_case and this and that"},
		{"en", "| a | b |\n|---|---|\n| 1 | 2 |\nEnd", "a table that stands in the chat.\nEnd"},
		{"ru", "Скидка 20%, 5 €, 2026-03-08", "Скидка 20 процентов, 5 евро, 8 марта 2026 года"},
		{"ru", "Привет, **<@42>** и <@43>!", "Привет, Ann и кто-то!"},
		{"ru", "Смотри [правила](https://example.org/x) или https://www.example.org/a.", "Смотри правила или ссылка на example.org."},
		{"ru", "Запусти:\n```\nx := 1\n```\nГотово 👍", "Запусти:\n фрагмент кода, он в чате. \nГотово палец вверх"},
		{"ru", "# Правила\n1. первое\n2. второе", "Правила.\n1: первое.\n2: второе"},
		{"ru", "Билет — 1 250 ₽, страницы 3–5", "Билет — 1250 рублей, страницы 3 до 5"},
		{"en", "", ""}, {"en", "🦄", ""}, {"en", "\xff\xfe", ""},
	} {
		if got := all[c.language].speakable(c.in, name); got != c.want {
			t.Errorf("%q:\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

// Whatever is written, nothing of Discord's marks, no picture and no control character is said.
func FuzzSpeakable(f *testing.F) {
	for _, s := range []string{"a **b** <@1> https://x.y/z?q `c`", "```\nx", "||a|| [b](c) 1,000 $5 3–4 2026-01-02", "| a |\n| b |", "😀\u200d❤\ufe0f", "<@", "_a_ __b__"} {
		f.Add(s)
	}
	all := loaded(f)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4000 {
			return
		}
		got := all["en"].speakable(text, func(string) string { return "" })
		for _, r := range got {
			if unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.So, r) || r == unicode.ReplacementChar && !strings.ContainsRune(text, r) {
				t.Errorf("%q: %q", text, got)
			}
		}
		if strings.Contains(got, "**") || strings.Contains(got, "```") || userMention.MatchString(got) && !strings.Contains(text, "`") && !strings.Contains(text, "*") {
			t.Errorf("%q: %q", text, got)
		}
	})
}

func TestLastSentence(t *testing.T) {
	for _, c := range []struct{ text, complete string }{
		{"", ""}, {"It starts", ""}, {"It starts.", ""}, {"It starts. It", "It starts."}, {"Is it? “Yes!” he", "Is it? “Yes!”"},
		{"Use e.g. this", ""}, {"1. first", ""}, {"1. first\n2.", "1. first"}, {"About 3.5 metres", ""}, {"In 1999. Then", ""},
		{"Look:\n```\nx. y\n", "Look:"}, {"Look:\n```\nx. y\n```\nSo", "Look:\n```\nx. y\n```"}, {"A table\n| a |\n| b |\n", "A table"},
		{"Турнир в пятницу. Он", "Турнир в пятницу."}, {"Well… yes", "Well…"},
	} {
		if got := c.text[:lastSentence(c.text)]; got != c.complete {
			t.Errorf("%q: %q, want %q", c.text, got, c.complete)
		}
	}
}

func TestShorten(t *testing.T) {
	for _, c := range []struct {
		in          string
		limit       int
		aloud, rest string
	}{
		{"One. Two. Three.", 100, "One. Two. Three.", ""}, {"One. Two. Three.", 10, "One. Two.", "Three."}, {"One two three four", 9, "One two", "three four"},
		{"Один. Два. Три.", 11, "Один. Два.", "Три."},
	} {
		if aloud, rest := shorten(c.in, c.limit); aloud != c.aloud || rest != c.rest {
			t.Errorf("%q: %q and %q", c.in, aloud, rest)
		}
	}
}

func TestWithoutEnd(t *testing.T) {
	for _, c := range []struct{ said, unsaid, wantSaid, wantUnsaid string }{
		{"One.", "Two. It goes on.", "One.", "Two."},
		{"One. Two.", "It goes on.", "One. Two.", ""},
		{"One. Two. It goes", "on.", "One. Two.", ""},
		{"One. Two. It goes on.", "", "One. Two.", ""},
		{"One.", "Two.", "One.", "Two."},
	} {
		if said, unsaid := withoutEnd("It goes on.")(c.said, c.unsaid); said != c.wantSaid || unsaid != c.wantUnsaid {
			t.Errorf("%q and %q become %q and %q", c.said, c.unsaid, said, unsaid)
		}
	}
	if said, unsaid := withoutEnd("")("One.", "Two."); said != "One." || unsaid != "Two." {
		t.Errorf("without an end: %q and %q", said, unsaid)
	}
}
