package bot

import (
	"context"
	"strings"
)

// help tells what Mynah can do here, from the commands themselves.
func (b *Bot) help() *Command {
	return &Command{
		Name: "help",
		Options: []Option{{Name: "command", Rest: true, Complete: func(_ context.Context, c *Call, typed string) ([]Choice, error) {
			var choices []Choice
			for _, cmd := range c.bot.commands {
				if !cmd.Menu && !cmd.Form {
					choices = append(choices, Choice{cmd.Name, cmd.Name})
				}
			}
			return matching(choices, typed), nil
		}}},
		Run: func(ctx context.Context, c *Call) error {
			name := strings.TrimPrefix(strings.ToLower(c.Arg("command")), c.bot.prefix(c.settings))
			if name == "" {
				return c.Say(ctx, c.overview())
			}
			words := strings.Fields(strings.TrimPrefix(name, "/"))
			cmd, _, group := c.bot.find(words...)
			switch {
			case cmd != nil:
				return c.Say(ctx, c.manual(cmd))
			case group:
				return c.groupHelp(ctx, words[0])
			}
			return c.unknownCommand(ctx, name)
		},
	}
}

// overview lists the commands that the author may use here.
func (c *Call) overview() string {
	var open, trusted strings.Builder
	for _, cmd := range c.bot.commands {
		if cmd.Menu || cmd.Form || cmd.ServerOnly && c.Direct && c.bot.cfg.HomeServer == 0 {
			continue
		}
		to := &open
		if cmd.Trusted {
			to = &trusted
		}
		to.WriteString("`" + c.usage(cmd) + "` — " + c.bot.Describe(cmd, "", c.Language) + "\n")
	}
	text := c.T("help.intro") + "\n\n" + open.String()
	if c.trusted() {
		text += "\n" + c.T("help.trusted") + "\n" + trusted.String()
	} else if trusted.Len() > 0 {
		text += "\n" + c.T("help.not_trusted")
	}
	return text
}

// usage shows how a command is typed.
func (c *Call) usage(cmd *Command) string {
	var b strings.Builder
	b.WriteString(c.bot.prefix(c.settings) + cmd.Name)
	for i, o := range cmd.Options {
		text := o.Name
		if o.Kind == Boolean {
			text += ":true|false"
		} else if i > 0 && !o.Required && !o.Rest {
			text += ":…"
		}
		if !o.Required {
			text = "[" + text + "]"
		}
		b.WriteString(" " + text)
	}
	if cmd.Uploads > 0 {
		b.WriteString(" [" + c.T("help.files") + "]")
	}
	return b.String()
}

// manual describes one command with its options.
func (c *Call) manual(cmd *Command) string {
	var b strings.Builder
	b.WriteString("`" + c.usage(cmd) + "`\n" + c.bot.Describe(cmd, "", c.Language) + "\n")
	for _, o := range cmd.Options {
		b.WriteString("• `" + o.Name + "` — " + c.bot.Describe(cmd, o.Name, c.Language))
		if len(o.Choices) > 0 {
			b.WriteString(": `" + strings.Join(o.Choices, "`, `") + "`")
		}
		b.WriteString("\n")
	}
	if cmd.Uploads > 0 {
		b.WriteString("• " + c.T("help.files") + " — " + c.bot.Describe(cmd, cmd.UploadOptions()[0], c.Language) + "\n")
	}
	if cmd.Trusted {
		b.WriteString(c.T("help.needs_right"))
	}
	return b.String()
}

// groupHelp lists the sub-commands of a group.
func (c *Call) groupHelp(ctx context.Context, group string) error {
	var b strings.Builder
	b.WriteString(c.bot.DescribeGroup(group, c.Language) + "\n")
	for _, cmd := range c.bot.commands {
		if strings.HasPrefix(cmd.Name, group+" ") {
			b.WriteString("`" + c.usage(cmd) + "` — " + c.bot.Describe(cmd, "", c.Language) + "\n")
		}
	}
	return c.Say(ctx, b.String())
}

// unknownCommand names the command that was probably meant.
func (c *Call) unknownCommand(ctx context.Context, name string) error {
	var heads []string
	for _, cmd := range c.bot.commands {
		if !cmd.Menu && !cmd.Form {
			head, _, _ := strings.Cut(cmd.Name, " ")
			heads = append(heads, head)
		}
	}
	prefix := c.bot.prefix(c.settings)
	if best := nearest(name, heads); best != "" {
		return c.Say(ctx, c.T("help.did_you_mean", "name", plain(name), "best", prefix+best, "help", prefix+"help"))
	}
	return c.Say(ctx, c.T("help.unknown", "name", plain(name), "help", prefix+"help"))
}

// maxTypos is how far a word may be from the one that was meant.
const maxTypos = 2

// nearest is the one of the words that was probably meant, "" for none.
func nearest(typed string, words []string) string {
	best, distance := "", maxTypos+1
	for _, word := range words {
		if d := editDistance(strings.ToLower(typed), word, distance); d < distance {
			best, distance = word, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions and replacements from a to b;
// it gives up at limit.
func editDistance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) >= limit || len(y)-len(x) >= limit {
		return limit
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(x); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := diagonal
			if x[i-1] != y[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return min(row[len(y)], limit)
}

// matching keeps the choices that contain what was typed, those that begin with
// it first.
func matching(choices []Choice, typed string) []Choice {
	typed = strings.ToLower(strings.TrimSpace(typed))
	var first, second []Choice
	for _, choice := range choices {
		label, value := strings.ToLower(choice.Label), strings.ToLower(choice.Value)
		switch {
		case strings.HasPrefix(label, typed), strings.HasPrefix(value, typed):
			first = append(first, choice)
		case strings.Contains(label, typed), strings.Contains(value, typed):
			second = append(second, choice)
		}
	}
	return append(first, second...)
}
