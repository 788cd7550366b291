# The package that recognition is compared with is fetched into out/, never into the program.
HEAR_NODE := out/bench-hear

bench-targets: bench-hear

bench-hear: build pack $(HEAR_NODE)/node_modules/sherpa-onnx-node ## measure recognition on recorded clips, beside sherpa-onnx-node
ifneq ($(wildcard $(DATA)/speech/manifest.jsonl),)
	$(GO) run ./internal/speech/bench -data $(DATA)/speech -node $(HEAR_NODE)
else
	@echo "$@ is skipped: the recorded clips are not in $(DATA)/speech"
endif

$(HEAR_NODE)/node_modules/sherpa-onnx-node:
	mkdir -p $(HEAR_NODE)
	npm install --prefix $(HEAR_NODE) --no-save --no-audit --no-fund --loglevel=error sherpa-onnx-node@1.13.8

.PHONY: bench-hear
