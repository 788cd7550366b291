package bot

import (
	"context"
	"sync"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

const (
	// membershipTime is how long it is remembered whether somebody is a member of the home server.
	membershipTime = time.Minute
	// maxMemberships bounds how many people that is remembered of.
	maxMemberships = 1000
)

// memberships remembers for a while who is a member of the home server, so that
// not every direct message asks Discord.
type memberships struct {
	mu  sync.Mutex
	all map[record.UserID]membership
}

type membership struct {
	member bool
	until  time.Time
}

// member reports whether the author is a member of the server that the call is
// about: in direct messages that is the home server, to which Discord lets
// anybody write who shares any server with Mynah.
func (c *Call) member(ctx context.Context) (bool, error) {
	if !c.Direct {
		return true, nil
	}
	m, now := &c.bot.memberships, c.bot.cfg.Now()
	m.mu.Lock()
	known, ok := m.all[c.Author.ID]
	m.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.member, nil
	}
	link, err := c.bot.connection(ctx)
	if err != nil {
		return false, err
	}
	_, is, err := link.members.Member(ctx, c.Server, c.Author.ID)
	if err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil || len(m.all) >= maxMemberships {
		m.all = map[record.UserID]membership{}
	}
	m.all[c.Author.ID] = membership{is, now.Add(membershipTime)}
	return is, nil
}

// sees reports whether the author may see an exchange: it was here, or in a channel of the server that they see. What was written to
// Mynah directly is for whoever wrote it alone.
func (c *Call) sees(ctx context.Context, e record.Exchange) (bool, error) {
	if e.Channel == c.Channel || e.Asker == c.Author.ID {
		return true, nil
	}
	link, err := c.bot.connection(ctx)
	if err != nil {
		return false, err
	}
	return link.members.Sees(ctx, c.Server, e.Channel, c.Author.ID)
}

// allowed is the refusal of a command that the author may not use here, nil
// where they may.
func (c *Call) allowed(ctx context.Context, cmd *Command) error {
	if cmd.ServerOnly && c.Direct {
		if c.bot.cfg.HomeServer == 0 {
			return c.fail("error.server_only")
		}
		if is, err := c.member(ctx); err != nil {
			return err
		} else if !is {
			return c.fail("error.members_only")
		}
	}
	if cmd.Trusted && !c.trusted() {
		return c.fail("error.not_allowed")
	}
	return nil
}
