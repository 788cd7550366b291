package dataset

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mynahbot/mynah/internal/learn"
)

// Names under which files of others keep a text, its label, and its reply. Compared in lower case.
var (
	textKeys = []string{"text", "question", "input", "utterance", "sentence", "query", "message", "prompt", "content", "pattern", "request", "q", "instruction",
		"текст", "вопрос", "сообщение", "фраза", "запрос"}
	labelKeys = []string{"label", "intent", "category", "class", "sentiment", "target", "tag", "topic", "labels",
		"метка", "класс", "категория", "тема", "интент"}
	replyKeys = []string{"reply", "answer", "response", "output", "completion", "a",
		"ответ", "реплика"}
	positiveKeys = []string{"positive", "is_positive"}
)

// Labels that stand for `positive: true` and `positive: false`.
const (
	LabelPositive = "positive"
	LabelNegative = "negative"
)

// maxJSONValue limits a JSON file that is no list: decoded, a value takes up to 25 times its size.
const maxJSONValue = 16 << 20

// jsonLines reads one JSON value a line.
func (f *fileReader) jsonLines(text string) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if len(line) > maxLineBytes {
			f.skip(n, "the line is longer than %d MB", maxLineBytes>>20)
			continue
		}
		var v any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			if n == 1 && (line == "[" || line == "{") {
				return f.json(text)
			}
			f.skip(n, JSONBroken, jsonError(err))
			continue
		}
		if err := f.value(n, v, 0); err != nil {
			return err
		}
	}
	return nil
}

// json reads a whole file as one JSON value. Of an array each element is decoded alone.
func (f *fileReader) json(text string) error {
	var whole json.RawMessage
	if err := json.Unmarshal([]byte(text), &whole); err != nil {
		// Many files with this name hold JSON lines.
		first, _, more := strings.Cut(strings.TrimSpace(text), "\n")
		if more && json.Valid([]byte(first)) {
			return f.jsonLines(text)
		}
		line := 0
		if s, ok := err.(*json.SyntaxError); ok {
			line = 1 + strings.Count(text[:min(int(s.Offset), len(text))], "\n")
		}
		f.skip(line, JSONBroken, jsonError(err))
		return nil
	}
	if whole[0] == '[' {
		return f.elements(whole)
	}
	return f.encoded(1, whole, maxJSONValue)
}

// elements reads the examples in each element of a valid JSON array.
func (f *fileReader) elements(array []byte) error {
	dec := json.NewDecoder(bytes.NewReader(array))
	if _, err := dec.Token(); err != nil {
		return err // can't be: it begins as an array does
	}
	for n := 1; dec.More(); n++ {
		if f.skips > learn.MaxExamples {
			f.skip(n, "more than %d elements were of no use, the others are not looked at", learn.MaxExamples)
			return nil
		}
		var element json.RawMessage
		if err := dec.Decode(&element); err != nil {
			f.skip(n, JSONBroken, jsonError(err))
			return nil
		}
		if err := f.encoded(n, element, maxLineBytes); err != nil {
			return err
		}
	}
	return nil
}

// encoded reads the examples in the JSON value whose number in the file is n, unless it is longer than limit.
func (f *fileReader) encoded(n int, data []byte, limit int) error {
	if len(data) > limit {
		f.skip(n, "one JSON value is longer than %d MB", limit>>20)
		return nil
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		f.skip(n, JSONBroken, jsonError(err))
		return nil
	}
	return f.value(n, v, 0)
}

func jsonError(err error) string {
	return strings.TrimPrefix(err.Error(), "json: ")
}

