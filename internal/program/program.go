// Package program starts the programs of others that Mynah uses: ffmpeg, espeak-ng, RHVoice, pip and npm. They see only what they
// need of the environment, in which Mynah's token may stand, and those that read what people upload get [Limits].
package program

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// usual are the variables that every program gets.
var usual = []string{"PATH", "TMPDIR", "LD_LIBRARY_PATH"}

// Packages are the variables that pip and npm need beside those: where they keep what they fetched, and how to reach a registry.
var Packages = []string{
	"HOME", "USER", "LANG", "XDG_*", "PIP_*", "PYTHON*", "VIRTUAL_ENV", "NPM_CONFIG_*", "NODE_EXTRA_CA_CERTS",
	"SSL_CERT_*", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
}

// Command is [exec.CommandContext] with an environment that holds only the usual variables and those that are named, in any case;
// a name that ends with * stands for all that begin so.
func Command(ctx context.Context, keep []string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = environment(os.Environ(), append(usual[:len(usual):len(usual)], keep...))
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

// environment leaves of all variables those that are named, and has messages be English.
func environment(all, keep []string) []string {
	kept := []string{"LC_ALL=C.UTF-8"}
	for _, entry := range all {
		name, _, _ := strings.Cut(entry, "=")
		for _, k := range keep {
			start, open := strings.CutSuffix(k, "*")
			if open && len(name) >= len(start) && strings.EqualFold(name[:len(start)], start) || strings.EqualFold(name, k) {
				kept = append(kept, entry)
				break
			}
		}
	}
	return kept
}

// Limits bound what a program may use.
type Limits struct {
	Memory int64         // address space, in bytes, the program's own libraries among it
	CPU    time.Duration // processor time; whole seconds
	File   int64         // the longest file that it may write, in bytes; some systems count up to twice as many
}

// Limited makes a command run within limits, all of which must be set. Its environment stays.
func Limited(cmd *exec.Cmd, l Limits) {
	if cmd.Err != nil {
		return // it isn't installed, which Start says
	}
	// The shell sets the limits of itself, and then becomes the program. One that an administrator has set lower stays.
	script := fmt.Sprintf(`ulimit -v %d; ulimit -t %d; ulimit -f %d; exec "$0" "$@"`,
		l.Memory/1024, int64((l.CPU+time.Second-1)/time.Second), (l.File+511)/512)
	cmd.Args = append([]string{"sh", "-c", script, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
}
