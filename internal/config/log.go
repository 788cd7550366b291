package config

import (
	"io"
	"log/slog"
	"os"
)

// Logger returns a logger as configured, which writes to w.
func (l Log) Logger(w io.Writer, terminal bool) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		level = slog.LevelInfo // Validate has told
	}
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "text" || l.Format != "json" && terminal {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// IsTerminal reports whether somebody reads along at w.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
