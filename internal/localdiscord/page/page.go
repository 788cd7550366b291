// Package page is the local Discord's page: a small Discord client for one browser tab. It is plain HTML, CSS and script,
// served from the binary, and talks to the local Discord as any client does: REST, gateway and CDN, with the token of the
// person that it plays.
//
// Handler serves it. The scripts are modules; static/app.js is where reading starts.
package page

import (
	"embed"
	"io/fs"
	"net/http"
)

//go:embed static
var files embed.FS

// policy keeps the page to its own server: no script, style or connection from elsewhere.
const policy = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self' ws: wss:; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// Handler serves the page at / and its files below.
func Handler() http.Handler {
	static, err := fs.Sub(files, "static")
	if err != nil {
		panic(err) // the folder is part of the binary
	}
	serve := http.FileServerFS(static)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache") // a newer binary brings a newer page
		serve.ServeHTTP(w, r)
	})
}
