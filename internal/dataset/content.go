package dataset

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What stands in a column: questions, sentences, names that repeat, dates, addresses, numbers.

// columnStats counts the values of one column of a sample.
type columnStats struct {
	values    int            // that aren't empty
	distinct  map[string]int // values by how often they come; long ones by their beginning
	bytes     int
	questions int
	numbers   int
	times     int
	links     int // addresses of pages and people
	ids       int
	labels    int // values short enough for a label
	sequence  int // values that are one more than the one before
	last      float64
}

func (c *columnStats) add(s string) {
	s = strings.TrimSpace(s)
	if s == "" {
		return
	}
	if c.distinct == nil {
		c.distinct = map[string]int{}
	}
	c.values++
	c.bytes += len(s)
	c.distinct[s[:min(len(s), 200)]]++
	switch n, err := strconv.ParseFloat(s, 64); {
	case err == nil && isTime(s): // 20240101
		c.times++
	case err == nil:
		c.numbers++
		if c.values > 1 && n == c.last+1 {
			c.sequence++
		}
		c.last = n
	case isQuestion(s):
		c.questions++
	case isTime(s):
		c.times++
	case isLink(s):
		c.links++
	case isID(s):
		c.ids++
	}
	if looksLikeLabel(s) {
		c.labels++
	}
}

// most reports whether at least nine tenths of the values are of a kind.
func (c *columnStats) most(kind int) bool { return c.values > 0 && 10*kind >= 9*c.values }

// technical reports whether the column holds what people neither ask nor answer.
func (c *columnStats) technical() bool {
	return c.most(c.times+c.links+c.ids+c.numbers) && !c.repeats()
}

// repeats reports whether few values come often, as labels do.
func (c *columnStats) repeats() bool {
	n := len(c.distinct)
	return c.values >= 4 && 2*n <= c.values || n >= 2 && c.values >= 10 && 10*n <= 6*c.values && c.most(c.labels)
}

// unique reports whether nearly every value is another one.
func (c *columnStats) unique() bool { return c.values > 0 && 10*len(c.distinct) >= 8*c.values }

// size weighs how much a column has to say.
func (c *columnStats) size() int { return len(c.distinct) * c.bytes }

func looksLikeLabel(s string) bool {
	return len(s) <= 80 && utf8.RuneCountInString(s) <= 40 && len(strings.Fields(s)) <= 3 && !strings.ContainsAny(s, "!?") && !strings.HasSuffix(s, ".")
}

// looksLikeSentence reports whether s is more than a name.
func looksLikeSentence(s string) bool {
	return len(strings.Fields(s)) >= 4 && !looksLikeLabel(s) || strings.HasSuffix(s, ".") && strings.Contains(s, " ")
}

var timeForms = regexp.MustCompile(`^(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})|\d{1,2}[- ][\p{L}]{3,9}\.?[- ]\d{2,4}|[A-Z][a-z]{2},? [A-Z][a-z]{2} \d{1,2}|\d{1,2}:\d{2}(?::\d{2})?$)` +
	`(?:[T ,].{0,40})?$|^(?:19|20)\d{6}$`)

func isTime(s string) bool {
	return len(s) >= 4 && len(s) <= 60 && (s[0] >= '0' && s[0] <= '9' || s[0] >= 'A' && s[0] <= 'Z') && timeForms.MatchString(s)
}

func isLink(s string) bool {
	if strings.ContainsAny(s, " \t\n") || len(s) < 5 {
		return false
	}
	low := strings.ToLower(s[:min(len(s), 8)])
	if strings.HasPrefix(low, "http://") || strings.HasPrefix(low, "https://") || strings.HasPrefix(low, "www.") {
		return true
	}
	name, host, ok := strings.Cut(s, "@")
	return ok && name != "" && strings.Contains(host, ".") && !strings.Contains(host, "@")
}

var idForms = regexp.MustCompile(`^(?:\d{6,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-f]{16,}|[A-Za-z]{1,6}[-_#]?\d{2,}|[A-Za-z0-9_-]{20,})$`)

func isID(s string) bool {
	return len(s) <= 80 && strings.ContainsAny(s, "0123456789") && idForms.MatchString(s)
}

// isQuestion reports whether s asks something.
func isQuestion(s string) bool {
	s = strings.TrimRight(s, " \t\"'”»)*_")
	return strings.HasSuffix(s, "?") || strings.HasSuffix(s, "？") || strings.HasSuffix(s, "؟") || strings.HasSuffix(s, ";") && greek(s)
}

func greek(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Greek, r) })
}
