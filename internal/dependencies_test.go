package internal_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write dependencies.txt anew")

// dependencies lists, for each part of the architecture, the modules of others that it pulls in, by
// whatever way. A wall that falls shows as a diff of it.
const dependencies = "dependencies.txt"

// largest is how many packages a part may pull in all, the standard library's among them.
var largest = map[string]int{"internal/bot": 260}

func TestDependencies(t *testing.T) {
	var b strings.Builder
	b.WriteString("# The modules of others that each part pulls in, by whatever way.\n# Written by: go test ./internal -run TestDependencies -update\n")
	for _, a := range arrows {
		packages, modules := closure(t, a.part)
		if most := largest[a.part]; most != 0 && packages > most {
			t.Errorf("%s pulls in %d packages, more than %d", a.part, packages, most)
		}
		fmt.Fprintf(&b, "\n%s\n", a.part)
		for _, m := range modules {
			fmt.Fprintf(&b, "\t%s\n", m)
		}
	}
	if *update {
		if err := os.WriteFile(dependencies, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(dependencies)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("a part pulls in other modules than %s says. If that is right, write it anew with -update, and say why in the commit.\n%s",
			dependencies, difference(string(want), b.String()))
	}
}

// closure counts all packages that those of a part pull in, and lists the modules of others among them.
func closure(t *testing.T, part string) (packages int, modules []string) {
	t.Helper()
	dir, pattern := "..", "./"+part+"/..."
	if below(part, "dave") { // another module
		dir, pattern = "../dave", "."+strings.TrimPrefix(part, "dave")+"/..."
	}
	list := func(args ...string) []string {
		cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list %v: %v", args, err)
		}
		return strings.Split(strings.TrimSpace(string(out)), "\n")
	}
	var own []string
	for _, p := range list("-f", "{{.Name}} {{.ImportPath}}", pattern) {
		name, path, _ := strings.Cut(p, " ")
		inside := strings.TrimPrefix(path, module)
		// A bench wires what it measures, and helpers of tests are in no program.
		if partOf(inside) == partOf(part) && (name != "main" || part == "cmd/mynah") && !strings.HasSuffix(inside, "test") {
			own = append(own, path)
		}
	}
	found := map[string]bool{}
	all := list(append([]string{"-deps", "-f", "{{.ImportPath}} {{with .Module}}{{.Path}}{{end}}"}, own...)...)
	for _, p := range all {
		if _, m, _ := strings.Cut(p, " "); m != "" && !strings.HasPrefix(m+"/", module) {
			found[m] = true
		}
	}
	return len(all), slices.Sorted(maps.Keys(found))
}

// difference lists the lines that only one of two texts has, with the part that they stand under.
func difference(want, got string) string {
	lines := func(text string) map[string]bool {
		all, part := map[string]bool{}, ""
		for l := range strings.Lines(text) {
			if !strings.HasPrefix(l, "\t") {
				part = strings.TrimSpace(l)
				continue
			}
			all[part+": "+strings.TrimSpace(l)] = true
		}
		return all
	}
	w, g := lines(want), lines(got)
	var out []string
	for l := range w {
		if !g[l] {
			out = append(out, "- "+l)
		}
	}
	for l := range g {
		if !w[l] {
			out = append(out, "+ "+l)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}
