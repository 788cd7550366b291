package conversation

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// spokenSigns is how a language says what is written in signs.
type spokenSigns struct {
	Signs      map[string]string `yaml:"signs"`
	Currencies map[string]string `yaml:"currencies"`
	Thousands  string            `yaml:"thousands"` // the mark between thousands
	Range      string            `yaml:"range"`
	Link       string            `yaml:"link"`
	Code       string            `yaml:"code"`
	Table      string            `yaml:"table"`
	Someone    string            `yaml:"someone"`
	Channel    string            `yaml:"channel"`
	Role       string            `yaml:"role"`
	Date       string            `yaml:"date"`
	Months     []string          `yaml:"months"`
	Emoji      map[string]string `yaml:"emoji"`
}

var (
	codeBlock   = regexp.MustCompile("(?s)```.*?(?:```|$)")
	tableBlock  = regexp.MustCompile(`(?m)(?:^[ \t]*\|.*\|[ \t]*\n?){2,}`)
	maskedLink  = regexp.MustCompile(`!?\[([^\]\n]{1,300})\]\(<?[^)\s]*>?\)`)
	bareLink    = regexp.MustCompile(`<?https?://[^\s<>()]+>?`)
	userMention = regexp.MustCompile(`<@!?(\d{1,20})>`)
	roleMention = regexp.MustCompile(`<@&\d{1,20}>`)
	roomMention = regexp.MustCompile(`<#\d{1,20}>`)
	otherMark   = regexp.MustCompile(`<(?:a?:\w+:\d{1,20}|t:-?\d{1,16}(?::[a-zA-Z])?|/[^:>]{1,100}:\d{1,20}|id:\w+)>`)
	spoiler     = regexp.MustCompile(`\|\|(.*?)\|\|`)
	struck      = regexp.MustCompile(`~~.*?~~`)
	lineMark    = regexp.MustCompile(`(?m)^[ \t]*(?:#{1,6}[ \t]+|>{1,3}[ \t]*|-#[ \t]+|[-*+•][ \t]+)`)
	lineNumber  = regexp.MustCompile(`(?m)^[ \t]*(\d{1,3})[.)][ \t]+`)
	emphasis    = regexp.MustCompile("[*`]+|\\b_{1,2}|_{1,2}\\b")
	isoDate     = regexp.MustCompile(`\b(\d{4})-(\d{2})-(\d{2})\b`)
	money       = regexp.MustCompile(`([$€£₽¥])[ \x{00a0}]?(\d[\d.,]*\d|\d)`)
	numberRange = regexp.MustCompile(`(\d)[ \x{00a0}]?[–—][ \x{00a0}]?(\d)`)
	grouped     = regexp.MustCompile(`\d{1,3}(?:[,\x{00a0}\x{202f} ]\d{3})+\b`)
	longNumber  = regexp.MustCompile(`\b\d{9,}\b`)
	lineEnd     = regexp.MustCompile(`([^\s.!?…:;,])[ \t]*\n+`)
	spaces      = regexp.MustCompile(`[ \t]+`)
)

