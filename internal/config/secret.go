package config

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// masked is shown in the place of a secret.
const masked = "***"

// Secret is a text that is never shown: printed, logged or encoded, it is
// masked. Convert it to a string where it is used.
type Secret string

// String returns a mask, or "" where there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return masked
}

// GoString keeps %#v from showing it.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// LogValue keeps slog from showing it.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps it out of JSON, YAML and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Entry is one setting, to be shown.
type Entry struct {
	Key   string `json:"key"`
	Value string `json:"value"` // secrets and passwords in URLs masked
}

// Entries returns every setting in the order of the struct.
func (c *Config) Entries() []Entry {
	var all []Entry
	c.walk(func(key string, value reflect.Value) {
		text := toText(value.Interface())
		if u, err := url.Parse(text); err == nil && u.User != nil {
			text = u.Redacted()
		}
		all = append(all, Entry{key, text})
	})
	return all
}

// Secrets returns every text that must not be shown: secrets, and passwords in URLs.
func (c *Config) Secrets() []string {
	var all []string
	c.walk(func(_ string, value reflect.Value) {
		switch v := value.Interface().(type) {
		case Secret:
			all = append(all, string(v))
		case string:
			if u, err := url.Parse(v); err == nil && u.User != nil {
				password, _ := u.User.Password()
				all = append(all, password)
			}
		}
	})
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// walk visits every setting.
func (c *Config) walk(visit func(key string, value reflect.Value)) {
	var fields func(prefix string, v reflect.Value)
	fields = func(prefix string, v reflect.Value) {
		for i := range v.NumField() {
			tag := v.Type().Field(i).Tag
			if _, nested := tag.Lookup("embed"); nested {
				fields(prefix+tag.Get("prefix"), v.Field(i))
				continue
			}
			visit(prefix+tag.Get("name"), v.Field(i))
		}
	}
	fields("", reflect.ValueOf(c).Elem())
}

// toText writes a value as it would be given.
func toText(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	if id, ok := value.(interface{ Valid() bool }); ok && !id.Valid() {
		return "" // names nothing
	}
	b, err := json.Marshal(value)
	if s, ok := value.(interface{ String() string }); ok {
		return s.String()
	}
	if err != nil {
		return ""
	}
	return string(b)
}

// Redact returns a writer that puts a mask in the place of every secret, plain
// or as it stands in a URL or in JSON. Each Write must hold whole secrets, as
// those of slog's handlers do.
func Redact(w io.Writer, secrets ...string) io.Writer {
	r := redactor{to: w}
	for _, s := range secrets {
		if s == "" {
			continue
		}
		quoted, _ := json.Marshal(s) // a string always has an encoding
		for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s), strings.Trim(string(quoted), `"`)} {
			if !slices.ContainsFunc(r.secrets, func(known []byte) bool { return string(known) == form }) {
				r.secrets = append(r.secrets, []byte(form))
			}
		}
	}
	if len(r.secrets) == 0 {
		return w
	}
	return r
}

type redactor struct {
	to      io.Writer
	secrets [][]byte
}

func (r redactor) Write(p []byte) (int, error) {
	clean := p
	for _, s := range r.secrets {
		clean = bytes.ReplaceAll(clean, s, []byte(masked))
	}
	if _, err := r.to.Write(clean); err != nil {
		return 0, err
	}
	return len(p), nil
}
