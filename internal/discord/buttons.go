package discord

import (
	"net/url"
	"strings"

	"github.com/disgoorg/disgo/discord"

	"github.com/mynahbot/mynah/internal/bot"
)

// buttonMark begins the ids of Mynah's buttons.
const buttonMark = "run/"

// buttons makes Discord's buttons: the id says which command is run.
func buttons(all []bot.Button) []discord.LayoutComponent {
	if len(all) == 0 {
		return nil
	}
	var row discord.ActionRowComponent
	for _, b := range all {
		style := discord.ButtonStyleSecondary
		if b.Primary {
			style = discord.ButtonStylePrimary
		}
		id := buttonMark + url.PathEscape(b.Command) + "/" + url.PathEscape(b.Option) + "/" + url.PathEscape(b.Value)
		row.Components = append(row.Components, discord.ButtonComponent{Style: style, Label: clip(b.Label, 80), CustomID: id})
	}
	return []discord.LayoutComponent{row}
}

// readButton reads the id of one of Mynah's buttons.
func readButton(id string) (command, option, value string, ok bool) {
	rest, ok := strings.CutPrefix(id, buttonMark)
	fields := strings.Split(rest, "/")
	if !ok || len(fields) != 3 {
		return "", "", "", false
	}
	for i := range fields {
		var err error
		if fields[i], err = url.PathUnescape(fields[i]); err != nil {
			return "", "", "", false
		}
	}
	return fields[0], fields[1], fields[2], fields[0] != ""
}
