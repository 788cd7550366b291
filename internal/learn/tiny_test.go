package learn

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/record"
)

// tinySet is a set as a newcomer types it, with texts that are in it in other words and some that aren't.
type tinySet struct {
	name     string
	examples []record.Example
	known    map[string]string // text → label
	unknown  []string
}

// templates fills the frames of each label with every filler.
func templates(frames map[string][]string, fillers []string, each int) []record.Example {
	var out []record.Example
	for _, label := range slices.Sorted(maps.Keys(frames)) {
		list := frames[label]
		n := 0
		for _, filler := range fillers {
			for _, frame := range list {
				if n < each {
					out = append(out, record.Example{Text: fmt.Sprintf(frame, filler), Label: label})
					n++
				}
			}
		}
	}
	return out
}

// typed makes examples of lines of text, by label.
func typed(lines map[string]string) []record.Example {
	var out []record.Example
	for _, label := range slices.Sorted(maps.Keys(lines)) {
		for line := range strings.Lines(lines[label]) {
			if line = strings.TrimSpace(line); line != "" {
				out = append(out, record.Example{Text: line, Label: label})
			}
		}
	}
	return out
}

var gibberish = []string{"asdkjh qwe zzxcv", "xqzt", "фывапролд йцукен", "12345 67890", "!!!", "lorem ipsum dolor sit amet", "quantum chromodynamics lagrangian"}

func tinySets() []tinySet {
	cinema := map[string][]string{
		"price":    {"how much is a %s", "what does a %s cost", "price of a %s please", "how much do i pay for a %s"},
		"location": {"where is the %s", "where can i find the %s", "how do i get to the %s", "which way to the %s"},
		"hours":    {"when does the %s open", "until when is the %s open", "at what time does the %s close", "is the %s open on sunday"},
	}
	things := []string{"ticket", "film", "seat", "hall", "cafe"}
	asked := map[string]string{
		"how much is a ticket": "price", "what does a ticket cost?": "price", "How much for a seat": "price",
		"where is the hall": "location", "where can i find the cafe please": "location", "how do i get to the hall?": "location",
		"when does the cafe open": "hours", "until when is the cafe open": "hours", "is the hall open on sunday?": "hours",
	}
	var sets []tinySet
	for _, each := range []int{5, 10, 20} {
		sets = append(sets, tinySet{fmt.Sprintf("templates %d", each), templates(cinema, things, each), asked, gibberish})
	}
	sets = append(sets,
		tinySet{"numbered", templates(map[string][]string{
			"price": {"how much is a ticket number %s"}, "location": {"where is the hall number %s"}, "hours": {"when does the cinema open %s"},
		}, strings.Fields("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"), 20), map[string]string{
			"how much is a ticket": "price", "where is the hall": "location", "when does the cinema open": "hours", "how much is a ticket number 25?": "price",
		}, gibberish},
		tinySet{"two labels", typed(map[string]string{
			"greeting": "hello\nhi\nhey there\ngood morning\nhi mynah",
			"farewell": "bye\ngoodbye\nsee you later\ngood night\nbye mynah",
		}), map[string]string{"hello": "greeting", "hey": "greeting", "hi there": "greeting", "goodbye!": "farewell", "see you": "farewell", "bye bye": "farewell"}, gibberish},
		tinySet{"shop", typed(map[string]string{
			"delivery": "where is my order\nwhen will my parcel arrive\nmy package has not come yet\ntrack my delivery\nhow long does shipping take",
			"refund":   "i want my money back\nplease refund me\nhow do i return this\ncan i get a refund\ni want to send it back",
			"hours":    "when do you open\nare you open on sunday\nwhat are your opening hours\nhow late are you open\nwhen do you close",
			"payment":  "can i pay by card\ndo you take paypal\nhow can i pay\nmy card was declined\nwhich payment methods are there",
		}), map[string]string{
			"where is my parcel": "delivery", "when will my order arrive?": "delivery", "i want a refund": "refund", "refund my money please": "refund",
			"are you open on monday": "hours", "when do you open?": "hours", "can i pay with paypal": "payment", "do you take cards": "payment",
		}, gibberish},
		tinySet{"Russian", typed(map[string]string{
			"цена":  "сколько стоит билет\nкакая цена билета\nпочём билет\nсколько стоят билеты\nцена за вход",
			"адрес": "где вы находитесь\nкак к вам пройти\nкакой у вас адрес\nкак до вас добраться\nгде вас найти",
			"время": "когда вы открываетесь\nдо скольки вы работаете\nвы работаете в воскресенье\nчасы работы\nво сколько закрываетесь",
		}), map[string]string{
			"сколько стоит билет?": "цена", "какая цена": "цена", "где вы": "адрес", "как добраться": "адрес", "когда открываетесь": "время", "вы работаете в субботу": "время",
		}, gibberish},
	)
	return sets
}

