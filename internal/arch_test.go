// Package internal_test keeps the arrows between packages pointing one way.
package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/mynahbot/mynah/"

// arrows are the packages of this repository that each part may import, in the
// order of a message's flow; a part is a package with those below it. What is
// not here is a mistake, or belongs here.
var arrows = []struct {
	part string
	may  []string
}{
	{"cmd/mynah", []string{"internal"}},
	{"internal/discord", []string{"internal/bot", "internal/conversation", "internal/speech", "internal/spoken", "internal/audio", "internal/rtp", "internal/language", "internal/record", "dave"}},
	{"internal/bot", []string{
		"internal/conversation", "internal/teach", "internal/answer", "internal/dataset", "internal/learn", "internal/workspace", "internal/spoken", "internal/language", "internal/record",
	}},
	{"internal/conversation", []string{"internal/spoken", "internal/language", "internal/record"}},
	{"internal/teach", []string{"internal/answer", "internal/dataset", "internal/learn", "internal/workspace", "internal/record"}},
	{"internal/answer", []string{"internal/learn", "internal/partial", "internal/record"}},
	{"internal/openai", []string{"internal/answer", "internal/teach", "internal/learn", "internal/record"}},
	{"internal/dataset", []string{"internal/learn", "internal/language", "internal/record"}},
	{"internal/learn", []string{"internal/onnx", "internal/record"}},
	{"internal/learn/report", []string{"internal/learn"}},
	{"internal/speech", []string{"internal/spoken", "internal/language", "internal/audio", "internal/onnx", "internal/partial", "internal/program"}},
	{"internal/speech/models", []string{"internal/speech", "internal/learn/sentence", "internal/program"}}, // it installs sentence encoders too
	{"internal/audio", []string{"internal/program", "internal/spoken"}},
	{"internal/store", []string{"internal/partial", "internal/record"}},
	{"internal/workspace", []string{"internal/partial", "internal/record"}},
	{"internal/web", []string{"internal/conversation", "internal/record"}},
	{"internal/doctor", []string{"internal/speech"}},
	{"internal/config", []string{"internal/record"}},
	{"internal/localdiscord", []string{"internal/rtp", "dave"}},
	{"internal/onnx", nil},
	{"internal/partial", nil},
	{"internal/program", nil},
	{"internal/rtp", nil},
	{"internal/spoken", nil},
	{"internal/language", nil},
	{"internal/record", nil},
	{"dave", []string{"dave/mls"}}, // a module of its own
	{"dave/puredave", []string{"dave"}},
	{"dave/mls", nil},
}

// banned are packages of others that a part must do without.
var banned = map[string][]string{
	"internal/bot":          {"database/sql", "net/http", "github.com/disgoorg", "github.com/coder/websocket"},
	"internal/answer":       {"database/sql", "net/http", "github.com/disgoorg"},
	"internal/teach":        {"database/sql", "net/http", "github.com/disgoorg"},
	"internal/conversation": {"database/sql", "net/http", "github.com/disgoorg"},
	"internal/learn":        {"database/sql", "net/http", "github.com/disgoorg"},
	"internal/audio":        {"net/http", "github.com/disgoorg"},
	"dave":                  {"net", "net/http", "github.com/disgoorg"},
	"dave/puredave":         {"net", "net/http", "github.com/disgoorg/disgo"},
	"dave/mls":              {"net", "net/http", "github.com/disgoorg"},
}

// below reports whether a package is p or below it.
func below(pkg, p string) bool { return pkg == p || strings.HasPrefix(pkg, p+"/") }

func partOf(pkg string) int {
	best := -1
	for i, a := range arrows {
		if below(pkg, a.part) && (best < 0 || len(a.part) > len(arrows[best].part)) {
			best = i
		}
	}
	return best
}

func TestArrows(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	err = fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); base == "node_modules" || base == "testdata" || base != "." && strings.HasPrefix(base, ".") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := path.Dir(name)
		if !below(pkg, "internal") && !below(pkg, "cmd") && !below(pkg, "dave") {
			return nil // scripts and clients of others
		}
		files++
		program := f.Name.Name == "main" // a bench wires what it measures
		from := partOf(pkg)
		if from < 0 {
			t.Errorf("%s is no part of the architecture: add %s to arrows, and say what it may import", name, pkg)
			return nil
		}
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			checkImport(t, name, pkg, from, imported, program)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("only %d files were looked at", files)
	}
}

func checkImport(t *testing.T, name, pkg string, from int, imported string, program bool) {
	t.Helper()
	a := arrows[from]
	for _, b := range banned[a.part] {
		if below(imported, b) && !program {
			t.Errorf("%s: %s must do without %s", name, a.part, b)
		}
	}
	inside, ours := strings.CutPrefix(imported, module)
	if !ours {
		return
	}
	test := strings.HasSuffix(pkg, "test") // helpers of tests
	switch {
	case below(inside, "internal/localdiscord") && a.part != "cmd/mynah" && a.part != "internal/localdiscord" && !test && !program:
		t.Errorf("%s: only cmd/mynah and tests may import %s", name, inside)
	case below(inside, a.part) || program:
	case !slices.ContainsFunc(a.may, func(p string) bool { return below(inside, p) }):
		t.Errorf("%s: %s may not import %s", name, a.part, inside)
	}
}
