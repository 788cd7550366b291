package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/audio/wav"
	"github.com/mynahbot/mynah/internal/speech/voices"
	"github.com/mynahbot/mynah/internal/spoken"
)

// number is a number in a sentence, and the digits that it has, however they are grouped and whether they are written as words.
type number struct{ say, digits string }

// numbers are those that people ask bots about.
func numbers() []number {
	var all []number
	add := func(form string, values ...string) {
		for _, v := range values {
			digits := strings.Map(func(r rune) rune {
				if unicode.IsDigit(r) {
					return r
				}
				return -1
			}, v)
			all = append(all, number{fmt.Sprintf(form, v), digits})
		}
	}
	add("Connect to port %s.", "25565", "8080", "443", "27015", "9987", "19132")
	add("The port is %s on the new server.", "25575", "2456", "7777", "30120")
	spelled := func(form string, values ...string) {
		names := strings.Fields("zero one two three four five six seven eight nine")
		for _, v := range values {
			words := make([]string, len(v))
			for i, d := range v {
				words[i] = names[d-'0']
			}
			all = append(all, number{fmt.Sprintf(form, strings.Join(words, " ")), v})
		}
	}
	spelled("Connect to port %s.", "25565", "8080", "443", "27015", "9987", "64738")
	spelled("My number is %s.", "5550142", "5550199", "4420796", "9735512", "2015550123")
	spelled("The code is %s.", "4711", "90210", "1337", "777", "10455", "86420")
	add("The raid starts at %s.", "7:30 pm", "8:15 pm", "6:45", "9:20", "10:40 pm", "11:05")
	add("We meet at %s tomorrow.", "5 o'clock", "12:30", "3:50", "4:10")
	add("There are %s members in the guild.", "250", "1500", "42", "318", "96")
	add("It costs %s coins.", "15", "99", "1200", "350", "640", "75")
	add("The server was founded in %s.", "1998", "2016", "2021", "2009")
	add("Call extension %s please.", "204", "3310", "512", "7781")
	add("Version %s is out.", "1.21", "3.5", "2.14", "1.8")
	return all
}

// numbers speaks each number with each voice, and counts those whose digits come back.
func (b *bench) numbers(ctx context.Context, v *voices.Voices, names ...string) error {
	for _, name := range names {
		right, loops, all := 0, 0, numbers()
		for _, n := range all {
			var sound audio.PCM
			err := v.Synthesize(ctx, spoken.Speech{Text: n.say, Language: "en", Voice: name}, func(p audio.PCM) error {
				sound.Rate = p.Rate
				sound.Samples = append(sound.Samples, p.Samples...)
				return nil
			})
			if err != nil {
				return err
			}
			t, err := b.engine.Transcribe(ctx, bytes.NewReader(wav.Encode(sound.Rate, sound.Samples)), []string{"en"}, nil)
			if err != nil {
				return err
			}
			got := digitsOf(t.Text)
			if got == n.digits {
				right++
			} else if b.verbose {
				fmt.Printf("%s: said %q, heard %q (guess %q): %s instead of %s\n", name, n.say, t.Text, t.Guess, got, n.digits)
			}
			if len(got) > 2*len(n.digits)+4 {
				loops++
			}
		}
		fmt.Printf("spoken numbers, %s: %d of %d as said, %d far too long\n", name, right, len(all), loops)
	}
	return nil
}

var units = map[string]int{"zero": 0, "oh": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
	"eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
	"seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
	"eighty": 80, "ninety": 90}

// digitsOf are the digits of a text, those that are written as words too.
func digitsOf(text string) string {
	var out strings.Builder
	value, open := 0, false // of the words so far
	last := 0
	flush := func() {
		if open {
			out.WriteString(strconv.Itoa(value))
		}
		value, open, last = 0, false, 0
	}
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		n, known := units[w]
		switch {
		case known && open && !(last >= 20 && n < 10 && n > 0 || last >= 100 && n < 100):
			flush()
			fallthrough
		case known:
			value, open, last = value+n, true, max(n, 1)
		case w == "hundred" && open:
			value, last = value/100*100+value%100*100, 100
		case w == "thousand" && open:
			value, last = value*1000, 1000
		case w == "and" && open:
		case unicode.IsDigit([]rune(w)[0]):
			flush()
			out.WriteString(strings.TrimRightFunc(w, unicode.IsLetter))
		default:
			flush()
		}
	}
	flush()
	return out.String()
}