func TestTinySetsAnswer(t *testing.T) {
	for _, s := range tinySets() {
		t.Run(s.name, func(t *testing.T) {
			for seed := range uint64(5) {
				m, _ := train(t, s.examples, Options{Seed: seed})
				for text, want := range s.known {
					if p := m.Predict(text); p.Label != want || !p.LabelKnown {
						t.Errorf("seed %d: %q is %s with %.3f, want %s; score %.3f, threshold %.3f", seed, text, p.Label, p.Probability, want, p.KnownScore, m.Threshold())
					}
				}
				for _, text := range s.unknown {
					if p := m.Predict(text); p.LabelKnown {
						t.Errorf("seed %d: %q is %s with %.3f, want no answer; score %.3f, threshold %.3f", seed, text, p.Label, p.Probability, p.KnownScore, m.Threshold())
					}
				}
			}
		})
	}
}

// TestTinyRepliesAnswer teaches a handful of questions with replies, as a server does on its first evening.
func TestTinyRepliesAnswer(t *testing.T) {
	english := []record.Example{
		{Text: "when does the tournament start", Reply: "On Saturday at six."},
		{Text: "how do i join a team", Reply: "Write to the captain."},
		{Text: "what are the rules", Reply: "They are pinned."},
		{Text: "who are the moderators", Reply: "Ann and Bob."},
		{Text: "where can i report a bug", Reply: "In the channel for bugs."},
	}
	russian := []record.Example{
		{Text: "когда начинается турнир", Reply: "В субботу в шесть."},
		{Text: "как вступить в команду", Reply: "Напишите капитану."},
		{Text: "какие здесь правила", Reply: "Они закреплены."},
		{Text: "кто модераторы", Reply: "Аня и Боря."},
		{Text: "куда сообщить об ошибке", Reply: "В канал для ошибок."},
	}
	for _, c := range []struct {
		name     string
		examples []record.Example
		known    map[string]string
	}{
		{"three", english[:3], map[string]string{"When does the tournament start?": english[0].Reply, "how can i join a team": english[1].Reply, "what are your rules": english[2].Reply}},
		{"five", english, map[string]string{"when will the tournament start": english[0].Reply, "how to join the team?": english[1].Reply, "the rules?": english[2].Reply,
			"who is a moderator": english[3].Reply, "where do i report bugs": english[4].Reply}},
		{"Russian", russian, map[string]string{"Когда начнется турнир?": russian[0].Reply, "как мне вступить в команду": russian[1].Reply, "какие правила": russian[2].Reply,
			"кто тут модератор": russian[3].Reply, "куда писать об ошибках": russian[4].Reply}},
		{"both", append(append([]record.Example(nil), english...), russian...), map[string]string{"when will the tournament start": english[0].Reply, "какие правила": russian[2].Reply}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(3) {
				m, _ := train(t, c.examples, Options{Seed: seed})
				for text, want := range c.known {
					if p := m.Predict(text); p.Reply != want || !p.Known {
						t.Errorf("seed %d: %q gets %q, want %q; score %.3f, threshold %.3f", seed, text, p.Reply, want, p.ReplyScore, m.ReplyThreshold())
					}
				}
				for _, text := range append([]string{"is it raining today", "how much is the fish", "мне холодно и грустно", "сколько стоит рыба"}, gibberish...) {
					if p := m.Predict(text); p.Known {
						t.Errorf("seed %d: %q gets %q, want no answer; score %.3f, threshold %.3f", seed, text, p.Reply, p.ReplyScore, m.ReplyThreshold())
					}
				}
			}
		})
	}
}
