bench-targets: bench-store

bench-store: setup ## time keeping an answer and adding examples, on SQLite and, where it is there, PostgreSQL
	$(GO) test ./internal/store -run '^$$' -bench . -benchtime 1s

.PHONY: bench-store
