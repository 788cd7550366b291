package bot

import "context"

// effect makes a changed setting hold where something goes on that it touches. The call has the new settings.
type effect func(ctx context.Context, c *Call) error

// forgetModel has the model in use loaded again, with the new thresholds.
func forgetModel(_ context.Context, c *Call) error {
	c.bot.answers.Forget(c.Server)
	return nil
}

// expireOld deletes what has now been kept long enough.
func expireOld(_ context.Context, c *Call) error {
	c.bot.expireNow()
	return nil
}

// leaveClear leaves a call that isn't encrypted end to end, where that is now demanded.
func leaveClear(_ context.Context, c *Call) error {
	if call, ok := c.bot.Ongoing(c.Server); ok && c.settings.RequireE2EE && call.Health().Encryption == 0 {
		c.bot.CallCleared(c.Server)
	}
	return nil
}

// tellKept tells people in a voice channel what becomes of what they say, where it is written down.
func tellKept(ctx context.Context, c *Call) error {
	t := c.bot.talks.of(c.Server)
	if t == nil || c.settings.TranscriptChannel == 0 {
		return nil
	}
	_, err := t.Post(ctx, c.bot.keptNotice(c.settings, c.Language))
	return err
}

// hearAgain decides anew who is heard in a voice channel, and forgets what those said who aren't.
func hearAgain(_ context.Context, c *Call) error {
	t := c.bot.talks.of(c.Server)
	if t == nil {
		return nil
	}
	t.choices.SetOptOut(!c.settings.VoiceOptIn)
	t.choices.SetDeaf(c.settings.Recognizer == off)
	for _, p := range t.present() {
		if !t.choices.Heard(p.ID) {
			t.session.Forget(p.ID)
		}
	}
	return nil
}

// listenAnew has a conversation listen to other names, and end turns after other silences.
func listenAnew(_ context.Context, c *Call) error {
	if t := c.bot.talks.of(c.Server); t != nil {
		short, long := c.bot.endpoints(c.settings)
		t.session.Configure(c.settings.Names, short, long)
	}
	return nil
}

// listenForWords has a conversation know other words.
func listenForWords(ctx context.Context, c *Call) error {
	if t := c.bot.talks.of(c.Server); t != nil {
		t.setPeople(ctx, t.present())
	}
	return nil
}
