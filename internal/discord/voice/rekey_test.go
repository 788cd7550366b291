package voice

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	disgovoice "github.com/disgoorg/disgo/voice"
	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/localdiscord"
	localvoice "github.com/mynahbot/mynah/internal/localdiscord/voice"
)

// talk is a call in which people talk without end and everybody hears everybody.
type talk struct {
	t     *testing.T
	g     *mainGateway
	conns map[snowflake.ID]*Conn
	ears  map[snowflake.ID]*ear
}

// newTalk has users join channel 77 and talk.
func newTalk(t *testing.T, c localvoice.Config, users ...snowflake.ID) *talk {
	t.Helper()
	k := &talk{t: t, g: newMainGateway(t, c), conns: map[snowflake.ID]*Conn{}, ears: map[snowflake.ID]*ear{}}
	for _, u := range users {
		k.join(u)
	}
	for _, u := range users {
		play(t, k.conns[u].Player(), newTone(200*float64(u), time.Hour))
	}
	k.flows(users...)
	return k
}

func (k *talk) join(user snowflake.ID) {
	k.t.Helper()
	e := newEar()
	c := k.g.person(user, Config{Listen: func(snowflake.ID) Listener { return e }})
	open(k.t, c, 77)
	k.conns[user], k.ears[user] = c, e
}

func (k *talk) leave(user snowflake.ID) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	k.conns[user].Close(ctx)
	delete(k.conns, user)
	delete(k.ears, user)
}

// flows waits until each of the users has heard 200 ms more of each other one, which must not take longer than soundBack, and
// then until it is the right sound.
func (k *talk) flows(users ...snowflake.ID) {
	k.t.Helper()
	began := time.Now()
	type way struct{ to, from snowflake.ID }
	had := map[way]int{}
	for _, to := range users {
		for _, from := range users {
			had[way{to, from}] = len(k.ears[to].of(from))
		}
	}
	for w, before := range had {
		if w.to == w.from {
			continue
		}
		e := k.ears[w.to]
		e.until(k.t, "the other", func() bool { return len(e.of(w.from)) >= before+3200 })
		if d := time.Since(began); d > soundBack() {
			k.t.Errorf("%d hears %d after %v", w.to, w.from, d)
		}
		// Where packets came too late, pieces of the tone don't join; in between it must be there.
		e.until(k.t, fmt.Sprintf("the tone of %d by %d", w.from, w.to), func() bool {
			last, best := e.of(w.from), 0.0
			for piece := range slices.Chunk(last[len(last)-3200:], 800) {
				best = max(best, power(piece, 200*float64(w.from)))
			}
			return best > 0.8
		})
	}
}

// agree waits until the users have the same privacy code.
func (k *talk) agree(users ...snowflake.ID) {
	k.t.Helper()
	k.poll("common privacy code", func() bool {
		codes := map[string]bool{}
		for _, u := range users {
			codes[k.conns[u].Health().Encryption.PrivacyCode] = true
		}
		return len(codes) == 1 && !codes[""]
	})
}

// poll asks again and again whether ok, for what nobody signals.
func (k *talk) poll(what string, ok func() bool) {
	k.t.Helper()
	limit := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			k.t.Fatalf("no %s", what)
		}
	}
}

// unheard counts the frames that did not get through: not decrypted by the receiver, or dropped by a sender without a key.
func (k *talk) unheard() (not, all uint64) {
	for _, c := range k.conns {
		h := c.Health()
		not += h.Unencrypted
		all += h.Sent
		for _, s := range h.Speakers {
			not += s.DecryptFailures
		}
	}
	return not, all
}

// Two people talk while others come and go: every change gives new keys, and nothing that is said gets lost by it. The long
// version has as many changes as an hour in which somebody comes or goes every 20 seconds.
func TestRekeyWhileTalking(t *testing.T) {
	t.Parallel()
	changes := 16
	if os.Getenv("MYNAH_LONG") != "" {
		changes = 180
	}
	k := newTalk(t, localvoice.Config{}, 1, 2)
	first := k.conns[1].Health().Encryption.Epoch
	for n := range changes / 2 {
		user := snowflake.ID(3 + n%3)
		k.join(user)
		k.agree(1, 2, user)
		e := k.ears[user]
		e.until(t, "both by the one who came", func() bool { return len(e.of(1)) >= 1600 && len(e.of(2)) >= 1600 })
		k.leave(user)
		k.agree(1, 2)
		if n%8 == 0 {
			k.flows(1, 2)
		}
	}
	k.flows(1, 2)
	last := k.conns[1].Health().Encryption.Epoch
	if last < first+uint64(changes)*3/4 { // somebody's leaving and the next one's coming may share a commit
		t.Errorf("epoch %d after %d, with %d changes", last, first, changes)
	}
	not, all := k.unheard()
	t.Logf("%d changes, epoch %d: %d of %d frames unheard", changes, last, not, all)
	if not > 0 {
		t.Errorf("%d of %d frames were not heard", not, all)
	}
}

