bench-targets: bench-talk

bench-talk: build pack ## measure conversations: spoken commands, endpointing, barge-in, phantom turns, time from the last sound to the answer
	$(GO) test -v -count=1 -timeout 60m -run TestSpokenCommands ./internal/conversation -commands.figures
	$(GO) test -v -count=1 -timeout 60m -run 'TestNaturalTurns|TestEndpointing|TestInterruptions|TestPhantoms' ./cmd/mynah -talk.figures
	$(GO) test -count=1 -timeout 60m -run '^$$' -bench Talk -benchtime 1x ./cmd/mynah

.PHONY: bench-talk
