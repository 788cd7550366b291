package speech

import (
	"strings"
	"testing"
)

func TestFirstRound(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"Ask not what your country can do for you, ask what you can do for your country.", ""},
		{"The server is 192.168.0.1, Hork 255565.00, Hork 255565.00, Hork 25556.00, Hork 25556.00, Hork 2", "The server is 192.168.0.1, Hork 255565.00"},
		{"I don't know. I don't know. I don't know.", "I don't know"},
		{"So it was, and so it was, and so it was, and then we left.", "So it was, and then we left."},
		{"well so so so so so so so so so", "well so"},
		{"It's all about money, money, money.", ""},
		{"No, no, no!", ""},
		{"no no no no no no", ""},
		{"ha ha ha ha ha ha", ""},
		{"555 555 555 12", ""},
		{"2 5 2 5 2 5", ""},
		{"two five two five two five", ""},
		{"один два один два один два", ""},
		{"one zero zero zero one nine oh two", ""},
		{"10,000,000", ""},
		{"255565 255565 255566", "255565"},
		{"Спасибо за просмотр! Спасибо за просмотр! Спасибо за просмотр! Спасибо", "Спасибо за просмотр"},
		{"Это было так, это было так, это было там. Потом мы ушли.", "Это было так Потом мы ушли."},
		{"ааааааааааааааааааааааа", "а"},
		{"port 25565565565565565565565565", "port 25565565565565565565565565"},
		{"hahahahahahahahahaha", "ha"},
		{"Very good, very good.", ""},
		{"The server IP is 192.1689, and the IP is 192.1689, and the IP is 192.1689,", "The server IP is 192.1689, and the"},
		{"There are 100,000, 100,000, 100,000, 100,000", "There are 100,000"},
	} {
		want := c.want
		if want == "" {
			want = c.text
		}
		if got := firstRound(c.text); got != want {
			t.Errorf("%q becomes %q, want %q", c.text, got, want)
		}
	}
}

func FuzzFirstRound(f *testing.F) {
	f.Add("that was so that was so that was so that was so that was so")
	f.Add("ааааааааааааааааааааааа 1 1 1 1")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 400 {
			return
		}
		once := firstRound(text)
		if len(once) > len(text) {
			t.Errorf("%q grew to %q", text, once)
		}
		if again := firstRound(once); again != once {
			t.Errorf("%q is not done: %q", once, again)
		}
		if !strings.Contains(text, "\xff") && len(split(once)) > len(split(text)) {
			t.Errorf("%q has more words than %q", once, text)
		}
	})
}
