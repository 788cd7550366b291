# DAVE beside other implementations: davey by npm, Discord's libdave by pip where that works.
interop-targets: interop-dave
bench-targets: bench-dave

DAVE_SEQUENCES ?= 500

interop-dave: interop-modules interop-dave-python ## run 500 random calls of ours with davey's and libdave's members
	$(GO) -C dave test . -count=1 -timeout 60m -run TestInterop -interop.sequences=$(DAVE_SEQUENCES)

interop-record: interop-modules ## write calls with davey as test data that replays without it
	$(GO) -C dave test . -count=1 -run TestRecordings -record

bench-dave: interop-modules interop-dave-python ## frames, commits and joins beside davey's and libdave's, and growth to 1,000 members
	$(GO) -C dave test . -run '^$$' -bench 160 -benchtime 1s
	$(GO) -C dave test . -run '^$$' -bench 'Commit|Join' -benchtime 10x -timeout 30m

interop-dave-python: interop/dave/.venv/installed
interop/dave/.venv/installed: interop/dave/requirements.txt
	@python3 -m venv interop/dave/.venv && interop/dave/.venv/bin/pip install -q -r $< && touch $@ || \
		echo "dave-py can't be installed here: the calls with libdave will be skipped"

.PHONY: interop-dave interop-record bench-dave interop-dave-python
