// Package bot is what Mynah does: it decides what a message means, runs
// commands, answers questions, learns from corrections, and keeps the rules
// (permissions, limits, languages). It knows no SQL, no HTTP and no wire of
// Discord: package discord turns events into the types of this package and
// carries out what comes back.
//
// Read it in this order:
//
//   - types.go: what comes in ([Message], [Invocation], [Reaction]) and what
//     goes out ([Reply]);
//   - ports.go: the small interfaces that the bot needs from others;
//   - bot.go: [New], the Handle methods, and how one event flows;
//   - command.go: how a command is declared once and becomes a prefix command,
//     a slash command, its help and its checks. Every command_*.go file holds
//     one command or one family; to add one, write such a file and name it in
//     the list in commands.go, and give its texts in texts/*.yaml;
//   - answer.go: where an answer comes from;
//   - training.go: the job behind `train`.
//
// Create a Bot with [New], call [Bot.Start], feed it events through the Handle
// methods (they return at once; the work is queued per channel, so that answers
// keep the order of the questions), and end with [Bot.Stop], which waits for
// what runs and writes what is not yet written.
package bot
