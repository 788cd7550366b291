package spoken

import (
	"strings"
	"time"
	"unicode"
)

// SayRate is the sample rate of what is said in a voice channel, in Hz.
const SayRate = 24000

// Speech is something to say.
type Speech struct {
	Text     string
	Language string  // BCP 47 primary tag; "" has it detected from the text's script
	Voice    string  // name of a voice; "" for the one that is usual for the language
	Speed    float64 // 1 is the voice's own speed, 2 twice as fast; 0 stands for 1
}

// Part is a piece of a text to be spoken, and the pause after it.
type Part struct {
	Text  string
	Pause time.Duration
}

// VoiceMessage is a file that Discord plays as a voice message, with what has to be sent beside it
// (Discord's developer documentation, "Message Resource", Voice Messages).
type VoiceMessage struct {
	Ogg      []byte        // Ogg Opus, mono, 48 kHz
	Duration time.Duration // to the millisecond
	Waveform []byte        // loudness over time, 0..255, at most 256 points: one for each 100 ms of a short message
}

// Primary is the primary tag of a BCP 47 tag: "ru" of "ru-RU".
func Primary(tag string) string {
	base, _, _ := strings.Cut(tag, "-")
	return strings.ToLower(base)
}

// Limits of the speed that synthesizers take; what lies outside is brought to the nearer one.
const (
	MinSpeed = 0.5
	MaxSpeed = 2
)

// Pace is the speed that s asks for, within the limits.
func (s Speech) Pace() float64 {
	if s.Speed == 0 || s.Speed != s.Speed {
		return 1
	}
	return min(max(s.Speed, MinSpeed), MaxSpeed)
}

// scripts are those that tell a language, each with the one that is meant most often.
var scripts = []struct {
	table    *unicode.RangeTable
	language string
}{
	{unicode.Latin, "en"}, {unicode.Cyrillic, "ru"}, {unicode.Greek, "el"}, {unicode.Arabic, "ar"}, {unicode.Hebrew, "he"},
	{unicode.Han, "zh"}, {unicode.Hiragana, "ja"}, {unicode.Katakana, "ja"}, {unicode.Hangul, "ko"}, {unicode.Devanagari, "hi"},
	{unicode.Bengali, "bn"}, {unicode.Tamil, "ta"}, {unicode.Telugu, "te"}, {unicode.Thai, "th"}, {unicode.Georgian, "ka"},
	{unicode.Armenian, "hy"},
}

// DetectLanguage guesses the language of a text from the script that most of its letters are in; "" for a text
// without letters. Languages that share a script are not told apart, but for Ukrainian and Belarusian by their own letters.
func DetectLanguage(text string) string {
	count := map[string]int{}
	ukrainian, belarusian := false, false
	for _, r := range text {
		if !unicode.IsLetter(r) {
			continue
		}
		switch r {
		case 'ї', 'є', 'ґ', 'Ї', 'Є', 'Ґ':
			ukrainian = true
		case 'ў', 'Ў':
			belarusian = true
		}
		for _, s := range scripts {
			if unicode.Is(s.table, r) {
				count[s.language]++
				break
			}
		}
	}
	if count["ja"] > 0 { // Japanese mixes its own scripts with Chinese characters
		count["ja"] += count["zh"]
		delete(count, "zh")
	}
	best := ""
	for _, s := range scripts {
		if n := count[s.language]; n > 0 && (best == "" || n > count[best]) {
			best = s.language
		}
	}
	switch {
	case best == "ru" && belarusian:
		return "be"
	case best == "ru" && ukrainian:
		return "uk"
	}
	return best
}
