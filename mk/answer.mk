bench-targets: bench-answers

bench-answers: setup pack ## measure answers, suggestions, follow-ups and corrections on FAQs, beside BM25, TF-IDF and the bare encoder
ifneq ($(wildcard $(DATA)/faq),)
	$(GO) run ./internal/answer/bench -data $(DATA)/faq
else
	@echo "$@ is skipped: the FAQs are not in $(DATA)/faq"
endif

.PHONY: bench-answers
