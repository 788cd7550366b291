package program

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEnvironmentHoldsNoSecret(t *testing.T) {
	t.Setenv("MYNAH_DISCORD_TOKEN", "geheim")
	t.Setenv("MYNAH_OPENAI_API_KEY", "geheim")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "geheim")
	t.Setenv("https_proxy", "http://proxy")
	t.Setenv("NPM_CONFIG_REGISTRY", "http://registry")
	for _, keep := range [][]string{nil, Packages} {
		out, err := Command(t.Context(), keep, "env").Output()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(out), "geheim") || !strings.Contains(string(out), "PATH=") {
			t.Errorf("the environment is\n%s", out)
		}
		for _, want := range []string{"https_proxy=http://proxy", "NPM_CONFIG_REGISTRY=http://registry"} {
			if has := slices.Contains(strings.Split(string(out), "\n"), want); has != (keep != nil) {
				t.Errorf("%s: %v", want, has)
			}
		}
	}
}

func TestLimited(t *testing.T) {
	limited := func(l Limits, script string) (string, error) {
		cmd := Command(t.Context(), nil, "sh", "-c", script, "name", `a "b`)
		Limited(cmd, l)
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	wide := Limits{Memory: 1 << 30, CPU: time.Minute, File: 1 << 30}
	if out, err := limited(wide, `echo "$0 $1"; ulimit -v; ulimit -t`); err != nil || out != "name a \"b\n1048576\n60" {
		t.Errorf("%q, %v", out, err)
	}
	wide.CPU = time.Second
	started := time.Now()
	if _, err := limited(wide, `while :; do :; done`); err == nil || time.Since(started) > time.Minute {
		t.Errorf("a program that spins: %v", err)
	}
	missing := Command(t.Context(), nil, "no-such-program")
	Limited(missing, wide)
	if err := missing.Run(); err == nil || !strings.Contains(err.Error(), exec.ErrNotFound.Error()) {
		t.Errorf("a program that isn't installed: %v", err)
	}
}
