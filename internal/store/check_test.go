package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/store"
)

// A database is looked through while it is in use; a damaged one is told from a whole one.
func TestCheckDatabase(t *testing.T) {
	dir := t.TempDir()
	c := store.Config{Dir: dir}
	if found, err := store.CheckDatabase(t.Context(), c); err != nil || !strings.Contains(found, "none yet") {
		t.Errorf("without one: %q, %v", found, err)
	}
	s, err := store.Open(t.Context(), c)
	check(t, err)
	var examples []record.Example
	for i := range 3000 {
		examples = append(examples, record.Example{Text: fmt.Sprintf("%d %s", i, strings.Repeat("x", 200)), Label: "l"})
	}
	_, _, err = s.AddExamples(t.Context(), serverA, examples)
	check(t, err)
	if found, err := store.CheckDatabase(t.Context(), c); err != nil || !strings.Contains(found, "whole") {
		t.Errorf("in use: %q, %v", found, err)
	}
	if found, err := store.CheckBlobs(t.Context(), c); err != nil || !strings.Contains(found, "can be reached") {
		t.Errorf("blobs: %q, %v", found, err)
	}
	check(t, s.Close())
	path := filepath.Join(dir, "mynah.db")
	raw, err := os.ReadFile(path)
	check(t, err)
	for i := len(raw) / 2; i < len(raw)/2+20_000; i++ {
		raw[i] = 0xa5
	}
	check(t, os.WriteFile(path, raw, 0o600))
	if found, err := store.CheckDatabase(t.Context(), c); err == nil {
		t.Errorf("damaged: %q", found)
	}
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "geheim", "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	for name, c := range map[string]store.Config{
		"a server that isn't there": {Dir: dir, URL: "postgres://u:geheim@127.0.0.1:1/d"},
		"a folder that isn't one":   {Dir: dir, Blobs: "file:" + path},
		"a bucket that isn't there": {Dir: dir, Blobs: "s3://mynah-none?region=us-east-1&endpoint=http://127.0.0.1:1&awssdk=v2"},
	} {
		found, err := store.CheckBlobs(t.Context(), c)
		if c.URL != "" {
			found, err = store.CheckDatabase(t.Context(), c)
		}
		if err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %q, %v", name, found, err)
		}
	}
}
