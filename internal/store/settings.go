package store

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

// settingsExpiry is how long settings read from a shared database are believed.
// A SQLite database is ours alone, so they are believed until they change.
const settingsExpiry = 10 * time.Second

type settingsCache struct {
	expiry time.Duration // 0 = never
	mu     sync.Mutex
	known  map[record.ServerID]cachedSettings
}

type cachedSettings struct {
	value record.Settings
	read  time.Time
}

func (c *settingsCache) get(server record.ServerID) (record.Settings, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.known[server]
	if !ok || c.expiry > 0 && time.Since(e.read) > c.expiry {
		return record.Settings{}, false
	}
	return e.value, true
}

func (c *settingsCache) put(s record.Settings) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = make(map[record.ServerID]cachedSettings)
	}
	c.known[s.Server] = cachedSettings{s, time.Now()}
}

// Settings returns what a server has chosen: only Server is set where nothing
// was. The maps and slices in it are shared and must not be changed.
func (s *Store) Settings(ctx context.Context, server record.ServerID) (record.Settings, error) {
	if known, ok := s.settings.get(server); ok {
		return known, nil
	}
	settings, found, err := first(ctx, s.read, func(row scanner) (v record.Settings, err error) {
		var text string
		if err := row.Scan(&text); err != nil {
			return v, err
		}
		return v, json.Unmarshal([]byte(text), &v)
	}, `SELECT value FROM setting WHERE server = $1`, int64(server))
	if err != nil {
		return record.Settings{}, fmt.Errorf("read the settings of server %s: %w", server, err)
	}
	if !found {
		settings = record.Settings{}
	}
	settings.Server = server
	s.settings.put(settings)
	return settings, nil
}

// SaveSettings replaces what the server in settings has chosen.
func (s *Store) SaveSettings(ctx context.Context, settings record.Settings) error {
	text, err := json.Marshal(settings)
	if err != nil {
		return fmt.Errorf("save the settings of server %s: %w", settings.Server, err)
	}
	_, err = s.write.ExecContext(ctx, `INSERT INTO setting (server, value) VALUES ($1, $2)
		ON CONFLICT (server) DO UPDATE SET value = excluded.value`, int64(settings.Server), clean(string(text)))
	if err != nil {
		return fmt.Errorf("save the settings of server %s: %w", settings.Server, err)
	}
	// Read it back, so that the cache shares nothing with the caller.
	var own record.Settings
	if err := json.Unmarshal(text, &own); err != nil {
		return fmt.Errorf("save the settings of server %s: %w", settings.Server, err)
	}
	s.settings.put(own)
	return nil
}
