package bot

import (
	"context"
	"slices"
	"strings"

	"github.com/mynahbot/mynah/internal/record"
)

// settingsCommand shows and changes what the server chose.
func (b *Bot) settingsCommand() *Command {
	return &Command{
		Name:       "settings",
		Trusted:    true,
		ServerOnly: true,
		Options: []Option{
			{Name: "name", Complete: completeSettings},
			{Name: "value", Rest: true, Complete: completeValues},
			{Name: "channel", Kind: Channel},
			{Name: "role", Kind: Role},
		},
		Uploads: 1,
		Run:     func(ctx context.Context, c *Call) error { return c.chooseSetting(ctx) },
	}
}

// completeSettings offers the settings that there are here.
func completeSettings(_ context.Context, c *Call, typed string) ([]Choice, error) {
	var choices []Choice
	for _, s := range c.bot.settingsHere() {
		choices = append(choices, Choice{s.name + " — " + c.T("setting."+s.name), s.name})
	}
	return matching(choices, typed), nil
}

// completeValues offers values for the setting that is named.
func completeValues(_ context.Context, c *Call, typed string) ([]Choice, error) {
	s, ok := c.bot.settingNamed(c.Arg("name"))
	if !ok {
		return nil, nil
	}
	var choices []Choice
	for _, v := range append(slices.Clone(s.kind.offers(c)), byDefault) {
		choices = append(choices, Choice{v, v})
	}
	return matching(choices, typed), nil
}

// chooseSetting shows all settings, shows one, or changes it.
func (c *Call) chooseSetting(ctx context.Context) error {
	if _, err := c.bot.answers.Knowledge(ctx, c.Server); err != nil { // whose thresholds are shown
		c.bot.log.Error("the model in use can't be read", "server", c.Server, "err", err)
	}
	name := c.Arg("name")
	if name == "" {
		return c.Say(ctx, c.settingsOverview())
	}
	s, ok := c.bot.settingNamed(name)
	if !ok {
		return c.noSuchSetting(name)
	}
	v := &settingValue{
		text: strings.TrimSpace(c.Arg("value")), channel: record.ChannelID(c.Int("channel")), role: c.Arg("role"), files: c.Attachments,
	}
	if v.empty() {
		return c.Say(ctx, c.T("settings.one", "name", s.name, "value", s.kind.show(c, c.settings), "help", c.T("setting."+s.name)))
	}
	if err := c.changeSetting(ctx, s, v); err != nil {
		return err
	}
	return c.Say(ctx, c.T("settings.changed", "name", s.name, "value", s.kind.show(c, c.settings)))
}

// changeSetting keeps a value, and does what follows.
func (c *Call) changeSetting(ctx context.Context, s setting, v *settingValue) error {
	keep, err := s.kind.read(ctx, c, s.name, v)
	switch {
	case err != nil:
		return err
	case v.channel != 0:
		return c.fail("settings.takes_none", "name", s.name, "kind", c.T("kind.channel"))
	case v.role != "":
		return c.fail("settings.takes_none", "name", s.name, "kind", c.T("kind.role"))
	case len(v.files) > 0:
		return c.fail("settings.takes_none", "name", s.name, "kind", c.T("kind.upload"))
	}
	err = c.changeSettings(ctx, func(all *record.Settings) error {
		keep(all)
		if s.valid != nil {
			return s.valid(c, *all)
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.translation = c.bot.in(c.bot.language(c.settings, c.locales...), c.settings)
	for _, follows := range s.then {
		if err := follows(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// noSuchSetting names the setting that was probably meant.
func (c *Call) noSuchSetting(name string) error {
	var names []string
	for _, s := range c.bot.settingsHere() {
		names = append(names, s.name)
	}
	if best := nearest(name, names); best != "" {
		return c.fail("settings.did_you_mean", "name", plain(name), "best", best)
	}
	return c.fail("settings.no_such", "name", plain(name))
}

// settingsOverview lists all settings with the values that hold.
func (c *Call) settingsOverview() string {
	var b strings.Builder
	b.WriteString(c.T("settings.intro") + "\n")
	for _, s := range c.bot.settingsHere() {
		b.WriteString("• `" + s.name + "`: " + s.kind.show(c, c.settings) + " — " + c.T("setting."+s.name) + "\n")
	}
	return b.String()
}
