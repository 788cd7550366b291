.PHONY: picture
picture: setup-test build pack ## take the README's pictures of the local Discord's page again
	$(GO) test ./cmd/mynah -count=1 -run 'TestPagePicture|TestTalkPicture' -pictures $(CURDIR)/docs
