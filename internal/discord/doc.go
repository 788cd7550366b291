// Package discord connects a [bot.Bot] to Discord: events come in and become
// the bot's types, replies go out as messages, files, voice messages and
// responses to interactions.
//
// [Open] checks the token, connects and returns when Mynah is ready; its
// commands are registered afterwards. [Client.Close] ends within its context. A
// token that Discord refuses and an intent that is not switched on are a
// *[SetupError], whose text says where to click.
//
// What comes in: gateway.go keeps a session and decides what follows its end,
// within the budget of budget.go; decode.go reads events, without what is new in
// them; renew.go drops what a new session doesn't tell of any more; read.go finds
// what a message says and whether it calls Mynah. What goes out: deliver.go and
// respond.go send, by the next best way where Discord refuses; api.go makes errors
// fit to be read; limits.go and breaker.go keep to Discord's limits.
//
// REST, events, caches and types are disgo's. Two things are replaced, through
// the places that disgo has for it: the gateway connection (gateway.go), since
// disgo's own neither reports why Discord closed it nor gives up a session that
// can't be resumed, and the rate limits (limits.go), since disgo's own stops all
// routes for a limit of one, reads no fractions of seconds, and doesn't retry
// when Discord's servers fail.
package discord
