package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What make run prints on standard output is what Mynah prints there, and the environment is the person's: an empty
// MYNAH_MODELS would take the place of speech.models in mynah.yaml.
func TestMakeRun(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not installed")
	}
	program := filepath.Join(t.TempDir(), "mynah")
	script := "#!/bin/sh\necho \"$*, models: ${MYNAH_MODELS-unset}\"\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for models, want := range map[string]string{"": "unset", "/models": "/models"} {
		cmd := exec.CommandContext(t.Context(), "make", "--no-print-directory", "-C", "../..", "run", "GO=true", "MYNAH="+program, "ARGS=--json")
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
		if models != "" {
			cmd.Env = append(cmd.Env, "MYNAH_MODELS="+models)
		}
		cmd.Stderr = t.Output()
		out, err := cmd.Output()
		if got, want := string(out), "run --json, models: "+want+"\n"; err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
}
