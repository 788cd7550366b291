package bot

import "slices"

// declare lists every command, in the order of `help`.
func (b *Bot) declare() []*Command {
	return slices.Concat(
		[]*Command{
			b.hi(),
			b.help(),
			b.ask(),
			b.instruction(),
			b.correct(),
			b.correctMenu(),
			b.correctForm(),
			b.feedback(),
			b.status(),
			b.models(),
			b.train(),
			b.testing(),
			b.cancelJob(),
			b.selectDataset(),
			b.promote(),
			b.rollback(),
			b.archive(),
			b.getfile(),
			b.settingsCommand(),
		},
		b.voiceCommands(),
		b.heldCommands(),
		b.datasets(),
		b.testset(),
		b.responseCommands(),
		b.privacy(),
	)
}
