package discord

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/mynahbot/mynah/internal/bot"
)

// cdnHosts are the hosts that Discord serves attachments from.
var cdnHosts = map[string]bool{"cdn.discordapp.com": true, "media.discordapp.net": true}

// fetchTime is how long reading one attachment may take.
const fetchTime = 2 * time.Minute

// fetcher reads attachments. An address comes with the message, so that whoever
// writes messages could have Mynah read anything that it can reach: only
// Discord's hosts are read, and redirects are not followed.
type fetcher struct {
	client *http.Client
	local  *url.URL // a further CDN, or nil
}

func newFetcher(cdn string) (*fetcher, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	f := &fetcher{client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if cdn != "" {
		u, err := url.Parse(cdn)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("the CDN's address %q is no URL", cdn)
		}
		f.local = u
	}
	return f, nil
}

// allowed reports whether an attachment may lie at u.
func (f *fetcher) allowed(u *url.URL) bool {
	if u.User != nil {
		return false
	}
	if f.local != nil && u.Scheme == f.local.Scheme && u.Host == f.local.Host {
		return true
	}
	return u.Scheme == "https" && cdnHosts[u.Host]
}

// Fetch opens an attachment of at most limit bytes.
func (f *fetcher) Fetch(ctx context.Context, a bot.Attachment, limit int64) (io.ReadCloser, error) {
	u, err := url.Parse(a.URL)
	if err != nil || !f.allowed(u) {
		return nil, &bot.FetchError{Name: a.Name, Fault: bot.FetchForeignHost}
	}
	tooLarge := &bot.FetchError{Name: a.Name, Fault: bot.FetchTooLarge, Limit: limit}
	if a.Size > limit {
		return nil, tooLarge
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	failed := func(err error) error {
		cancel()
		return &bot.FetchError{Name: a.Name, Fault: bot.FetchFailed, Err: err}
	}
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL, nil)
	if err != nil {
		return nil, failed(err)
	}
	rs, err := f.client.Do(rq)
	if err != nil {
		// The URL is signed; the error would repeat it.
		var inURL *url.Error
		if errors.As(err, &inURL) {
			err = inURL.Err
		}
		return nil, failed(err)
	}
	if rs.StatusCode != http.StatusOK {
		_ = rs.Body.Close()
		return nil, failed(fmt.Errorf("status %d", rs.StatusCode))
	}
	if rs.ContentLength > limit {
		_ = rs.Body.Close()
		cancel()
		return nil, tooLarge
	}
	return &bounded{body: rs.Body, left: limit, tooLarge: tooLarge, cancel: cancel, name: a.Name}, nil
}

// bounded is a body that ends in an error past its limit, whatever its headers said.
type bounded struct {
	body     io.ReadCloser
	left     int64
	tooLarge error
	cancel   context.CancelFunc
	name     string
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if int64(n) > b.left {
		return int(b.left), b.tooLarge
	}
	b.left -= int64(n)
	if err != nil && err != io.EOF {
		err = &bot.FetchError{Name: b.name, Fault: bot.FetchFailed, Err: err}
	}
	return n, err
}

func (b *bounded) Close() error {
	defer b.cancel()
	return b.body.Close()
}
