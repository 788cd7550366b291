package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/alecthomas/kong"

	"github.com/mynahbot/mynah/internal/config"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // the job failed, or part of it
	exitUsage   = 2 // the command line or the configuration is wrong
)

// cli is the command line.
type cli struct {
	config.Config `embed:""`

	File kong.ConfigFlag `name:"config" help:"A configuration file (default: mynah.yaml here, or in mynah of the XDG configuration folder)." placeholder:"FILE" env:"-"`
	JSON bool            `help:"Print one JSON object a line on standard output, and nothing else there."`

	Run          runCmd          `cmd:"" default:"withargs" help:"Run Mynah on Discord, or without a token on a local Discord."`
	Transcribe   transcribeCmd   `cmd:"" help:"Write down what is said in audio files."`
	Say          sayCmd          `cmd:"" help:"Speak a text into a file."`
	LocalDiscord localDiscordCmd `cmd:"" name:"localdiscord" help:"Serve a Discord on this machine, without a bot."`
	Train        trainCmd        `cmd:"" help:"Train a model on a dataset."`
	Test         testCmd         `cmd:"" help:"Measure a model on a dataset."`
	Predict      predictCmd      `cmd:"" help:"Say what a model makes of texts."`
	Models       modelsCmd       `cmd:"" help:"List, install and choose speech models."`
	Doctor       doctorCmd       `cmd:"" help:"Check what Mynah needs, and say how to mend what is wrong."`
	Version      versionCmd      `cmd:"" help:"Print the version."`
}

// errReported ends a command with a failure that has been told already.
var errReported = errors.New("some of it failed")

// Main runs the program and returns its exit code. Everything that it starts
// has ended when it returns; the end of ctx makes it end soon.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c cli
	exited := -1
	files, err := configFiles()
	if err != nil {
		fmt.Fprintln(stderr, "mynah:", err)
		return exitUsage
	}
	parser, err := kong.New(&c, append(config.Options(files...),
		kong.Name("mynah"),
		kong.Description("Mynah is a Discord bot that answers, learns and understands audio.\n\n"+
			"Every setting has a flag, an environment variable and a key in mynah.yaml; the README lists them."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)...)
	if err != nil {
		fmt.Fprintln(stderr, "mynah:", err)
		return exitUsage
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 {
		return exited // --help was printed
	}
	stderr = config.Redact(stderr, c.Secrets()...)
	if err == nil {
		err = c.Validate()
	}
	if err != nil {
		fmt.Fprintf(stderr, "mynah: %v\n", err)
		return exitUsage
	}
	out := &output{stdin: stdin, stdout: stdout, stderr: stderr, json: c.JSON, terminal: config.IsTerminal(os.Stderr), told: time.Now()}
	if c.File != "" {
		files = append(files, kong.ExpandPath(string(c.File)))
	}
	err = parsed.Run(&c.Config, out, origin{args, files}, c.Log.Logger(stderr, config.IsTerminal(os.Stderr)), contextBox{ctx})
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errReported):
		return exitFailure
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "mynah: stopped")
		return exitFailure
	}
	fmt.Fprintf(stderr, "mynah: %v\n", err)
	return exitFailure
}

// configFiles are the files that are read without --config. One that the
// environment names must be there, and the others readable where they are.
func configFiles() ([]string, error) {
	const variable = config.EnvPrefix + "_CONFIG"
	var files []string
	for _, file := range config.Files() {
		switch err := readable(file); {
		case err == nil:
			files = append(files, file)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("the configuration file can't be read: %w", err)
		}
	}
	if named := os.Getenv(variable); named != "" {
		if err := readable(named); err != nil {
			return nil, fmt.Errorf("%s: the configuration file can't be read: %w", variable, err)
		}
		files = append(files, named)
	}
	return files, nil
}

// readable tries to open a file, whose name may begin with ~ as kong has it.
func readable(file string) error {
	f, err := os.Open(kong.ExpandPath(file))
	if err != nil {
		return err
	}
	return f.Close()
}

// origin is where settings were given: the command line, and the files that were read.
type origin struct{ args, files []string }

// contextBox carries the context through kong, which binds by concrete type.
type contextBox struct{ context.Context }
