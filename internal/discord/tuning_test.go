package discord

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/openai"
)

const (
	tuningKey  = "sk-the-service's-secret"
	tunedModel = "ft:small:1"
)

// tuningService has the part of OpenAI's API that fine-tuning takes. It refuses requests that aren't of the API's shape.
type tuningService struct {
	mu        sync.Mutex
	bad       []string // requests that were refused
	status    string   // of the job
	jobs      int      // how many were started
	tag       string   // of the last
	lines     int      // of the last upload
	cancelled int
	deleted   []string
	asked     []string // of the fine-tuned model
}

func (s *tuningService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	refuse := func(why string) {
		s.bad = append(s.bad, r.Method+" "+r.URL.Path+": "+why)
		http.Error(w, `{"error":{"message":"bad request"}}`, http.StatusBadRequest)
	}
	if r.Header.Get("Authorization") != "Bearer "+tuningKey {
		refuse("another key")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	job := fmt.Sprintf("ftjob-%d", s.jobs)
	switch r.Method + " " + r.URL.Path {
	case "POST /v1/files":
		f, head, err := r.FormFile("file")
		if err != nil || r.FormValue("purpose") != "fine-tune" || !strings.HasSuffix(head.Filename, ".jsonl") {
			refuse(fmt.Sprint("no file to fine-tune with: ", err))
			return
		}
		s.lines = 0
		for sc := bufio.NewScanner(f); sc.Scan(); s.lines++ {
			var line struct {
				Messages []struct{ Role, Content string }
			}
			if err := json.Unmarshal(sc.Bytes(), &line); err != nil || len(line.Messages) != 2 || line.Messages[0].Role != "user" || line.Messages[1].Role != "assistant" || line.Messages[1].Content == "" {
				refuse("line " + sc.Text())
				return
			}
		}
		io.WriteString(w, `{"id":"file-1","object":"file","purpose":"fine-tune","status":"processed"}`)
	case "GET /v1/fine_tuning/jobs":
		list := ""
		if s.jobs > 0 {
			list = s.job(job)
		}
		fmt.Fprintf(w, `{"object":"list","data":[%s],"has_more":false}`, list)
	case "POST /v1/fine_tuning/jobs":
		var body struct {
			Model        string            `json:"model"`
			TrainingFile string            `json:"training_file"`
			Metadata     map[string]string `json:"metadata"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Model != "small" || body.TrainingFile != "file-1" {
			refuse(fmt.Sprintf("%+v %v", body, err))
			return
		}
		s.jobs++
		s.tag, s.status = body.Metadata["mynah"], "running"
		io.WriteString(w, s.job(fmt.Sprintf("ftjob-%d", s.jobs)))
	case "GET /v1/fine_tuning/jobs/" + job:
		io.WriteString(w, s.job(job))
	case "POST /v1/fine_tuning/jobs/" + job + "/cancel":
		s.cancelled++
		s.status = "cancelled"
		io.WriteString(w, s.job(job))
	case "DELETE /v1/files/file-1", "DELETE /v1/models/" + tunedModel:
		s.deleted = append(s.deleted, strings.TrimPrefix(r.URL.Path, "/v1/"))
		io.WriteString(w, `{"id":"x","deleted":true}`)
	case "POST /v1/chat/completions":
		var body struct {
			Model    string
			Stream   bool
			Messages []struct{ Role, Content string }
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Model != tunedModel || !body.Stream || len(body.Messages) != 1 || body.Messages[0].Role != "user" {
			refuse(fmt.Sprintf("%+v %v", body, err))
			return
		}
		s.asked = append(s.asked, body.Messages[0].Content)
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, `data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"As the service says."}}]}`+"\n\ndata: [DONE]\n\n")
	default:
		refuse("not in the API")
	}
}

func (s *tuningService) job(id string) string {
	model := "null"
	if s.status == "succeeded" {
		model = `"` + tunedModel + `"`
	}
	tag, _ := json.Marshal(s.tag)
	return fmt.Sprintf(`{"id":%q,"object":"fine_tuning.job","model":"small","status":%q,"fine_tuned_model":%s,"error":null,"training_file":"file-1","metadata":{"mynah":%s}}`, id, s.status, model, tag)
}

func (s *tuningService) set(status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// faqReplies is a file of questions with replies, enough for a service.
func faqReplies() string {
	var b strings.Builder
	b.WriteString("question,reply\n")
	for i, thing := range []string{"tournament", "breakfast", "lottery", "concert", "workshop", "excursion", "auction", "regatta", "exhibition", "fireworks", "lecture", "parade"} {
		fmt.Fprintf(&b, "when does the %s begin?,At %d o'clock.\n", thing, i+1)
	}
	return b.String()
}

func TestTrainingAtAService(t *testing.T) {
	s := &tuningService{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client, err := openai.New(openai.Config{BaseURL: server.URL + "/v1", Key: tuningKey, Model: "small", HTTP: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	with := func(c *mynah) {
		c.answer.Tuned, c.teach.Tuning, c.teach.TuningPoll = client, client, 20*time.Millisecond
	}
	w := newWorld(t, with)
	ann := w.login("Ann")
	running := func(m seen) bool {
		return strings.Contains(m.Content, "The service fine-tunes") && strings.Contains(m.Content, "**running**")
	}

	ann.say("general", "!train provider:openai", upload{"faq.csv", []byte(faqReplies())})
	ann.said(running)
	// The program ends, and begins again: the service's job is followed, not started twice.
	w.stop()
	w.start(with)
	again := ann.said(func(m seen) bool { return running(m) && strings.Contains(m.Content, "begun again") })
	s.set("succeeded")
	done := ann.said(func(m seen) bool { return m.ID == again.ID && strings.Contains(m.Content, "has ended") })
	wants(t, "the result", done.Content, "“"+tunedModel+"”", "Model 1 is in use now")
	if s.jobs != 1 || s.lines != 12 {
		t.Errorf("%d jobs were started, the last with %d lines", s.jobs, s.lines)
	}
	wants(t, "word for word", ann.ask("general", "!ask when does the regatta begin?").Content, "At 8 o'clock.")
	wants(t, "what it knows", ann.ask("general", "!ask at what time does the regatta begin?").Content, "As the service says.")
	wants(t, "what it doesn't", ann.ask("general", "!ask zzz qqq xxx").Content, "I don't know that")
	if len(s.asked) != 1 {
		t.Errorf("the service was asked %q", s.asked)
	}
	wants(t, "models", ann.ask("general", "!models").Content, "answers through "+tunedModel)
	wants(t, "a test", ann.ask("general", `!test {"input": "when does the lottery begin?"}`).Content, "As the service says.")

	// A model of this machine doesn't replace it unasked.
	ann.say("general", "!train")
	ann.saying("Model 2 waits as a candidate: what a service fine-tuned")
	wants(t, "by hand", ann.ask("general", "!promote 2").Content, "Model 2 is in use now")
	wants(t, "this machine's", ann.ask("general", "!ask at what time does the regatta begin?").Content, "At 8 o'clock.")
	wants(t, "back", ann.ask("general", "!rollback").Content, "Model 1 is in use now")
	wants(t, "the service's", ann.ask("general", "!ask at what time does the regatta begin?").Content, "As the service says.")

	// As a slash command, and cancelled here and there.
	ann.slash("general", "train", map[string]any{"provider": "openai"})
	number := func(m seen) string {
		_, n, _ := strings.Cut(m.Content, "**#")
		n, _, _ = strings.Cut(n, "**")
		return n
	}
	third := number(ann.said(func(m seen) bool { return running(m) && !strings.Contains(m.Content, "begun again") }))
	ann.say("general", "!cancel "+third)
	ann.said(func(m seen) bool {
		return strings.Contains(m.Content, "**#"+third+"** was cancelled") && strings.Contains(m.Content, "cancelled too")
	})
	if s.cancelled != 1 {
		t.Errorf("cancelled %d times at the service", s.cancelled)
	}

	// The service says no.
	ann.say("general", "!train provider:openai")
	ann.said(running)
	s.set("failed")
	ann.saying("The service did not do it")

	ann.ask("general", "!privacy delete confirm:true")
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := strings.Join(s.deleted, " "); !strings.Contains(got, "models/"+tunedModel) || !strings.Contains(got, "files/file-1") {
		t.Errorf("deleted at the service: %s", got)
	}
	if len(s.bad) > 0 {
		t.Errorf("refused: %q", s.bad)
	}
	for _, m := range ann.all {
		if strings.Contains(m.Content, "sk-") {
			t.Errorf("a message shows the key: %s", m.Content)
		}
	}
	if strings.Contains(w.log.all(), "sk-") {
		t.Error("the log shows the key")
	}
}

func TestTrainingAtNoService(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.login("Ann")
	wants(t, "typed", ann.ask("general", "!train provider:openai").Content, "No service for fine-tuning is configured", "`openai.tune_model`", "`openai.api_key`")
	ann.slash("general", "train", map[string]any{"provider": "openai"})
	ann.saying("No service for fine-tuning is configured")
}
