package bot

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// size prints a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 1_000_000:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/1e6), ".0") + " MB"
	case n >= 1000:
		return fmt.Sprintf("%d kB", (n+500)/1000)
	}
	return fmt.Sprintf("%d B", n)
}

// percent prints a share of 1.
func percent(x float64) string {
	if x > 0.9995 && x < 1 {
		return "> 99.9 %"
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*x), ".0") + " %"
}

// seconds prints a duration for people.
func seconds(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%d:%02d min", int(d.Minutes()), int(d.Seconds())%60)
}

// markdown are the characters that mean something to Discord wherever they stand: emphasis, code, spoilers, links and mentions.
var markdown = strings.NewReplacer("\\", "\\\\", "`", "'", "*", "\\*", "_", "\\_", "~", "\\~", "|", "\\|", "[", "\\[", "]", "\\]", "<", "\\<",
	"://", "\\:\\/\\/", "\n", " ", "\r", " ")

// lineStart are those that mean something at the start of a line: headings, quotations, lists.
var lineStart = regexp.MustCompile(`^(\s*)(?:([#>+-])|(\d+)([.)]))`)

// plain makes a name that somebody else chose harmless, inside a sentence or alone in its line.
func plain(s string) string {
	s = markdown.Replace(shorten(s, 100))
	return lineStart.ReplaceAllStringFunc(s, func(start string) string {
		return start[:len(start)-1] + "\\" + start[len(start)-1:]
	})
}

// code shows a text as it is, in one line.
func code(s string) string {
	return "`" + strings.NewReplacer("`", "'", "\n", " ", "\r", " ").Replace(shorten(s, 200)) + "`"
}

// argument is a value as it is typed in a command that stands in a code span.
func argument(s string) string {
	s = strings.ReplaceAll(s, "`", "'")
	if strings.ContainsFunc(s, unicode.IsSpace) {
		return `"` + s + `"`
	}
	return s
}
