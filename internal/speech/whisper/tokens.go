package whisper

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// The tokens of the multilingual models that aren't text stand after the texts, in this order: the end, the start, the
// languages, and others counted from the last language.
const (
	texts      = 50257 // how many tokens are text; the end's number
	startToken = texts + 1
	endToken   = texts
)

// languages are those of the models, in their tokens' order. The newest models have one more, which moves what follows.
var languages = strings.Fields(`en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu
	ta no th ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn
	yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su`)

// The tokens after the languages.
var (
	translateToken  = int64(startToken + 1 + len(languages))
	transcribeToken = translateToken + 1
	silentToken     = translateToken + 4
	untimedToken    = translateToken + 5
)

// vocabularySize is that of the models with these tokens: 1501 times follow.
const vocabularySize = 51865

// maxTable limits the table of tokens that is read: it has 800 kB.
const maxTable = 4 << 20

// readTable reads the texts of the tokens, as [Prepare] and sherpa-onnx write them. It returns with them which tokens are never
// written: those that hold signs of sounds and of music.
func readTable(r io.Reader) (table []string, silent map[int64]bool, err error) {
	lines := bufio.NewScanner(io.LimitReader(r, maxTable))
	silent = map[int64]bool{}
	for lines.Scan() {
		encoded, id, _ := strings.Cut(lines.Text(), " ")
		text, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || id != strconv.Itoa(len(table)) {
			return nil, nil, fmt.Errorf("whisper: line %d of the tokens is not base64 and its number", len(table)+1)
		}
		if noSpeech(string(text)) {
			silent[int64(len(table))] = true
		}
		table = append(table, string(text))
	}
	if err := lines.Err(); err != nil {
		return nil, nil, fmt.Errorf("whisper: %w", err)
	}
	if len(table) < texts {
		return nil, nil, fmt.Errorf("whisper: the table has %d tokens, not %d", len(table), texts)
	}
	return table[:texts], silent, nil
}

// noSpeech reports whether a token begins what is no speech: brackets, stars, notes.
func noSpeech(text string) bool {
	text = strings.TrimSpace(text)
	return text != "" && (strings.ContainsAny(text, "[]{}<>*#@^_~|♪♫♩♬♭♮♯《》「」【】") || strings.Trim(text, "()") == "")
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
