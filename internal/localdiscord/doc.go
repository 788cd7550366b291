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
//	                             message + custom_id + values, modal: {input: value} + custom_id}: act as a person by names;
//	                             answers {id, token}
//	POST   /_local/faults        {method, path: "/channels/*/messages", times, delay_ms, status, retry_after, global, after}:
//	                             what happens to the next REST requests that match
//	DELETE /_local/faults        end all faults
//
// # What is left out
//
// Threads, webhooks other than those of interactions, invites, bans, stickers, polls, the topics of stages (stage instances) and presences. A route that is not there
// answers 404. The REST and gateway rate limits are there; REST's are generous unless the world file sets them.
package localdiscord