// value reads the examples in one JSON value, whose number in the file is n.
func (f *fileReader) value(n int, v any, depth int) error {
	if depth > 4 {
		f.skip(n, "lists and objects nested too deeply")
		return nil
	}
	switch v := v.(type) {
	case string:
		return f.add(n, v, "", "")
	case []any:
		if len(v) == 2 { // ["text", "label"]
			text, ok1 := v[0].(string)
			label, ok2 := scalar(v[1])
			if ok1 && ok2 {
				return f.pair(n, text, label)
			}
		}
		for _, e := range v {
			if err := f.value(n, e, depth+1); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		return f.object(n, v, depth)
	}
	f.skip(n, "neither a text nor an object")
	return nil
}

// pair adds a text with something that is a label if it looks like one, else a reply.
func (f *fileReader) pair(n int, text, answer string) error {
	if looksLikeLabel(answer) {
		return f.add(n, text, answer, "")
	}
	return f.add(n, text, "", answer)
}

func looksLikeLabel(s string) bool {
	return len(s) <= 40 && len(strings.Fields(s)) <= 3 && !strings.ContainsAny(s, ".!?")
}

func (f *fileReader) object(n int, o map[string]any, depth int) error {
	low := make(map[string]any, len(o))
	for _, k := range slices.Sorted(maps.Keys(o)) {
		low[strings.ToLower(strings.TrimSpace(k))] = o[k]
	}
	if m, ok := low["messages"].([]any); ok {
		return f.messages(n, m)
	}
	if p, ok := low["patterns"].([]any); ok { // {"tag": …, "patterns": […], "responses": […]}
		return f.patterns(n, low, p)
	}
	text, okText := find(low, textKeys)
	label, okLabel := find(low, labelKeys)
	reply, okReply := find(low, replyKeys)
	if p, ok := find(low, positiveKeys); ok && !okLabel {
		label, okLabel = positiveLabel(p), true
	}
	if okText {
		return f.add(n, text, label, reply)
	}
	if okLabel || okReply {
		f.skip(n, JSONNoText)
		return nil
	}
	// {"label": ["text", …]}, {"question": "answer"}, {"examples": [{…}, …]}
	if len(low) == 0 {
		f.skip(n, "the object is empty")
		return nil
	}
	known := false
	for _, k := range slices.Sorted(maps.Keys(o)) {
		switch v := o[k].(type) {
		case []any:
			known = true
			for i, e := range v {
				if s, ok := e.(string); ok {
					if err := f.add(i+1, s, k, ""); err != nil {
						return err
					}
				} else if err := f.value(i+1, e, depth+1); err != nil {
					return err
				}
			}
		case map[string]any:
			known = true
			if err := f.value(n, v, depth+1); err != nil {
				return err
			}
		case string:
			if len(o) > 1 && depth == 0 || !looksLikeLabel(k) {
				known = true
				if err := f.pair(n, k, v); err != nil {
					return err
				}
			}
		}
	}
	if !known {
		f.skip(n, JSONNoText)
	}
	return nil
}

// messages reads a chat: each user message is a question, the assistant message after it its reply.
func (f *fileReader) messages(n int, list []any) error {
	question, found := "", false
	for _, m := range list {
		o, _ := m.(map[string]any)
		content, _ := o["content"].(string)
		switch o["role"] {
		case "user":
			question = content
		case "assistant":
			if question != "" && content != "" {
				found = true
				if err := f.add(n, question, "", content); err != nil {
					return err
				}
			}
			question = ""
		}
	}
	if !found {
		f.skip(n, "the chat has no message of a user with an answer of an assistant")
	}
	return nil
}

func (f *fileReader) patterns(n int, o map[string]any, patterns []any) error {
	label, _ := find(o, labelKeys)
	reply := ""
	if rs, ok := o["responses"].([]any); ok && len(rs) > 0 {
		reply, _ = rs[0].(string)
		f.responses(n, label, rs)
	}
	for _, p := range patterns {
		s, ok := p.(string)
		if !ok {
			f.skip(n, "a pattern that is not a text")
			continue
		}
		if err := f.add(n, s, label, reply); err != nil {
			return err
		}
	}
	return nil
}

func find(o map[string]any, keys []string) (string, bool) {
	for _, k := range keys {
		if v, ok := o[k]; ok {
			if s, ok := scalar(v); ok {
				return s, true
			}
		}
	}
	return "", false
}

func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case []any:
		if len(v) == 1 {
			return scalar(v[0])
		}
	}
	return "", false
}
