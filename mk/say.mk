bench-targets: bench-say

bench-say: build pack ## measure the voices: word error rate read back, time to the first audio, real-time factor
	$(GO) test -run '^$$' -bench Voices -benchtime 1x ./internal/speech/voices

.PHONY: bench-say
