package main

import (
	"path"
	"strings"
	"testing"
	"time"

	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/conversation"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
)

// recording is one of the shared set, by its file's name.
func recording(t testing.TB, file string) []float32 {
	t.Helper()
	for _, c := range speechtest.Clips(t) {
		if c.File == file {
			return speechtest.WAV(t, c.Path)
		}
	}
	t.Skipf("needs %s in ../shared/data/speech", path.Base(file))
	return nil
}

// hearsFor waits until somebody has heard so much of Mynah since the call of listen, and reports whether they have.
func (c *caller) hearsFor(d time.Duration) bool {
	deadline := time.NewTimer(unanswered)
	defer deadline.Stop()
	for {
		c.mu.Lock()
		enough := len(c.sound) >= samplesIn(d)
		c.mu.Unlock()
		if enough {
			return true
		}
		select {
		case <-c.news:
		case <-deadline.C:
			return false
		}
	}
}

// Over an encrypted connection: a real person interrupts an answer, which falls silent, and gets the next one; what was said
// of it and what was not is known to the next turn, and to the mind. Where one of the two was not understood, another two
// people talk.
func TestTalkInterruption(t *testing.T) {
	t.Parallel()
	s := openTalkingSpeech(t)
	rooms := newVoiceRooms(t)
	question, lamp := s.clearly(t, "What is the capital of France?", "france"), recording(t, "en/wyo_lamp.wav")
	long := strings.TrimSpace(strings.Repeat("This is a long answer that goes on and on. ", 12))
	var k *talk
	for try := 0; ; try++ {
		k = newTalk(t, rooms, s, try, nil, "Ann")
		k.answer = func(q conversation.Question) string {
			if q.Interrupted != nil {
				return "Turning on the lamp now."
			}
			return long
		}
		ann := k.people[1]
		ann.listen()
		ann.speaks(question.next())
		if ann.hearsFor(3 * time.Second) { // longer than a turn can be gone on with
			ann.speaks(lamp)
		}
		if k.within(unanswered, func() bool { return len(k.done) >= 2 }) && k.understood("France", "living room") {
			t.Logf("tries: %d", try+1)
			break
		}
		if try+1 == tries {
			k.fail("not understood %d times", tries)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.done) != 2 {
		t.Errorf("%d exchanges", len(k.done))
	}
	first, second := k.done[0], k.done[1]
	if first.Answer.Text != long || first.Said == "" || first.Unsaid == "" || len(first.Said)+1+len(first.Unsaid) != len(long) {
		t.Errorf("the interrupted exchange is %+v", first)
	}
	if x := second.Question.Interrupted; x == nil || x.Said != first.Said || x.Unsaid != first.Unsaid {
		t.Errorf("the question that interrupted knows of %+v, not of %+v", x, first)
	}
	if second.Unsaid != "" || strings.Contains(second.Question.Text, "France") {
		t.Errorf("the second exchange is %+v", second)
	}
}

// understood reports whether the first questions hold these words.
func (k *talk) understood(parts ...string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, part := range parts {
		if !strings.Contains(k.done[i].Question.Text, part) {
			return false
		}
	}
	return true
}

// Of three people one names Mynah. What another one says is listened to and not answered, and of the third, who is not heard,
// nothing is even decoded.
func TestTalkAmongThree(t *testing.T) {
	t.Parallel()
	s := openTalkingSpeech(t)
	k := newTalk(t, newVoiceRooms(t), s, 0, nil, "Ann", "Bob", "Catherine")
	ann, bob, cat := k.people[1], k.people[2], k.people[3]
	k.unsure.Choose(record.Consent{User: cat.user, Heard: false})
	lamp := recording(t, "en/wyo_lamp.wav")
	bob.speaks(lamp)
	cat.speaks(lamp)
	question := s.clearly(t, "Mynah, when does the tournament start?", `^min(a|er|or)\b.*tournament start`)
	k.says(ann, question, "answer about the tournament", func() bool {
		return len(k.done) > 0 && holds(strings.ToLower(k.done[len(k.done)-1].Question.Text), "tournament")
	})
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, q := range k.asked {
		if q.User != ann.user {
			t.Errorf("asked %+v", q)
		}
	}
	for _, x := range k.done {
		if x.Question.User != ann.user {
			t.Errorf("answered %+v", x)
		}
	}
	if unheard, listened, recognized := k.session.Privacy(); listened == 0 || recognized < 2 {
		t.Errorf("%d pieces dropped unheard, %d frames listened to, %d stretches recognized", unheard, listened, recognized)
	}
	seen := map[snowflake.ID]bool{}
	for _, speaker := range k.mynah.Health().Speakers {
		seen[speaker.User] = true
		switch speaker.User {
		case snowflake.ID(cat.user):
			if speaker.Decoded != 0 || speaker.Unwanted == 0 {
				t.Errorf("of who is not heard %d frames were decoded and %d packets dropped", speaker.Decoded, speaker.Unwanted)
			}
		case snowflake.ID(bob.user):
			if speaker.Decoded == 0 {
				t.Error("Bob was not decoded")
			}
		}
	}
	if !seen[snowflake.ID(cat.user)] || !seen[snowflake.ID(bob.user)] {
		t.Errorf("the speakers are %v", seen)
	}
}
