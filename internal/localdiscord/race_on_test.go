//go:build race

package localdiscord_test

import (
	"context"
	"os/exec"
	"testing"
	"time"
)

// disgo 0.19.6 has data races of its own: its heartbeat sets what Close and a reconnect read.
const raceEnabled = true

// TestDisgoWithoutRace runs the tests with disgo as they can be run, which first compiles everything again.
func TestDisgoWithoutRace(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "test", "-vet=off", "-count=1", "-run", "^TestDisgo", ".").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
