package models

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/mynahbot/mynah/internal/program"
)

// ToolMissingError says that a program which a package needs is not installed.
type ToolMissingError struct {
	Tool    string // npm or pip
	Package string // Debian's package with it
}

func (e *ToolMissingError) Error() string {
	return fmt.Sprintf("%s is not installed: install Debian's package %s", e.Tool, e.Package)
}

// npmPack has npm fetch a package, given as name@version, into dir, and returns the path of its archive.
func npmPack(ctx context.Context, spec, dir string) (string, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", &ToolMissingError{Tool: "npm", Package: "npm"}
	}
	err = run(ctx, dir, npm, "pack", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--pack-destination", dir, "--", spec)
	if err != nil {
		return "", fmt.Errorf("npm pack %s: %w", spec, err)
	}
	return onlyArchive(dir, spec)
}

// pipDownload has pip fetch a package, given as name@version, into dir, and returns the path of its wheel. Nothing of
// the package is run, since only wheels are taken.
func pipDownload(ctx context.Context, spec, dir string) (string, error) {
	pip, err := findPip(ctx, dir)
	if err != nil {
		return "", err
	}
	name, version, _ := strings.Cut(spec, "@")
	err = run(ctx, dir, pip[0], append(pip[1:], "download", "--no-deps", "--only-binary=:all:", "--no-input",
		"--disable-pip-version-check", "--quiet", "--dest", dir, "--", name+"=="+version)...)
	if err != nil {
		return "", fmt.Errorf("pip download %s: %w", spec, err)
	}
	return onlyArchive(dir, spec)
}

// findPip is the command that starts pip here.
func findPip(ctx context.Context, dir string) ([]string, error) {
	for _, command := range [][]string{{"python3", "-m", "pip"}, {"pip3"}, {"pip"}} {
		path, err := exec.LookPath(command[0])
		if err != nil {
			continue
		}
		command[0] = path
		if run(ctx, dir, path, append(command[1:], "--version")...) == nil {
			return command, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return nil, &ToolMissingError{Tool: "pip", Package: "python3-pip"}
}

// maxComplaint limits what is told of a program's error output, in bytes.
const maxComplaint = 1000

// run runs a program in dir. The error holds the end of what it wrote to its standard error.
func run(ctx context.Context, dir, name string, arguments ...string) error {
	c := program.Command(ctx, program.Packages, name, arguments...)
	c.Dir = dir
	var complaint bytes.Buffer
	c.Stderr = &complaint
	err := c.Run()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	text := strings.TrimSpace(complaint.String())
	if len(text) > maxComplaint {
		text = "…" + strings.ToValidUTF8(text[len(text)-maxComplaint:], "")
	}
	if text == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, text)
}

// onlyArchive is the one archive in dir.
func onlyArchive(dir, spec string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var found string
	for _, e := range entries {
		if formatOf(e.Name()) == "" {
			continue
		}
		if found != "" {
			return "", errors.New("more than one archive came for " + spec)
		}
		found = filepath.Join(dir, e.Name())
	}
	if found == "" {
		return "", errors.New("no archive came for " + spec)
	}
	return found, nil
}
