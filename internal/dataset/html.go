package dataset

import (
	"strings"

	"golang.org/x/net/html"
)

// plainText is s without HTML where it has some: exports of help desks and forums keep answers as such.
func plainText(s string) string {
	if !strings.Contains(s, "<") && !strings.Contains(s, "&") || !looksLikeHTML(s) {
		return s
	}
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(s))
	link, silent := "", 0
	for {
		switch z.Next() {
		case html.ErrorToken:
			return tidyLines(b.String())
		case html.TextToken:
			if silent == 0 {
				b.Write(z.Text())
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			switch string(name) {
			case "br", "p", "div", "h1", "h2", "h3", "h4", "tr", "ul", "ol", "blockquote", "pre":
				b.WriteByte('\n')
			case "li":
				b.WriteString("\n- ")
			case "script", "style":
				silent++
			case "a":
				link = ""
				for more {
					var k, v []byte
					if k, v, more = z.TagAttr(); string(k) == "href" && isLink(string(v)) {
						link = string(v)
					}
				}
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			switch string(name) {
			case "p", "div", "li", "h1", "h2", "h3", "h4", "tr":
				b.WriteByte('\n')
			case "script", "style":
				silent = max(silent-1, 0)
			case "a":
				if link != "" && !strings.Contains(b.String()[max(0, b.Len()-len(link)-1):], link) {
					b.WriteString(" (" + link + ")")
				}
				link = ""
			}
		}
	}
}

// looksLikeHTML reports whether s has tags, and not only signs for less and more.
func looksLikeHTML(s string) bool {
	low := strings.ToLower(s)
	for _, sign := range []string{"</", "<br", "<p>", "<li>", "<img ", "&nbsp;", "&quot;", "&amp;", "&#39;", "&lt;", "&gt;"} {
		if strings.Contains(low, sign) {
			return true
		}
	}
	return false
}

// tidyLines trims lines, and leaves one empty line where there are more.
func tidyLines(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		line = strings.Join(strings.Fields(line), " ")
		if line == "" && (len(lines) == 0 || lines[len(lines)-1] == "") {
			continue
		}
		lines = append(lines, line)
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
