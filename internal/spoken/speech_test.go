package spoken

import (
	"math"
	"testing"
)

func TestDetectLanguage(t *testing.T) {
	for text, want := range map[string]string{
		"":        "",
		"123, 4!": "",
		"Hello":   "en",
		"Привет":  "ru",
		"Поставь Bohemian, пожалуйста":      "ru",
		"the word привет in a long English": "en",
		"Привіт, як твої справи?":           "uk",
		"Як маеш быць, сябар ў горадзе":     "be",
		"日本語のテキスト":                          "ja",
		"漢字とかな":                             "ja",
		"你好世界":                              "zh",
		"안녕하세요":                             "ko",
		"Γειά σου":                          "el",
		"مرحبا":                             "ar",
	} {
		if got := DetectLanguage(text); got != want {
			t.Errorf("DetectLanguage(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestPace(t *testing.T) {
	for speed, want := range map[float64]float64{0: 1, 1: 1, 0.1: 0.5, -3: 0.5, 7: 2, 1.5: 1.5, math.Inf(1): 2} {
		if got := (Speech{Speed: speed}).Pace(); got != want {
			t.Errorf("Pace of %v = %v, want %v", speed, got, want)
		}
	}
	if got := (Speech{Speed: math.NaN()}).Pace(); got != 1 {
		t.Errorf("Pace of NaN = %v", got)
	}
}
