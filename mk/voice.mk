# Voice beside the clients that others wrote, over bad networks, and how much time it takes.
interop-targets: interop-voice
bench-targets: bench-voice

VOICE_ROUNDS ?= 20
VOICE_CLIPS ?= 40

interop-voice: interop-modules pack ## talk with an unmodified discord.js, discord.py and disgo in a voice channel and over a lossy network, counted word by word
	MYNAH_INTEROP=1 MYNAH_INTEROP_ROUNDS=$(VOICE_ROUNDS) MYNAH_LOSS_CLIPS=$(VOICE_CLIPS) $(GO) test ./interop/voice -count=1 -timeout 60m -v
	MYNAH_LONG=1 $(GO) test ./internal/discord/voice -count=1 -timeout 30m -v -run 'StartStop|RekeyWhileTalking|CloseCodes|Move|LateMessages|LostMessages|Resume|TooMuchMissed'

bench-voice: interop-modules ## time to join, the clock of sending, time and memory of 1, 20 and 100 voice channels, beside @discordjs/voice
	$(GO) test ./internal/discord/voice -run '^$$' -bench Voice -benchtime 1x -timeout 20m

.PHONY: interop-voice bench-voice
