fuzz-mls: ## fuzz every parser of mls briefly (MLS_FUZZTIME=50000x)
	scripts/fuzz.sh $(or $(MLS_FUZZTIME),50000x) dave/mls

bench-targets: bench-mls

bench-mls: ## time mls from 2 to 1,000 members
	$(GO) -C dave test ./mls -run '^$$' -bench . -benchtime 1s

vectors-mls: ## run the MLS working group's vectors and print how many ran
	$(GO) -C dave test ./mls -run Vectors -count 1 -v | grep 'cases ran'

.PHONY: fuzz-mls bench-mls vectors-mls