// speakable turns what is written into what is said: links become their words or their host, mentions the people's names,
// signs their words; code and tables are named and left to the chat; Markdown goes.
func (p *phrases) speakable(text string, name func(user string) string) string {
	s := &p.Spoken
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\r\n", "\n"), " ")
	text = codeBlock.ReplaceAllString(text, " "+s.Code+". ")
	text = tableBlock.ReplaceAllString(text, s.Table+".\n")
	text = maskedLink.ReplaceAllString(text, "$1")
	text = bareLink.ReplaceAllStringFunc(text, func(link string) string {
		trimmed := strings.Trim(link, "<>")
		tail := trimmed[len(strings.TrimRight(trimmed, ".,!?;:'\"")):]
		u, err := url.Parse(strings.TrimRight(trimmed, ".,!?;:'\""))
		if err != nil || u.Hostname() == "" {
			return tail
		}
		return strings.ReplaceAll(s.Link, "{host}", strings.TrimPrefix(u.Hostname(), "www.")) + tail
	})
	text = userMention.ReplaceAllStringFunc(text, func(m string) string {
		if n := name(userMention.FindStringSubmatch(m)[1]); n != "" {
			return n
		}
		return s.Someone
	})
	text = roleMention.ReplaceAllString(text, s.Role)
	text = roomMention.ReplaceAllString(text, s.Channel)
	text = otherMark.ReplaceAllString(text, " ")
	text = struck.ReplaceAllString(text, "")
	text = spoiler.ReplaceAllString(text, "$1")
	text = lineMark.ReplaceAllString(text, "")
	text = lineNumber.ReplaceAllString(text, "$1: ")
	text = emphasis.ReplaceAllString(text, "")
	text = isoDate.ReplaceAllStringFunc(text, s.date)
	text = grouped.ReplaceAllStringFunc(text, func(n string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return r
			}
			return -1
		}, n)
	})
	text = money.ReplaceAllStringFunc(text, func(m string) string {
		parts := money.FindStringSubmatch(m)
		return parts[2] + " " + s.Currencies[parts[1]]
	})
	text = numberRange.ReplaceAllString(text, strings.NewReplacer("{from}", "$1", "{to}", "$2").Replace(rangeWords(s.Range)))
	text = longNumber.ReplaceAllStringFunc(text, func(n string) string { return strings.Join(strings.Split(n, ""), " ") })
	text = s.signs(text)
	text = lineEnd.ReplaceAllString(text, "$1.\n")
	return strings.TrimSpace(spaces.ReplaceAllString(text, " "))
}

// rangeWords is the language's range with what stands before the first number left out: it can't be put there without
// looking back, and "1 to 3" is understood.
func rangeWords(r string) string {
	if i := strings.Index(r, "{from}"); i >= 0 {
		return r[i:]
	}
	return "{from} {to}"
}

func (s *spokenSigns) date(iso string) string {
	m := isoDate.FindStringSubmatch(iso)
	month, _ := strconv.Atoi(m[2])
	day, _ := strconv.Atoi(m[3])
	if month < 1 || month > len(s.Months) || day < 1 || day > 31 {
		return iso
	}
	return strings.NewReplacer("{year}", m[1], "{month}", s.Months[month-1], "{day}", strconv.Itoa(day)).Replace(s.Date)
}

// signs says the signs and the pictures that the language has words for, and drops the other pictures.
func (s *spokenSigns) signs(text string) string {
	var keys []string
	words := map[string]string{}
	for _, m := range []map[string]string{s.Signs, s.Currencies, s.Emoji} {
		for k, w := range m {
			keys = append(keys, k)
			words[k] = w
		}
	}
	slices.SortFunc(keys, func(a, b string) int { return len(b) - len(a) })
	var b strings.Builder
scan:
	for i := 0; i < len(text); {
		for _, k := range keys {
			if strings.HasPrefix(text[i:], k) {
				b.WriteString(" " + words[k] + " ")
				i += len(k)
				continue scan
			}
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		switch {
		case r == '\n':
			b.WriteRune(r)
		case unicode.IsSpace(r), unicode.IsControl(r):
			b.WriteByte(' ')
		case unicode.Is(unicode.So, r), unicode.Is(unicode.Sk, r) && r > 0xff, unicode.Is(unicode.Cf, r), r >= 0xfe00 && r <= 0xfe0f, unicode.Is(unicode.Co, r), r == 0x20e3:
			// pictures, their modifiers and invisible marks
		default:
			b.WriteRune(r)
		}
	}
	out := b.String()
	for _, mark := range []string{".", ",", "!", "?", ";", ":"} {
		out = strings.ReplaceAll(out, " "+mark, mark)
	}
	return out
}
