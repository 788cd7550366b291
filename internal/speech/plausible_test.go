package speech

import (
	"strings"
	"testing"
	"time"
)

func TestPlausible(t *testing.T) {
	for name, tc := range map[string]struct {
		text, language string
		length         time.Duration
		want           bool
	}{
		"empty":                  {"", "en", time.Second, true},
		"English":                {"Ask not what your country can do for you.", "en", 3 * time.Second, true},
		"accents":                {"Übergrößenträger naïve café", "de", 3 * time.Second, true},
		"numbers only":           {"90210", "en", time.Second, true},
		"Arabic for English":     {"مرحبا بالعالم", "en", 3 * time.Second, false},
		"English for Russian":    {"but had never should be able", "ru", 3 * time.Second, false},
		"Russian":                {"шестьдесят тысяч тенге", "ru", 3 * time.Second, true},
		"a name in Russian":      {"открой YouTube и найди песню", "ru", 3 * time.Second, true},
		"Japanese":               {"東京タワーへ行きました", "ja", 3 * time.Second, true},
		"unknown language":       {"မင်္ဂလာပါ", "my", time.Second, true},
		"no language":            {"привет", "", time.Second, true},
		"faster than anybody":    {strings.Repeat("abcdefghij ", 20), "en", 2 * time.Second, false},
		"said thrice":            {"It's all about money, money, money.", "en", 3 * time.Second, true},
		"a song's line":          {"no no no no no no", "en", 3 * time.Second, true},
		"digits":                 {"one zero zero zero one nine oh two one oh zero one eight zero three", "en", 7 * time.Second, true},
		"a chorus and a strophe": {"la la la la la and then we walked along the river bank until the night had come", "en", 9 * time.Second, true},
	} {
		if got := plausible(tc.text, tc.language, tc.length); got != tc.want {
			t.Errorf("%s: %v for %q", name, got, tc.text)
		}
	}
}
