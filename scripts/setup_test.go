// Package scripts tests the shell scripts of this folder, on machines that are made of fake programs.
package scripts

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestSetup(t *testing.T) {
	script, err := filepath.Abs("setup.sh")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(script); err != nil { // has the test run again when the script changes
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			// A bare machine: nothing on the PATH but a shell.
			bin := filepath.Join(e.WorkDir, "bin")
			if err := os.Mkdir(bin, 0o755); err != nil {
				return err
			}
			for _, tool := range []string{"sh", "cat", "env", "cp", "rm", "true"} {
				if err := link(tool, bin); err != nil {
					return err
				}
			}
			if err := os.CopyFS(filepath.Join(e.WorkDir, "fake"), os.DirFS(filepath.Join("testdata", "fake"))); err != nil {
				return err
			}
			e.Setenv("PATH", bin)
			e.Setenv("SETUP", script)
			e.Setenv("SSL_CERT_FILE", filepath.Join(e.WorkDir, "certificates"))
			return nil
		},
	})
}

// link puts the machine's own tool into bin.
func link(tool, bin string) error {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, tool)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return os.Symlink(path, filepath.Join(bin, tool))
		}
	}
	return os.ErrNotExist
}
