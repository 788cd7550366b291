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
