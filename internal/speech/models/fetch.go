package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// maxDownload limits a download whose size the catalogue does not tell, in bytes.
const maxDownload = 4 << 30

// ErrMismatch is wrapped by errors about bytes that are not the ones which the catalogue pins.
var ErrMismatch = errors.New("is not the file that the catalogue describes")

func newClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = 30 * time.Second
	t.DisableCompression = true // offsets of a resumed download count the bytes of the file
	return &http.Client{Transport: t, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) >= 10 {
			return errors.New("over 10 redirections")
		}
		if via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
			return errors.New("redirected away from https")
		}
		return nil
	}}
}

// download fetches address into the folder of unfinished downloads, going on where an earlier download of the same
// digest stopped, and returns the verified file's path. size is 0 where it is not known.
func (s *Store) download(ctx context.Context, address string, size int64, digest string, report func(done int64)) (path string, err error) {
	dir := filepath.Join(s.Dir(), partial)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("download: %w", err)
	}
	path = filepath.Join(dir, digest)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return "", fmt.Errorf("download: %w", err)
	}
	defer f.Close()
	defer func() {
		info, e := f.Stat()
		if errors.Is(err, ErrMismatch) || err != nil && e == nil && info.Size() == 0 {
			os.Remove(f.Name())
		}
	}()
	limit := size
	if limit == 0 {
		limit = maxDownload
	}
	for failures := 0; ; {
		before, complete, err := offset(f, size, limit)
		if err != nil {
			return "", fmt.Errorf("download: %w", err)
		}
		if complete {
			break
		}
		err = s.part(ctx, f, address, before, limit, report)
		if err == nil && size == 0 {
			break
		}
		after, complete, e := offset(f, size, limit)
		if e != nil {
			return "", fmt.Errorf("download: %w", e)
		}
		if err == nil && complete {
			break
		}
		if err == nil {
			err = fmt.Errorf("ended after %d of %d bytes", after, size)
		}
		var status statusError
		if ctx.Err() != nil || errors.Is(err, ErrMismatch) || errors.As(err, &status) && !status.temporary() {
			return "", fmt.Errorf("download %s: %w", address, err)
		}
		if after > before {
			failures = 0
		}
		if failures > 0 && unreachable(err) { // another mirror, or the person, knows better
			return "", fmt.Errorf("download %s: %w", address, err)
		}
		if failures == len(s.pauses) {
			return "", fmt.Errorf("download %s: %w", address, err)
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("download %s: %w", address, ctx.Err())
		case <-time.After(s.pauses[failures]):
		}
		failures++
	}
	h := sha256.New()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("download: %w", err)
	}
	if _, err := io.Copy(h, contextReader{ctx, f}); err != nil {
		return "", fmt.Errorf("download: %w", err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != digest {
		return "", fmt.Errorf("%s %w: its SHA-256 is %s instead of %s", address, ErrMismatch, got, digest)
	}
	return path, nil
}

// offset is how much of a download is there. What is longer than it can be is thrown away.
func offset(f *os.File, size, limit int64) (have int64, complete bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, false, err
	}
	if have = info.Size(); have > limit {
		return 0, false, f.Truncate(0)
	}
	return have, size > 0 && have == size, nil
}

// statusError is an answer other than the wanted one.
type statusError int

func (e statusError) Error() string {
	return "answered " + strconv.Itoa(int(e)) + " " + http.StatusText(int(e))
}

func (e statusError) temporary() bool {
	return e >= 500 || e == http.StatusTooManyRequests || e == http.StatusRequestTimeout
}

// part fetches address from the offset on and appends to f. It ends early when no byte came for a while.
func (s *Store) part(ctx context.Context, f *os.File, address string, from, limit int64, report func(int64)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	if from > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusOK:
		from = 0
	case response.StatusCode == http.StatusPartialContent && strings.HasPrefix(response.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", from)):
	case response.StatusCode == http.StatusPartialContent, response.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		// The server has another file than the one that was begun.
		if err := f.Truncate(0); err != nil {
			return err
		}
		return errors.New("the download can't be resumed and begins anew")
	default:
		return statusError(response.StatusCode)
	}
	if response.ContentLength > limit-from {
		return fmt.Errorf("%w: it has %d bytes instead of %d", ErrMismatch, from+response.ContentLength, limit)
	}
	if err := f.Truncate(from); err != nil {
		return err
	}
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return err
	}
	stall := time.AfterFunc(s.stalled, func() { cancel(fmt.Errorf("no byte came for %s", s.stalled)) })
	defer stall.Stop()
	done := from
	w := writerFunc(func(p []byte) (int, error) {
		stall.Reset(s.stalled)
		n, err := f.Write(p)
		done += int64(n)
		report(done)
		return n, err
	})
	_, err = io.Copy(w, io.LimitReader(response.Body, limit-from+1))
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	if err == nil && done > limit {
		err = fmt.Errorf("%w: it has over %d bytes", ErrMismatch, limit)
	}
	return err
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }
