package localdiscord

import (
	"encoding/json"
	"time"
)

// poll completes the poll of a message as Discord does; nil where the message has none or it can't be read.
func (in *messageInput) poll(now time.Time) json.RawMessage {
	if len(in.Poll) == 0 {
		return nil
	}
	var p struct {
		Question json.RawMessage `json:"question"`
		Answers  []struct {
			Media json.RawMessage `json:"poll_media"`
		} `json:"answers"`
		Hours int  `json:"duration"`
		Multi bool `json:"allow_multiselect"`
	}
	if json.Unmarshal(in.Poll, &p) != nil {
		return nil
	}
	if p.Hours == 0 {
		p.Hours = 24
	}
	answers := []map[string]any{}
	for i, a := range p.Answers {
		answers = append(answers, map[string]any{"answer_id": i + 1, "poll_media": a.Media})
	}
	return mustJSON(map[string]any{"question": p.Question, "answers": answers, "expiry": timestamp(now.Add(time.Duration(p.Hours) * time.Hour)),
		"allow_multiselect": p.Multi, "layout_type": 1, "results": map[string]any{"is_finalized": false, "answer_counts": []any{}}})
}

// validatePoll checks what a poll must have.
func (in *messageInput) validatePoll() error {
	if len(in.Poll) == 0 || string(in.Poll) == "null" {
		in.Poll = nil
		return nil
	}
	var p struct {
		Question struct {
			Text string `json:"text"`
		} `json:"question"`
		Answers []json.RawMessage `json:"answers"`
	}
	if err := decodeJSON(in.Poll, &p); err != nil {
		return err
	}
	if p.Question.Text == "" || len(p.Answers) < 1 || len(p.Answers) > 10 {
		return formError("poll", "BASE_TYPE_BAD_LENGTH", "A poll has a question and 1 to 10 answers")
	}
	return nil
}
