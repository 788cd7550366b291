package bot

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Split cuts text into messages of at most limit UTF-16 units each, which is
// never more than limit characters however they are counted. It cuts between
// paragraphs where it can, else between lines, sentences, words, and in a word
// only when nothing else is left; never inside a character. A code block that
// is cut gets its closing fence, and is opened again, with its language, in the
// next message. White space at a cut goes away. Empty text gives no message.
// limit must be at least 64.
func Split(text string, limit int) []string {
	limit = max(limit, 64)
	text = strings.ToValidUTF8(text, "\uFFFD")
	var parts []string
	fence := "" // the opening line of the code block that was cut, or ""
	for {
		text = strings.TrimRight(text, " \t\r\n")
		if fence == "" {
			text = strings.TrimLeft(text, "\r\n")
		}
		if text == "" {
			return parts
		}
		head := ""
		if fence != "" {
			head = fence + "\n"
		}
		if units(head)+units(text) <= limit {
			return append(parts, head+text)
		}
		room := limit - units(head) - len("\n```")
		piece, rest := cut(text, room)
		open := openFence(fence, piece)
		part := head + piece
		if open != "" {
			part += "\n```"
		}
		if strings.TrimSpace(strings.Trim(piece, "`")) != "" {
			parts = append(parts, part)
		}
		fence, text = open, rest
		if fence != "" {
			text = strings.TrimPrefix(text, "\n")
			if after, ok := strings.CutPrefix(text, "```"); ok { // the block ended just at the cut
				fence, text = "", after
			}
		}
	}
}

// maxFenceUnits is the longest opening line of a code block that is repeated
// after a cut; a longer one loses its language.
const maxFenceUnits = 24

// openFence returns the opening line of the code block that is open after
// piece, where before was open at its start.
func openFence(before, piece string) string {
	open := before
	for line := range strings.SplitSeq(piece, "\n") {
		for {
			at := strings.Index(line, "```")
			if at < 0 {
				break
			}
			line = line[at+3:]
			if open != "" {
				open = ""
				continue
			}
			open = "```"
			if word := strings.TrimSpace(line); word != "" && !strings.ContainsAny(word, " \t`") && units(word) <= maxFenceUnits {
				open += word
			}
		}
	}
	return open
}

// cut divides text, which is longer than room units, at the best place.
func cut(text string, room int) (piece, rest string) {
	end := prefix(text, room)
	window := text[:end]
	least := end / 3 // no piece is made tiny for the sake of a nicer place
	for _, mark := range []string{"\n\n", "\n", ". ", "! ", "? ", "… ", " "} {
		if at := strings.LastIndex(window, mark); at > least {
			at += len(strings.TrimRight(mark, " \n"))
			// A line keeps its indentation: it may be one of a code block.
			return strings.TrimRight(text[:at], " \n"), strings.TrimLeft(text[at:], string(mark[len(mark)-1]))
		}
	}
	// Don't leave a part of a fence on each side.
	for end > 1 && text[end-1] == '`' && end < len(text) && text[end] == '`' {
		end--
	}
	return text[:end], text[end:]
}

// prefix returns the length in bytes of the longest prefix of s that has at
// most limit UTF-16 units and ends between characters.
func prefix(s string, limit int) int {
	n := 0
	for i, r := range s {
		n += max(utf16.RuneLen(r), 1)
		if n > limit {
			return i
		}
	}
	return len(s)
}

// units counts UTF-16 units, which is how Discord's own clients count.
func units(s string) int {
	if len(s) == utf8.RuneCountInString(s) {
		return len(s)
	}
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// shorten cuts s to at most limit characters and marks the cut.
func shorten(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	runes := []rune(s)
	return strings.TrimRight(string(runes[:limit-1]), " \n") + "…"
}
