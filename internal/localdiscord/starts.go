package localdiscord

import (
	"time"

	"github.com/coder/websocket"
)

const (
	// identifyEvery is how far apart sessions begin whose shards have the same remainder by max_concurrency.
	identifyEvery = 5 * time.Second
	// identifyDay is how long a bot's budget of sessions lasts.
	identifyDay = 24 * time.Hour
	// closeShardingRequired: one session may not have so many servers.
	closeShardingRequired websocket.StatusCode = 4011
)

// sessionStarts counts the sessions that a bot began. Guarded by Server.mu.
type sessionStarts struct {
	day  time.Time // when the budget began
	used int
	last map[int]time.Time // by the shard's remainder
	// refused counts identifies that came too fast.
	refused int
}

// renew begins a new day's budget once the last one is over.
func (st *sessionStarts) renew(now time.Time) {
	if st.day.IsZero() || now.Sub(st.day) >= identifyDay {
		st.day, st.used = now, 0
	}
}

// mayStart counts an identify against the account's budget and pace. What is over the budget ends the token, as at Discord; what
// is too fast is refused as an invalid session. Called with mu held.
func (s *Server) mayStart(c *conn, a *account, shard int, now time.Time) bool {
	limits := s.cfg.World.Gateway.withDefaults()
	if !a.bot || limits.Unlimited {
		return true
	}
	st := &a.starts
	st.renew(now)
	if st.used++; st.used > limits.Identifies {
		delete(s.byToken, a.token)
		a.token = newToken(a.id)
		s.byToken[a.token] = a
		c.close(closeAuthenticationFailed, "Authentication failed.")
		return false
	}
	key := shard % limits.MaxConcurrency
	if last, ok := st.last[key]; ok && now.Sub(last) < identifyEvery {
		st.refused++
		c.queue(opInvalidSession, false)
		return false
	}
	if st.last == nil {
		st.last = map[int]time.Time{}
	}
	st.last[key] = now
	return true
}

// serversOf counts the servers that a session of the shard would have. Called with mu held.
func (s *Server) serversOf(a *account, shard [2]int) int {
	n, probe := 0, &session{shard: shard}
	for _, g := range s.guildOrder {
		if g.members[a.id] != nil && probe.sees(g) {
			n++
		}
	}
	return n
}

// gatewayBot tells a bot how to connect.
func (c *call) gatewayBot() (any, error) {
	s, limits := c.s, c.s.cfg.World.Gateway.withDefaults()
	now := s.cfg.Now()
	st := &c.account.starts
	st.renew(now)
	shards := limits.Shards
	if shards == 0 {
		shards = 1 + (s.serversOf(c.account, [2]int{0, 1})-1)/limits.ServersPerShard
	}
	remaining := max(0, limits.Identifies-st.used)
	if limits.Unlimited {
		remaining = limits.Identifies
	}
	return map[string]any{"url": s.gatewayURL(), "shards": max(1, shards), "session_start_limit": map[string]any{
		"total": limits.Identifies, "remaining": remaining,
		"reset_after": st.day.Add(identifyDay).Sub(now).Milliseconds(), "max_concurrency": limits.MaxConcurrency}}, nil
}
