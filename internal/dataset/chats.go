package dataset

import "strings"

// What language models are tuned on: instructions, and conversations of a person with a model.

// alpaca reads an instruction with its input, which belong together, and the output.
func (f *fileReader) alpaca(n int, o object) error {
	text := o.text("instruction")
	if input := strings.TrimSpace(o.text("input", "context")); input != "" {
		text += "\n" + input
	}
	return f.add(n, text, "", o.text("output"))
}

// Who speaks, as the formats call them.
var speakers = map[string]string{
	"user": "user", "human": "user", "prompter": "user", "customer": "user",
	"assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "model": "assistant", "bot": "assistant", "bard": "assistant", "bing": "assistant", "agent": "assistant",
}

// chatTurns reports whether v is a conversation whose turns say who speaks.
func chatTurns(v any) bool {
	all, _ := v.([]any)
	return len(all) > 0 && (asObject(all[0]).has("from", "value") || asObject(all[0]).has("role", "content"))
}

func (f *fileReader) shareGPT(n int, o object) error {
	turns := o["conversations"]
	if !isList(turns) {
		turns = o["conversation"]
	}
	return f.turns(n, turns)
}

// chatMessages are the messages of an example of OpenAI's fine-tuning; nil for none.
func chatMessages(o object) any {
	for _, holder := range []object{o, asObject(o["input"])} {
		if all, ok := holder["messages"].([]any); ok && len(all) > 0 && asObject(all[0]).has("role") {
			return all
		}
	}
	return nil
}

func (f *fileReader) openAI(n int, o object) error {
	messages, _ := chatMessages(o).([]any)
	if better, ok := o["preferred_output"].([]any); ok { // of two answers the one that people preferred
		messages = append(messages[:len(messages):len(messages)], better...)
	}
	return f.turns(n, messages)
}

// turns reads a conversation: each turn of a person is a question, the model's after it its answer.
func (f *fileReader) turns(n int, v any) error {
	question, found := "", false
	all, _ := v.([]any)
	for _, t := range all {
		turn := asObject(t)
		text := turnText(turn)
		switch speakers[strings.ToLower(turn.text("role", "from", "speaker"))] {
		case "user":
			question = text
		case "assistant":
			if turn.text("weight") == "0" { // not to be learned
				text = ""
			}
			if question != "" && text != "" {
				found = true
				if err := f.add(n, question, "", text); err != nil {
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

// turnText is what a turn says: a text, or the texts among its parts.
func turnText(turn object) string {
	if s := turn.text("content", "value", "text"); s != "" {
		return s
	}
	var parts []string
	all, _ := turn["content"].([]any)
	for _, p := range all {
		if s, ok := p.(string); ok {
			parts = append(parts, s)
		} else if s := asObject(p).text("text"); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "\n")
}

// chatterBot reads a corpus of ChatterBot: conversations in which each line answers the one before it.
func (f *fileReader) chatterBot(_ int, o object) error {
	return f.each(o["conversations"], func(n int, v any) error {
		lines := textsOf(v)
		if len(lines) < 2 {
			f.skip(n, QuestionAlone)
			return nil
		}
		for i := range lines[1:] {
			if err := f.add(n, lines[i], "", lines[i+1]); err != nil {
				return err
			}
		}
		return nil
	})
}
