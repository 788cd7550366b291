package evidence

import "testing"

func TestOpposed(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"how do I enable it", "How do I disable it?", 1},
		{"how to turn on", "How to turn off", 1},
		{"как ввести деньги", "Как вывести деньги с баланса?", 1},
		{"когда начинается урок", "Когда заканчивается урок?", 1},
		{"when does it start and end", "When does it start?", 0},
		{"how do I enable it", "How do I enable it at all?", 0},
		{"first round", "Second round", 1},
		{"is it on", "Is it in?", 0},
		{"free trial", "free trail", 1},
	} {
		if got := opposed(meanings(lexemes(c.a)), meanings(lexemes(c.b))); got != c.want {
			t.Errorf("%q and %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestAlike(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"password", "pasword", true}, {"password", "passwrod", true}, {"pass", "past", false}, {"server", "sever", true},
		{"tournament", "turnamant", true}, {"турнир", "турнирр", true}, {"турнир", "пурнир", false}, {"a", "b", false},
	} {
		if got := alike(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
	}
}
