bench-targets: bench-learn

bench-learn: setup pack ## train and test the learning engine on the public data sets, without and with the sentence encoder, beside scikit-learn and fastText where installed
ifneq ($(wildcard $(DATA)/nlu),)
	$(GO) run ./internal/learn/bench -data $(DATA)/nlu -peers -large
	$(GO) run ./internal/learn/bench -data $(DATA)/nlu -encoder use-multilingual-v3
else
	@echo "$@ is skipped: the data sets are not in $(DATA)/nlu"
endif

.PHONY: bench-learn
