// Package localdiscord is a Discord on this machine: REST v10, gateway v10, a CDN and interactions, over plain HTTP and
// WebSocket, for people and bots of a small world that a file describes. Mynah's try-out without a token runs on it, and so do its
// end-to-end tests. Client libraries work unchanged, disgo and discord.js among them.
//
//	s, err := localdiscord.Start(ctx, localdiscord.Config{})   // DefaultWorld on a free port of 127.0.0.1
//	defer s.Close()
//	line := s.Ready()                                          // addresses, channels, accounts with tokens
//	mynah, _ := line.Account("Mynah")
//	disgo.New(mynah.Token, bot.WithRestClientConfigOpts(rest.WithURL(line.REST+"/v10")), …)
//
// # Who logs in
//
// Bots and people log in the same way, with a token as "Bot TOKEN" or bare. A person's session gets all events when it names no
// intents in its identify, and always gets the content of messages. What an account may do follows from the
// roles and overwrites of the world file, as in Discord.
//
// # How a person's client acts
//
// Discord's own client uses routes that its documentation leaves out; they are here too, for people's tokens:
//
//   - POST /api/v10/interactions runs a command (type 2), asks for completion (4), uses a component (3) or submits a modal (5). The
//     body is {type, application_id, channel_id, nonce, message_id (3), data}; files for attachment options are
//     parts files[n], and the option's value is n. The answer is 204. data is, for 2 and 4, {id, options: [{name, value, focused}], target_id}, for 3
//     {custom_id, values}, for 5 {id: ID from INTERACTION_MODAL_CREATE, custom_id, components: [{type: 1, components: [{type: 4, custom_id, value}]}]}.
//   - GET /api/v10/guilds/{id}/application-command-index, or /channels/{id}/…, lists {applications, application_commands} that the person may
//     use there, with name_localized and description_localized in the person's language.
//
// A session that named no intents then gets INTERACTION_CREATE {id, nonce}, and one of INTERACTION_SUCCESS {id, nonce},
// INTERACTION_FAILURE {id, nonce} after 3 s without an answer, INTERACTION_MODAL_CREATE {id, nonce, custom_id, title, components}, and
// APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE {nonce, choices}. Messages come as MESSAGE_CREATE; flag 128 is a deferred one that MESSAGE_UPDATE
// will fill, flag 64 one that only this person sees.
//
// # Endpoints of this server's own
//
// They answer to programs and to pages from this address only.
//
//	GET    /_local/ready         the Line that `mynah localdiscord` prints: addresses, servers, accounts with tokens
//	GET    /_local/state         sessions, voice states, faults, how much is stored
//	POST   /_local/voice         {account, channel | null, server, self_mute, self_deaf, mute, deaf}: move somebody; accounts and
//	                             channels by id or name
//	POST   /_local/gateway/drop  {account, close: CODE | op: 7 | op: 9 | abort: true, resumable, forget}: break connections
//	POST   /_local/interactions  {account, channel, application, command, subcommand: [], options: {name: value}, focused, target,
//	                             message + custom_id + values, modal: {input: value} + custom_id, foreign}: act as a person by names;
//	                             answers {id, token}
//	POST   /_local/faults        {method, path: "/channels/*/messages", times, delay_ms, status, code, message, body, type,
//	                             retry_after, no_retry_after, scope, global, after}:
//	                             what happens to the next REST requests that match
//	DELETE /_local/faults        end all faults
//	POST   /_local/gateway/faults {account, on: connect | identify | resume, status | close | op: 7 | op: 9 + resumable | hang,
//	                             times}: what meets the next attempts
//	DELETE /_local/gateway/faults end these
//	POST   /_local/gateway/resume {alive}: take the address for resuming away, or bring it back
//	POST   /_local/gateway/events {account, name, data}: send an event of any form
//	POST   /_local/messages      {account, channel, content, over: {field: value}}: post what nobody could send, such as other types
//	POST   /_local/servers       {server, away}: begin or end an outage
//	POST   /_local/members       {server, account, present}: take somebody out of a server, or in
//
// # How strict it is
//
// As strict as Discord, so that a client that passes here passes there: bots have Discord's rate limits over REST, a budget of
// sessions a day (then the token is reset), a pace of identifies, and 4011 for too many servers in one session; threads, forums,
// slow mode, timeouts, AFK channels, managed roles, forwards, polls and Components V2 act as there. People have no limits. The
// world's rate_limits and gateway change the limits or, for tests of load, lift them.
//
// # What is left out
//
// Webhooks other than those of interactions, invites, bans, real stickers, votes in polls, the topics of stages (stage instances),
// presences, private threads and the lists of archived ones, tags of forums, and making channels and roles. A route that is not
// there answers 404.
package localdiscord
