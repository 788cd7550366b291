package evidence

import "testing"

// A question is known in another phrasing, and no other question is taken for it.
func TestPhrasings(t *testing.T) {
	known := map[string]bool{"ввести": true, "вывести": true, "trial": true, "trail": true}
	for question, texts := range map[string]struct{ same, other []string }{
		"At what time does the tournament start?": {
			[]string{"When does the tournament start?", "when at all does the tournament start", "Can you tell me when the tournament starts?", "what time will the tournament start",
				"when does the tournamnet start", "hey, at which hour does the tournament start please"},
			[]string{"When does the tournament end?", "Where does the tournament start?", "When does the concert start?", "until when does the tournament last", "Why does the tournament start?",
				"when does the junior tournament start", "which day does the tournament start", "when does the tournament not start", "who starts the tournament", "tournament", "when", ""},
		},
		"Во сколько начинается турнир?": {
			[]string{"Когда начинается турнир?", "а когда же турнир начинается", "подскажите пожалуйста, в котором часу начинается турнир", "не подскажете, во сколько начинается турнир"},
			[]string{"Когда заканчивается турнир?", "Где начинается турнир?", "до скольки идёт турнир", "когда не начинается турнир", "когда начинается концерт", "в какой день начинается турнир"},
		},
		"how much is a ticket from Paris to London": {
			[]string{"how much is the ticket from Paris to London?"},
			[]string{"how much is a ticket from London to Paris", "how much is a ticket to London", "how many tickets from Paris to London"},
		},
		"сколько стоит билет из Москвы в Казань": {
			[]string{"сколько билет из Москвы в Казань стоит?"},
			[]string{"сколько стоит билет из Казани в Москву", "сколько стоит билет в Казань"},
		},
		"Who is the referee?":       {[]string{"Who's the referee?", "so who’s the referee"}, []string{"whose is the referee", "Where's the referee?", "who isn't the referee"}},
		"what is the entry fee":     {[]string{"What's the entry fee?"}, []string{"how's the entry fee", "what's the exit fee"}},
		"как вывести деньги":        {[]string{"Как вывести деньги?", "как вывести денги"}, []string{"как ввести деньги"}},
		"how do I end the trial":    {[]string{"how do i end a trial"}, []string{"how do I end the trail"}},
		"does the dog bite the man": {nil, []string{"does the man bite the dog", "where is the place", "does the dog bite"}},
		"where is the place":        {nil, []string{"where is the plate"}},
		"is room 12 free":           {[]string{"Is room 12 free today?"}, []string{"is room 13 free", "is room 12 not free"}},
		"I sent the form last week and nobody in the office has answered me yet": {
			[]string{"i sent the form last week and nobody in the office has ever answered me yet", "I sent the form last week and nobody in the ofice has answered me yet"},
			[]string{"I sent the form last week and somebody in the office has answered me yet", "i sent the form 2 last week and nobody in the office has answered me yet"},
		},
	} {
		same := func(text string) bool {
			return phrasingOf(text).same(phrasingOf(question), func(word string) bool { return known[word] })
		}
		for _, text := range texts.same {
			if !same(text) {
				t.Errorf("%q is not taken for %q: %+v, %+v", text, question, phrasingOf(text), phrasingOf(question))
			}
		}
		for _, text := range texts.other {
			if same(text) {
				t.Errorf("%q is taken for %q: %+v, %+v", text, question, phrasingOf(text), phrasingOf(question))
			}
		}
	}
}
