package doctor_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/doctor"
	"github.com/mynahbot/mynah/internal/localdiscord"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/models"
)

func findings(t *testing.T, c doctor.Config) map[string]doctor.Finding {
	t.Helper()
	if c.Models == nil {
		catalogue, err := models.BuiltIn()
		if err != nil {
			t.Fatal(err)
		}
		if c.Models, err = models.Open(catalogue, t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
	c.Data = t.TempDir()
	found := map[string]doctor.Finding{}
	for _, f := range doctor.Run(t.Context(), c) {
		found[f.Check] = f
	}
	return found
}

// A clock that is more than a minute wrong is told, by how much and which way.
func TestClock(t *testing.T) {
	world := localdiscord.DefaultWorld()
	server, err := localdiscord.Start(t.Context(), localdiscord.Config{World: world})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	line := server.Ready()
	account, ok := line.Account("Mynah")
	if !ok {
		t.Fatal("no account")
	}
	to, err := url.Parse(line.REST)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		off    time.Duration // of Discord's clock
		ok     bool
		detail string
	}{
		"right": {0, true, "as Discord's"}, "nearly": {-50 * time.Second, true, "as Discord's"},
		"fast": {-5 * time.Minute, false, "fast"}, "slow": {3 * time.Hour, false, "slow"},
	} {
		proxy := &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: to.Scheme, Host: to.Host}) },
			ModifyResponse: func(r *http.Response) error {
				r.Header.Set("Date", time.Now().Add(test.off).UTC().Format(http.TimeFormat))
				return nil
			},
		}
		front := httptest.NewServer(proxy)
		f := findings(t, doctor.Config{Token: account.Token, RESTURL: front.URL + to.Path})["clock"]
		front.Close()
		if f.OK != test.ok || !strings.Contains(f.Detail, test.detail) || f.OK != (f.Mend == "") {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// What keeps things is looked at, and models that don't load are named.
func TestKeptAndLoaded(t *testing.T) {
	catalogue, err := models.BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	store, err := models.Open(catalogue, folder)
	if err != nil {
		t.Fatal(err)
	}
	addEncoder(t, store, "whole")
	addEncoder(t, store, "broken")
	found := findings(t, doctor.Config{
		Models: store,
		Kept: []doctor.Check{
			{Name: "database", Run: func(context.Context) (string, error) { return "whole", nil }, Mend: "no"},
			{Name: "blobs", Run: func(context.Context) (string, error) { return "", errors.New("no such bucket") }, Mend: "make it"},
		},
		Load: func(_ context.Context, m *speech.Model) error {
			if m.Name == "broken" {
				return errors.New("it ended the process that loaded it")
			}
			return nil
		},
	})
	for check, want := range map[string]doctor.Finding{
		"database":     {Check: "database", OK: true, Detail: "whole"},
		"blobs":        {Check: "blobs", Detail: "no such bucket", Mend: "make it"},
		"model broken": {Check: "model broken", Detail: "it ended the process that loaded it", Mend: "mynah models remove broken, and install it again"},
		"models load":  {Check: "models load", OK: true, Detail: "1 of 2"},
	} {
		if found[check] != want {
			t.Errorf("%+v, want %+v", found[check], want)
		}
	}
}
