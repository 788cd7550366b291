package openai

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/teach"
)

const key = "sk-test-secret"

// standIn is a server with the part of OpenAI's API that the client uses. It refuses every request that isn't of the API's shape.
type standIn struct {
	t      *testing.T
	answer []string // pieces of the streamed answer

	mu       sync.Mutex
	system   string // last system message
	requests int
	lines    int      // of the uploaded file
	statuses []string // of the job, one a question; the last stays
	tag      string   // of the job that was started; empty = none was
	deleted  []string // files and models
	outages  int      // how many questions about the job get no answer
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if r.Header.Get("Authorization") != "Bearer "+key {
		http.Error(w, `{"error":{"message":"Incorrect API key provided: sk-test-secret","type":"invalid_request_error"}}`, http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch r.Method + " " + r.URL.Path {
	case "POST /v1/chat/completions":
		s.chat(w, r)
	case "POST /v1/files":
		s.upload(w, r)
	case "GET /v1/fine_tuning/jobs":
		data := ""
		if s.tag != "" {
			data = `{"id":"ftjob-1","object":"fine_tuning.job","status":"running","metadata":{"mynah":"` + s.tag + `"}}`
		}
		io.WriteString(w, `{"object":"list","data":[`+data+`],"has_more":false}`)
	case "DELETE /v1/files/file-1", "DELETE /v1/models/ft:small:1":
		s.deleted = append(s.deleted, r.URL.Path)
		io.WriteString(w, `{"id":"x","object":"x","deleted":true}`)
	case "POST /v1/fine_tuning/jobs":
		var body struct {
			Model        string `json:"model"`
			TrainingFile string `json:"training_file"`
			Metadata     map[string]string
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Model != "small" || body.TrainingFile != "file-1" {
			s.t.Errorf("job %+v, %v", body, err)
		}
		s.tag = body.Metadata["mynah"]
		s.job(w, "validating_files")
	case "GET /v1/fine_tuning/jobs/ftjob-1":
		if s.outages > 0 {
			s.outages--
			http.Error(w, "busy", http.StatusBadRequest) // a status that the library doesn't try again by itself
			return
		}
		status := s.statuses[0]
		if len(s.statuses) > 1 {
			s.statuses = s.statuses[1:]
		}
		s.job(w, status)
	case "POST /v1/fine_tuning/jobs/ftjob-1/cancel":
		s.statuses = []string{"cancelled"}
		s.job(w, "cancelled")
	default:
		s.t.Errorf("unexpected %s %s", r.Method, r.URL.Path)
		http.NotFound(w, r)
	}
}

func (s *standIn) chat(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Model    string
		Stream   bool
		Messages []struct{ Role, Content string }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || !body.Stream || len(body.Messages) == 0 || body.Messages[len(body.Messages)-1].Role != "user" {
		s.t.Errorf("chat %+v, %v", body, err)
	}
	switch body.Model {
	case "small":
		if len(body.Messages) != 2 || body.Messages[0].Role != "system" {
			s.t.Errorf("chat %+v", body)
		}
		s.system = body.Messages[0].Content
	case "ft:small:1": // as in its training
		if len(body.Messages) != 1 {
			s.t.Errorf("chat %+v", body)
		}
	default:
		s.t.Errorf("model %q", body.Model)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for _, piece := range s.answer {
		data, _ := json.Marshal(map[string]any{"id": "c1", "object": "chat.completion.chunk", "model": "small", "choices": []any{map[string]any{"index": 0, "delta": map[string]any{"content": piece}}}})
		fmt.Fprintf(w, "data: %s\n\n", data)
	}
	fmt.Fprint(w, "data: [DONE]\n\n")
}

func (s *standIn) upload(w http.ResponseWriter, r *http.Request) {
	if purpose := r.FormValue("purpose"); purpose != "fine-tune" {
		s.t.Errorf("purpose %q", purpose)
	}
	f, head, err := r.FormFile("file")
	if err != nil || !strings.HasSuffix(head.Filename, ".jsonl") {
		s.t.Errorf("file %v", err)
		return
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); s.lines++ {
		var line struct {
			Messages []struct{ Role, Content string }
		}
		if err := json.Unmarshal(sc.Bytes(), &line); err != nil || len(line.Messages) != 2 || line.Messages[0].Role != "user" || line.Messages[1].Role != "assistant" || line.Messages[1].Content == "" {
			s.t.Errorf("line %s: %v", sc.Text(), err)
		}
	}
	io.WriteString(w, `{"id":"file-1","object":"file","bytes":1,"created_at":1,"filename":"mynah.jsonl","purpose":"fine-tune","status":"processed"}`)
}

func (s *standIn) job(w http.ResponseWriter, status string) {
	model, failure := "null", "null"
	switch status {
	case "succeeded":
		model = `"ft:small:1"`
	case "failed":
		failure = `{"code":"bad","message":"too few steps","param":null}`
	}
	fmt.Fprintf(w, `{"id":"ftjob-1","object":"fine_tuning.job","created_at":1,"model":"small","status":%q,"fine_tuned_model":%s,"error":%s,"training_file":"file-1"}`, status, model, failure)
}

func start(t *testing.T, s *standIn) *Client {
	t.Helper()
	s.t = t
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c, err := New(Config{BaseURL: server.URL + "/v1", Key: key, Model: "small", HTTP: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestChat(t *testing.T) {
	near := []answer.Candidate{{Question: "when do you open?", Reply: "At nine.", Probability: 0.8}}
	s := &standIn{answer: []string{"[1", "] At ", "nine", "."}}
	c := start(t, s)
	var updates []string
	got, err := c.Chat(t.Context(), answer.ChatQuestion{Text: "opening time?", Nearest: near, Grounded: true}, func(s string) { updates = append(updates, s) })
	if err != nil || got != "At nine." || len(updates) != 3 || updates[2] != "At nine." {
		t.Errorf("%q, %q, %v", got, updates, err)
	}
	if !strings.Contains(s.system, "[1] Question: when do you open?\nAnswer: At nine.") || !strings.Contains(s.system, "only from the examples") {
		t.Errorf("system message %q", s.system)
	}
	for _, uncited := range []string{"At nine.", "[2] At nine.", "[0] x", "[1]", "[one] x", "1] x"} {
		s.answer = []string{uncited}
		if got, err := c.Chat(t.Context(), answer.ChatQuestion{Text: "opening time?", Nearest: near, Grounded: true}, nil); !errors.Is(err, answer.ErrNotGrounded) {
			t.Errorf("%q cites nothing: %q, %v", uncited, got, err)
		}
	}
	s.answer = []string{"Ahoy!"}
	if got, err := c.Chat(t.Context(), answer.ChatQuestion{Text: "hello", Nearest: near, Persona: "a pirate"}, nil); err != nil || got != "Ahoy!" || !strings.Contains(s.system, "in this manner") || !strings.Contains(s.system, "a pirate") {
		t.Errorf("persona: %q, %v, %q", got, err, s.system)
	}
	s.answer, updates = []string{"UNK", "NOWN"}, nil
	if _, err := c.Chat(t.Context(), answer.ChatQuestion{Text: "who won?", Nearest: near, Grounded: true}, func(s string) { updates = append(updates, s) }); !errors.Is(err, answer.ErrNotGrounded) || updates != nil {
		t.Errorf("unknown: %v, %q", err, updates)
	}
	before := s.requests
	if _, err := c.Chat(t.Context(), answer.ChatQuestion{Text: "who won?", Grounded: true}, nil); !errors.Is(err, answer.ErrNotGrounded) || s.requests != before {
		t.Errorf("nothing near: %v", err)
	}
	s.answer = nil
	if _, err := c.Chat(t.Context(), answer.ChatQuestion{Text: "who won?"}, nil); !errors.Is(err, ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
	s.answer = []string{"At nine."}
	if got, err := c.Chat(t.Context(), answer.ChatQuestion{Text: "opening time?", Grounded: true, Tuned: "ft:small:1"}, nil); err != nil || got != "At nine." {
		t.Errorf("tuned: %q, %v", got, err)
	}
	s.answer = []string{strings.Repeat("long ", MaxAnswerBytes)}
	if got, err := c.Chat(t.Context(), answer.ChatQuestion{Text: "who won?"}, nil); err != nil || len(got) > MaxAnswerBytes {
		t.Errorf("long: %d bytes, %v", len(got), err)
	}
}

func TestErrorsHideTheKey(t *testing.T) {
	s := &standIn{t: t}
	bad, err := New(Config{BaseURL: "http://127.0.0.1:1/v1", Key: key, Model: "small"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bad.Chat(ctx, answer.ChatQuestion{Text: "x"}, nil); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), key) {
		t.Errorf("error %v", err)
	}
	server := httptest.NewServer(s)
	defer server.Close()
	wrong, err := New(Config{BaseURL: server.URL + "/v1", Key: "sk-wrong", Model: "small"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wrong.Chat(t.Context(), answer.ChatQuestion{Text: "x"}, nil); err == nil || strings.Contains(err.Error(), "sk-") || !strings.Contains(err.Error(), "key") {
		t.Errorf("error %v", err)
	}
	for _, cfg := range []Config{{}, {Model: "m", BaseURL: "ftp://x"}, {Model: "m", BaseURL: "nonsense"}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v accepted", cfg)
		}
	}
}

func TestFineTune(t *testing.T) {
	var examples []record.Example
	for i := range 12 {
		examples = append(examples, record.Example{Text: fmt.Sprintf("question %d", i), Reply: fmt.Sprintf("reply %d", i)})
	}
	s := &standIn{statuses: []string{"validating_files", "queued", "running", "running", "succeeded"}}
	c := start(t, s)
	job, err := c.FineTune(t.Context(), "job 7", examples)
	if err != nil || job.ID != "ftjob-1" || done(job) || s.lines != 12 {
		t.Fatalf("%+v, %d lines, %v", job, s.lines, err)
	}
	if again, err := c.FineTune(t.Context(), "job 7", examples); err != nil || again.ID != job.ID || s.lines != 12 {
		t.Errorf("started twice: %+v, %d lines, %v", again, s.lines, err)
	}
	s.outages = 2
	var seen []string
	job, err = c.Follow(t.Context(), job.ID, time.Millisecond, func(j teach.TuningJob) { seen = append(seen, j.Status) })
	if err != nil || job.Model != "ft:small:1" || strings.Join(seen, " ") != "validating_files queued running succeeded" {
		t.Errorf("%+v, %v, %v", job, seen, err)
	}
	if len(s.deleted) != 1 || s.deleted[0] != "/v1/files/file-1" {
		t.Errorf("deleted %v", s.deleted)
	}
	if err := c.Delete(t.Context(), job.Model); err != nil || len(s.deleted) != 2 {
		t.Errorf("deleted %v, %v", s.deleted, err)
	}
	s.statuses = []string{"failed"}
	if _, err := c.Follow(t.Context(), job.ID, time.Millisecond, nil); !errors.Is(err, ErrJobFailed) || !strings.Contains(err.Error(), "too few steps") {
		t.Errorf("failed: %v", err)
	}
	if job, err := c.Cancel(t.Context(), job.ID); err != nil || job.Status != "cancelled" {
		t.Errorf("%+v, %v", job, err)
	}
	if _, err := c.Follow(t.Context(), job.ID, time.Millisecond, nil); !errors.Is(err, ErrJobCancelled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := c.FineTune(t.Context(), "", examples[:3]); !errors.Is(err, learn.ErrTooFew) {
		t.Errorf("too few: %v", err)
	}
}
