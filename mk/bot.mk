bench-targets: bench-text bench-gateway

BENCH_TEXT_DURATION ?= 15s

bench-text: setup ## measure text answers through the local Discord (BENCH_TEXT_DURATION=5m for the long run)
	$(GO) run ./internal/discord/bench -duration $(BENCH_TEXT_DURATION)

BENCH_GATEWAY_DURATION ?= 10m

bench-gateway: setup ## random faults of Discord's gateway under 20 questions a second (BENCH_GATEWAY_DURATION=1h for the long run)
	MYNAH_GATEWAY_HOUR=$(BENCH_GATEWAY_DURATION) $(GO) test ./internal/discord -count=1 -timeout 3h -v -run TestAnHourOfFaults | grep -E '^ +hour_test|^(---|ok|FAIL)'

.PHONY: bench-text bench-gateway