// Messages of the gateway that come late hold nothing up for longer than they are late.
func TestLateMessages(t *testing.T) {
	t.Parallel()
	for name, op := range map[string]int{
		"clients connect": opClientsConnect, "client disconnect": opClientDisconnect, "execute": opExecuteTransition, "proposals": opProposals,
		"commit": opAnnounceCommit, "speaking": opSpeaking,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newTalk(t, localvoice.Config{}, 1, 2)
			k.g.server.Hold(1, op, 600*time.Millisecond)
			for range 2 {
				k.join(3)
				k.flows(1, 2)
				k.leave(3)
				k.flows(1, 2)
			}
			k.g.server.Hold(1, op, 0)
			k.join(3)
			k.agree(1, 2, 3)
			k.flows(1, 2)
		})
	}
	for name, op := range map[string]int{
		"session description": opSessionDescription, "external sender": opExternalSender, "welcome": opWelcome, "first proposals": opProposals,
	} {
		t.Run(name+" of the one who comes", func(t *testing.T) {
			t.Parallel()
			k := newTalk(t, localvoice.Config{}, 1, 2)
			k.g.server.Hold(3, op, 600*time.Millisecond)
			k.join(3)
			k.agree(1, 2, 3)
			play(t, k.conns[3].Player(), newTone(600, time.Hour))
			k.flows(1, 2, 3)
		})
	}
}

// Who learns too late that somebody has come refuses the group with them, asks again, with pauses, and then begins anew: neither does
// everybody change keys all the time, nor is the one left outside.
func TestNotLetIn(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]time.Duration{"soon": 400 * time.Millisecond, "not in this session": 10 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newTalk(t, localvoice.Config{}, 1)
			k.g.server.Hold(1, opClientsConnect, late)
			k.g.mu.Lock()
			joins := k.g.joins
			k.g.mu.Unlock()
			k.join(2)
			again := 0
			if late > time.Second {
				again = 1
				k.poll("end of the session", func() bool { return k.conns[1].current.Load() == nil })
				k.g.server.Hold(1, opClientsConnect, 0)
			}
			k.agree(1, 2)
			play(t, k.conns[2].Player(), newTone(400, time.Hour))
			k.flows(1, 2)
			if n := k.conns[2].Health().Encryption.Epoch; n > 2*maxTries {
				t.Errorf("epoch %d", n)
			}
			k.g.mu.Lock()
			defer k.g.mu.Unlock()
			if n := k.g.joins - joins - 1; n != again {
				t.Errorf("joined %d times again, want %d", n, again)
			}
		})
	}
}

// A session that breaks while keys change is resumed, and what it missed is replayed: as one of several members, and as the
// only one who can let another in.
func TestResumeWhileRekeying(t *testing.T) {
	t.Parallel()
	hold := func(k *talk, d time.Duration) { k.g.server.Hold(1, opClientsConnect, d) } // and what comes behind it
	t.Run("one of two", func(t *testing.T) {
		t.Parallel()
		k := newTalk(t, localvoice.Config{TransitionWait: time.Second}, 1, 2)
		for _, code := range []int{0, 4015} {
			hold(k, -1)
			k.join(3) // 2 commits; 1 hears nothing of it
			hold(k, 0)
			resumes := k.conns[1].Health().Resumes
			k.g.server.Kill(testGuild, 1, code)
			k.agree(1, 2, 3)
			k.flows(1, 2)
			k.leave(3)
			k.agree(1, 2)
			if k.conns[1].Health().Resumes == resumes {
				t.Error("not resumed")
			}
		}
		if not, all := k.unheard(); not > all/50 {
			t.Errorf("%d of %d frames were not heard", not, all)
		}
	})
	t.Run("alone", func(t *testing.T) {
		t.Parallel()
		k := newTalk(t, localvoice.Config{}, 1)
		hold(k, -1)
		e := newEar()
		second := k.g.person(2, Config{Listen: func(snowflake.ID) Listener { return e }})
		k.conns[2], k.ears[2] = second, e
		opened := make(chan error, 1)
		go func() { opened <- second.Open(t.Context(), 77, false, false) }()
		k.poll("the session of the second", func() bool {
			l := second.current.Load()
			if l == nil {
				return false
			}
			l.keys.mu.Lock()
			defer l.keys.mu.Unlock()
			return l.keys.begun
		})
		hold(k, 0)
		k.g.server.Kill(testGuild, 1, 0)
		if err := <-opened; err != nil {
			t.Fatal(err)
		}
		k.agree(1, 2)
		play(t, k.conns[2].Player(), newTone(400, time.Hour))
		k.flows(1, 2)
	})
}

