package discord

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/openai"
)

// chatServer is a chat server that streams what the test tells it to.
type chatServer struct {
	pieces chan string // of the answer being streamed; "" ends it

	mu     sync.Mutex
	asked  int
	system string // last system message
}

func (s *chatServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Model    string
		Stream   bool
		Messages []struct{ Role, Content string }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.URL.Path != "/v1/chat/completions" || body.Model != "small" || !body.Stream || len(body.Messages) != 2 {
		http.Error(w, `{"error":{"message":"bad request"}}`, http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.asked++
	s.system = body.Messages[0].Content
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	for {
		var piece string
		select {
		case piece = <-s.pieces:
		case <-r.Context().Done():
			return
		}
		if piece == "" {
			fmt.Fprint(w, "data: [DONE]\n\n")
			return
		}
		stream(w, piece)
	}
}

// stream sends a piece of an answer.
func stream(w http.ResponseWriter, piece string) {
	data, _ := json.Marshal(map[string]any{"id": "c1", "object": "chat.completion.chunk", "model": "small", "choices": []any{map[string]any{"index": 0, "delta": map[string]any{"content": piece}}}})
	fmt.Fprintf(w, "data: %s\n\n", data)
	w.(http.Flusher).Flush()
}

func (s *chatServer) seen() (asked int, system string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked, s.system
}

func TestChatServerAnswersWhatIsNotKnown(t *testing.T) {
	s := &chatServer{pieces: make(chan string, 10)}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client, err := openai.New(openai.Config{BaseURL: server.URL + "/v1", Model: "small", HTTP: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(c *mynah) { c.answer.Chat, c.answer.ChatGrounded = client, true })
	ann := w.login("Ann")

	wants(t, "grounded and nothing taught", ann.ask("general", "!ask when is the fair held?").Content, "taught")
	if asked, _ := s.seen(); asked != 0 {
		t.Errorf("the chat server was asked %d times without any example", asked)
	}
	faq := "question,reply\nwhen do you open in the morning?,At nine.\nwhere can I leave my coat?,In the hall.\nwho repairs broken bicycles?,Boris does.\n"
	ann.say("general", "!train", upload{"faq.csv", []byte(faq)})
	ann.saying("Model 1 is in use")
	wants(t, "known", ann.ask("general", "!ask where can I leave my coat?").Content, "In the hall.")
	if asked, _ := s.seen(); asked != 0 {
		t.Errorf("the chat server was asked %d times for what is known", asked)
	}

	question := "!ask tell me please at what hour the doors open for visitors"
	s.pieces <- "[1] At nine"
	first := ann.ask("general", question)
	if first.Content != "At nine …" {
		t.Errorf("unfinished answer %q", first.Content)
	}
	for range 3 {
		s.pieces <- " sharp"
	}
	s.pieces <- ""
	last := ann.said(func(m seen) bool { return m.edited() && m.ID == first.ID && !strings.HasSuffix(m.Content, "…") })
	if last.Content != "At nine sharp sharp sharp" || last.when().Sub(first.when()) < editsLeast {
		t.Errorf("%q, %v after the first", last.Content, last.when().Sub(first.when()))
	}
	if _, system := s.seen(); !strings.Contains(system, "Answer: At nine.") || !strings.Contains(system, "only from the examples") {
		t.Errorf("system message %q", system)
	}

	s.pieces <- "UNKNOWN"
	s.pieces <- ""
	wants(t, "not in the examples", ann.ask("general", "!ask how tall is the Everest?").Content, "I don't know that")

	wants(t, "not grounded", ann.ask("general", "!settings grounded off").Content, "`grounded` is now off")
	s.pieces <- "No."
	s.pieces <- ""
	ann.say("general", "!ask how tall is the Everest?")
	ann.said(func(m seen) bool { return m.Content == "No." })
	if _, system := s.seen(); strings.Contains(system, "only from the examples") {
		t.Errorf("system message %q", system)
	}
	wants(t, "off", ann.ask("general", "!settings chat off").Content, "`chat` is now off")
	before, _ := s.seen()
	wants(t, "without it", ann.ask("general", "!ask how tall is the Everest?").Content, "I don't know that")
	if asked, _ := s.seen(); asked != before {
		t.Error("the chat server was asked though it is off")
	}
}

// What is asked aloud and nobody taught is answered by the chat server too, and its first sentence is said while it still
// writes the others.
func TestChatServerAnswersAloud(t *testing.T) {
	goOn := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		stream(w, "It is held on Sunday. You need")
		select {
		case <-goOn:
			stream(w, " a ticket.")
			fmt.Fprint(w, "data: [DONE]\n\n")
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	client, err := openai.New(openai.Config{BaseURL: server.URL + "/v1", Model: "small", HTTP: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	w, heard := talkingWorld(t, func(c *mynah) { c.answer.Chat = client })
	ann := w.login("Ann")
	e := ann.sit("Talk")
	wants(t, "join", ann.ask("general", "!join").Content, "I listen")
	heard.say("When is the fair held?")
	ann.hums(900 * time.Millisecond)
	e.until(t, w.mynahID(), 8000)
	close(goOn)
	ann.saying("It is held on Sunday. You need a ticket.")
}
