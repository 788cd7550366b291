bench-targets: bench-text

BENCH_TEXT_DURATION ?= 15s

bench-text: setup ## measure text answers through the local Discord (BENCH_TEXT_DURATION=5m for the long run)
	$(GO) run ./internal/discord/bench -duration $(BENCH_TEXT_DURATION)

.PHONY: bench-text
