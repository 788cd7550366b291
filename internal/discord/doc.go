// Package discord connects a [bot.Bot] to Discord: events come in and become
// the bot's types, replies go out as messages, files, voice messages and
// responses to interactions.
//
// [Open] checks the token, connects, registers the slash commands and returns
// when Mynah is ready; [Client.Close] ends within its context. A token that
// Discord refuses and an intent that is not switched on are a *[SetupError],
// whose text says where to click.
//
// REST, events, caches and types are disgo's. Two things are replaced, through
// the places that disgo has for it: the gateway connection (gateway.go), since
// disgo's own neither reports why Discord closed it nor can be stopped while it
// reconnects, and the rate limits (limits.go), since disgo's own stops all
// routes for a limit of one, reads no fractions of seconds, and doesn't retry
// when Discord's servers fail.
package discord
