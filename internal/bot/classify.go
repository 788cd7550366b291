package bot

import (
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/mynahbot/mynah/internal/record"
)

// messageKind is what a message means to Mynah.
type messageKind int

const (
	notForUs messageKind = iota
	isCommand
	isUnknownCommand // the prefix and a word that is no command, where Mynah would answer anyway
	isGroup          // `dataset` without what to do
	isAudio
	isQuestion
	isEmpty // Mynah was called, and nothing was said
	isFiles // files without a command, which may be meant to be learned
)

// classified is the outcome of classify.
type classified struct {
	kind       messageKind
	command    *Command
	line       string // what stands after the command's name; the word itself where no command is called so
	recordings []Attachment
}

// classify decides what a message is.
func (b *Bot) classify(m *Message, s record.Settings) classified {
	mode := b.replyMode(s, m.Channel, m.Parent)
	direct := m.Server == 0
	addressed := direct || m.Mentioned || m.ReplyTo != nil && m.ReplyTo.Mine
	listening := addressed && (mode != record.ReplyOff || direct) || mode == record.ReplyAll
	text := strings.TrimSpace(m.Text)

	if line, ok := strings.CutPrefix(text, b.prefix(s)); ok && !m.Forwarded {
		if first, rest := firstWord(line); first != "" {
			second, afterSecond := firstWord(rest)
			cmd, used, group := b.find(first, second)
			switch {
			case cmd != nil && used == 2:
				return classified{kind: isCommand, command: cmd, line: afterSecond}
			case cmd != nil:
				return classified{kind: isCommand, command: cmd, line: rest}
			case group:
				return classified{kind: isGroup, line: strings.ToLower(first)}
			case listening && isWord(first):
				return classified{kind: isUnknownCommand, line: first}
			}
		}
	}
	if m.ReplyTo != nil && m.ReplyTo.Mine {
		// In a reply to an answer, "correct Hall 4" can mean one thing only.
		first, rest := firstWord(text)
		if rest != "" && b.texts.says("correct.bare", strings.TrimSuffix(first, ":")) {
			return classified{kind: isCommand, command: b.named("correct"), line: rest}
		}
	}
	var heard, watched []Attachment
	for _, a := range m.Attachments {
		switch {
		case m.Voice || a.audible() && !a.video():
			heard = append(heard, a)
		case a.video():
			watched = append(watched, a)
		}
	}
	if listening {
		heard = append(heard, watched...)
	}
	switch {
	case len(heard) > 0 && (mode != record.ReplyOff || direct):
		return classified{kind: isAudio, recordings: heard}
	case !listening:
		return classified{}
	case !m.Forwarded && slices.ContainsFunc(m.Attachments, Attachment.teaching) && (text == "" || addressed && !strings.HasSuffix(text, "?")):
		return classified{kind: isFiles}
	case text != "":
		return classified{kind: isQuestion}
	case addressed || len(m.Attachments) > 0:
		return classified{kind: isEmpty}
	}
	return classified{}
}

// firstWord divides s after its first word.
func firstWord(s string) (word, rest string) {
	if at := strings.IndexFunc(s, unicode.IsSpace); at >= 0 {
		return s[:at], strings.TrimSpace(s[at:])
	}
	return s, ""
}

// isWord reports whether s could be meant as a command's name: "!!!" is not.
func isWord(s string) bool {
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' {
			return false
		}
	}
	return s != ""
}

var soundExtensions = map[string]bool{
	".ogg": true, ".oga": true, ".opus": true, ".mp3": true, ".wav": true, ".flac": true, ".m4a": true, ".aac": true,
	".wma": true, ".amr": true, ".aiff": true, ".aif": true, ".mka": true, ".weba": true, ".caf": true, ".ac3": true,
}

var pictureExtensions = map[string]bool{
	".mp4": true, ".mov": true, ".mkv": true, ".webm": true, ".avi": true, ".m4v": true, ".3gp": true, ".ogv": true, ".mpg": true, ".mpeg": true,
}

// audible reports whether the attachment claims to hold sound.
func (a Attachment) audible() bool {
	return strings.HasPrefix(a.ContentType, "audio/") || soundExtensions[strings.ToLower(path.Ext(a.Name))] || a.video()
}

// video reports whether it claims to be a video, which may hold sound.
func (a Attachment) video() bool {
	if strings.HasPrefix(a.ContentType, "audio/") {
		return false
	}
	return strings.HasPrefix(a.ContentType, "video/") || pictureExtensions[strings.ToLower(path.Ext(a.Name))]
}
