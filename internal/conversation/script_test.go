package conversation

import (
	"testing"

	"github.com/mynahbot/mynah/internal/language/languagetest"
)

// A folder is all that a further language takes: its phrases are understood, and it is known by its script.
func TestALanguageIsAFolder(t *testing.T) {
	known := languagetest.WithMadeUp(t)
	all, err := loadPhrases(known)
	if err != nil {
		t.Fatal(err)
	}
	greek := all[languagetest.Tag]
	for text, want := range map[string]string{"leave the channel": CommandLeave, "say that again": CommandRepeat, "start training": CommandTrain} {
		if c, ok := greek.command(languagetest.Greek(text)); !ok || c.name != want {
			t.Errorf("%q is %q, %v", languagetest.Greek(text), c.name, ok)
		}
	}
	if c, ok := all["en"].command("speak Greek"); !ok || all["en"].language(c.slots["language"]) != languagetest.Tag {
		t.Errorf("speak Greek: %v, %v", c, ok)
	}
	s := &Session{cfg: Config{Languages: known}, phrases: all}
	for _, c := range []struct{ text, expected, want string }{
		{"Good evening", "en", "en"}, {"Добрый вечер", "en", "ru"}, {languagetest.Greek("Good evening"), "en", "el"},
		{"Good evening", "ru", "en"}, {"Ключ API", "ru", "ru"}, {"Ключ", "el", "ru"}, {"The word is «да»", "en", "en"}, {"Это API, REST и JSON", "en", "en"},
		{"Это правила REST", "en", "ru"}, {"12:30", "ru", "ru"}, {"Добрый вечер", "de", "de"},
	} {
		if got := s.written(c.text, c.expected); got != c.want {
			t.Errorf("%q, where %s is expected, is %s, wants %s", c.text, c.expected, got, c.want)
		}
	}
}
