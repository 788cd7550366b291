package dataset

import (
	"html"
	"strings"
)

// plainText is s without HTML where it has some: exports of help desks and forums keep answers as such.
func plainText(s string) string {
	if !strings.Contains(s, "<") && !strings.Contains(s, "&") || !looksLikeHTML(s) {
		return s
	}
	var b strings.Builder
	link := ""
	for s != "" {
		at := strings.IndexByte(s, '<')
		if at < 0 {
			at = len(s)
		}
		b.WriteString(html.UnescapeString(s[:at]))
		s = s[at:]
		end := strings.IndexByte(s, '>')
		if end < 0 || len(s) > 1 && s[1] == ' ' { // a sign for less
			b.WriteString(s[:min(len(s), 1)])
			s = s[min(len(s), 1):]
			continue
		}
		tag := s[1:end]
		s = s[end+1:]
		name, _, _ := strings.Cut(strings.ToLower(strings.TrimRight(tag, "/ ")), " ")
		switch name {
		case "br", "p", "div", "h1", "h2", "h3", "h4", "tr", "ul", "ol", "blockquote", "pre", "/p", "/div", "/li", "/h1", "/h2", "/h3", "/h4", "/tr":
			b.WriteByte('\n')
		case "li":
			b.WriteString("\n- ")
		case "script", "style":
			if _, after, ok := strings.Cut(s, "</"+name); ok {
				s = "</" + name + after
			}
		case "a":
			link = ""
			if _, after, ok := strings.Cut(tag, "href=\""); ok {
				if to, _, ok := strings.Cut(after, "\""); ok && isLink(to) {
					link = to
				}
			}
		case "/a":
			if link != "" && !strings.HasSuffix(b.String(), link) {
				b.WriteString(" (" + link + ")")
			}
			link = ""
		}
	}
	return tidyLines(b.String())
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