// A socket breaks with a message of ours under way: a key package without which nobody is let in, a commit, the answer that
// the others wait for. It is sent again.
func TestLostMessages(t *testing.T) {
	t.Parallel()
	const opKeyPackage, opCommitWelcome, opTransitionReady = 26, 28, 23
	for name, tc := range map[string]struct {
		present []snowflake.ID
		op      int
		of      snowflake.ID
	}{
		"key package of who comes":        {[]snowflake.ID{1, 2}, opKeyPackage, 3},
		"first key package":               {[]snowflake.ID{1}, opKeyPackage, 3},
		"one of the first two commits":    {[]snowflake.ID{1}, opCommitWelcome, 1},
		"one of two commits":              {[]snowflake.ID{1, 2}, opCommitWelcome, 1},
		"readiness of a member":           {[]snowflake.ID{1, 2}, opTransitionReady, 1},
		"readiness of who comes":          {[]snowflake.ID{1, 2}, opTransitionReady, 3},
		"speaking of who talks meanwhile": {[]snowflake.ID{1, 2}, opSpeaking, 3},
	} {
		for _, code := range []int{0, closeServerCrashed} {
			t.Run(fmt.Sprint(name, ", ", code), func(t *testing.T) {
				t.Parallel()
				k := newTalk(t, localvoice.Config{TransitionWait: 20 * time.Second}, tc.present...)
				k.g.server.Lose(localdiscord.ID(tc.of), tc.op, code)
				k.join(3)
				play(t, k.conns[3].Player(), newTone(600, time.Hour))
				k.flows(append(tc.present, 3)...)
				k.agree(append(tc.present, 3)...)
				if k.conns[tc.of].Health().Resumes == 0 {
					t.Error("nothing was lost")
				}
			})
		}
	}
}

// The call moves to another voice server while people talk.
func TestMoveWhileTalking(t *testing.T) {
	t.Parallel()
	k := newTalk(t, localvoice.Config{}, 1, 2, 3)
	for range 3 {
		k.g.server.Move(testGuild)
		for u := range k.conns {
			channel := snowflake.ID(77)
			k.g.put(u, &channel)
		}
		k.flows(1, 2, 3)
		k.agree(1, 2, 3)
	}
}

// The session of one who talks is moved to another voice server, by either of the codes for it.
func TestMoveOfOneWhileTalking(t *testing.T) {
	t.Parallel()
	for _, code := range []int{closeDisconnected, closeCallTerminated} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			k := newTalk(t, localvoice.Config{}, 1, 2, 3)
			if !k.g.server.Kill(testGuild, 1, code) {
				t.Fatal("nothing to kill")
			}
			channel := snowflake.ID(77)
			k.g.put(1, &channel)
			k.flows(1, 2, 3)
			k.agree(1, 2, 3)
		})
	}
}

// What was missed is more than the voice server keeps: it refuses to resume, and a fresh session is asked for.
func TestTooMuchMissed(t *testing.T) {
	t.Parallel()
	k := newTalk(t, localvoice.Config{}, 1, 2, 3)
	k.g.server.Hold(1, opSpeaking, -1)
	const missed = 600 // of 512 that are kept
	var told atomic.Int64
	k.conns[3].SetEventHandlerFunc(func(_ disgovoice.Gateway, op disgovoice.Opcode, _ int, _ disgovoice.GatewayMessageData) {
		if op == disgovoice.OpcodeSpeaking {
			told.Add(1)
		}
	})
	for range missed {
		if err := k.conns[2].SetSpeaking(t.Context(), disgovoice.SpeakingFlagMicrophone); err != nil {
			t.Fatal(err)
		}
	}
	k.poll("all that is missed", func() bool { return told.Load() >= missed })
	k.g.server.Hold(1, opSpeaking, 0)
	k.g.mu.Lock()
	joins := k.g.joins
	k.g.mu.Unlock()
	if !k.g.server.Kill(testGuild, 1, closeServerCrashed) {
		t.Fatal("nothing to kill")
	}
	k.flows(1, 2, 3)
	k.agree(1, 2, 3)
	k.g.mu.Lock()
	defer k.g.mu.Unlock()
	if k.g.joins != joins+1 {
		t.Errorf("joined %d times again", k.g.joins-joins)
	}
}

// Somebody comes to where we are alone. What is said as they enter waits for the keys: nothing of it is lost.
func TestSpeechWaitsForKeys(t *testing.T) {
	t.Parallel()
	k := newTalk(t, localvoice.Config{}, 1)
	k.conns[1].Player().Stop()
	k.poll("silence", func() bool { return !k.conns[1].Player().Playing() })
	before := k.conns[1].Health().Unencrypted // said to nobody
	k.g.server.Hold(1, opExecuteTransition, 300*time.Millisecond)
	k.join(2)
	item := play(t, k.conns[1].Player(), newTone(200, 500*time.Millisecond))
	<-item.Done()
	e := k.ears[2]
	e.until(t, "all that was said", func() bool { return len(e.of(1)) >= 8000 })
	if lost := k.conns[1].Health().Unencrypted - before; lost > 0 {
		t.Errorf("%d frames were lost for want of a key", lost)
	}
}
