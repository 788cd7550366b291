package discord

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/mynahbot/mynah/internal/bot"
)

// cdnHosts are the hosts that Discord serves attachments from.
var cdnHosts = map[string]bool{"cdn.discordapp.com": true, "media.discordapp.net": true}

// fetchTime is how long getting one attachment from Discord may take.
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

// Fetch opens an attachment of at most limit bytes. All of it is on this machine
// then: whoever reads it may take longer than Discord would wait.
func (f *fetcher) Fetch(ctx context.Context, a bot.Attachment, limit int64) (io.ReadCloser, error) {
	u, err := url.Parse(a.URL)
	if err != nil || !f.allowed(u) {
		return nil, &bot.FetchError{Name: a.Name, Fault: bot.FetchForeignHost}
	}
	tooLarge := &bot.FetchError{Name: a.Name, Fault: bot.FetchTooLarge, Limit: limit}
	if a.Size > limit {
		return nil, tooLarge
	}
	failed := func(err error) error { return &bot.FetchError{Name: a.Name, Fault: bot.FetchFailed, Err: err} }
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
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
	defer rs.Body.Close()
	if rs.StatusCode != http.StatusOK {
		return nil, failed(fmt.Errorf("status %d", rs.StatusCode))
	}
	if rs.ContentLength > limit {
		return nil, tooLarge
	}
	file, n, err := spool(io.LimitReader(rs.Body, limit+1))
	if err != nil {
		return nil, failed(err)
	}
	if n > limit { // whatever its headers said
		_ = file.Close()
		return nil, tooLarge
	}
	return file, nil
}

// spool copies r into a file without a name, which is gone once it is closed, and
// returns it at its start.
func spool(r io.Reader) (file *os.File, n int64, err error) {
	if file, err = os.CreateTemp("", "mynah-attachment-"); err != nil {
		return nil, 0, err
	}
	err = os.Remove(file.Name())
	if err == nil {
		n, err = io.Copy(file, r)
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = file.Close()
		return nil, 0, err
	}
	return file, n, nil
}
