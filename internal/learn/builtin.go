package learn

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/mynahbot/mynah/internal/record"
)

//go:embed builtin/*.json
var builtinFiles embed.FS

// BuiltinLanguages are the languages in which Mynah knows something about itself, two letters each.
func BuiltinLanguages() ([]string, error) {
	entries, err := builtinFiles.ReadDir("builtin")
	var languages []string
	for _, entry := range entries {
		languages = append(languages, strings.TrimSuffix(entry.Name(), path.Ext(entry.Name())))
	}
	return languages, err
}

// Builtin returns questions about Mynah itself with replies, in the languages named by their two letters ("en", "ru"); without
// names in all there are. A model trained on them answers before anything was taught, and beside a server's own model.
// Commands in the replies stand between backquotes and without a prefix.
func Builtin(languages ...string) ([]record.Example, error) {
	entries, err := builtinFiles.ReadDir("builtin")
	if err != nil {
		return nil, err
	}
	var out []record.Example
	for _, entry := range entries {
		name := entry.Name()
		if len(languages) > 0 && !slices.Contains(languages, strings.TrimSuffix(name, path.Ext(name))) {
			continue
		}
		data, err := builtinFiles.ReadFile("builtin/" + name)
		if err != nil {
			return nil, err
		}
		var topics []struct {
			Reply     string
			Questions []string
		}
		if err := json.Unmarshal(data, &topics); err != nil {
			return nil, fmt.Errorf("builtin %s: %w", name, err)
		}
		for _, t := range topics {
			for _, q := range t.Questions {
				out = append(out, record.Example{Text: q, Reply: t.Reply, Origin: record.Origin{Kind: record.OriginBuiltin, File: name}})
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no built-in questions in %s", strings.Join(languages, ", "))
	}
	return out, nil
}

// builtinRefusal is the share of questions about itself that Mynah may refuse: more than usual, because it stands in front of
// people who mostly ask about other things.
const builtinRefusal = 0.15

// BuiltinModel trains the model of Builtin, which takes some milliseconds.
func BuiltinModel(ctx context.Context, languages ...string) (*Model, error) {
	examples, err := Builtin(languages...)
	if err != nil {
		return nil, err
	}
	m, _, err := Train(ctx, examples, Options{TargetRefusal: builtinRefusal})
	return m, err
}
