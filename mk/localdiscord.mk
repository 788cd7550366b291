# The local Discord beside the clients that others wrote, and how much time it takes.
interop-targets: interop-discordjs
bench-targets: bench-localdiscord

interop-discordjs: interop-modules ## log an unmodified discord.js into the local Discord
	MYNAH_INTEROP=1 $(GO) test -count=1 -timeout 5m ./interop/discordjs

bench-localdiscord: setup ## what the local Discord adds to a message, and its memory at 200 messages a second for a minute
	$(GO) test ./internal/localdiscord -run '^$$' -bench 'Message|FanOut' -benchtime 5000x
	$(GO) test ./internal/localdiscord -run '^$$' -bench Sustained -benchtime 12000x -timeout 10m

.PHONY: interop-discordjs bench-localdiscord
