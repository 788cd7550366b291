bench-targets: bench-learn

bench-learn: setup ## train and test the learning engine on the public data sets, beside scikit-learn and fastText where installed
ifneq ($(wildcard $(DATA)/nlu),)
	$(GO) run ./internal/learn/bench -data $(DATA)/nlu -peers -large
else
	@echo "$@ is skipped: the data sets are not in $(DATA)/nlu"
endif

.PHONY: bench-learn
