package main

import (
	"testing"
	"time"
)

// The measurement itself works: everything that it needs is there, and messages are answered.
func TestRun(t *testing.T) {
	if err := run(t.Context(), 200*time.Millisecond, 500*time.Millisecond, 50); err != nil {
		t.Fatal(err)
	}
}
