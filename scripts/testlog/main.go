// Command testlog prints what `go test -json` writes as go test alone would: a line for each package, and all that a failed test
// said. It ends with one line for what could not run because the data beside the clone are not there, and one for the tests that
// do something again until it succeeds: how often that was. More than [mostTries] in the median fail as a test does.
//
//	go test -json ./... | go run ./scripts/testlog
//
// It exits with 1 where something failed.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func main() {
	failed, err := digest(os.Stdin, os.Stdout)
	if err != nil {
		log.Fatal(err)
	}
	if failed {
		os.Exit(1)
	}
}

// event is one of test2json's.
type event struct {
	Action, Package, Test, Output string
}

// test names a test.
type test struct{ pkg, name string }

// data is what a test says that it misses beside the clone.
var data = regexp.MustCompile(`\.\./shared(/[a-z0-9-]+)+`)

// tried is what a test logs once it has succeeded in something.
var tried = regexp.MustCompile(`: tries: (\d+)\n$`)

// mostTries is how many tries may be needed in the median.
const mostTries = 2

// digest reads events and reports whether anything failed.
func digest(in io.Reader, out io.Writer) (failed bool, err error) {
	lines := bufio.NewReader(in)
	running := map[test][]string{} // what tests without a result have said
	missed := map[string]map[string]int{}
	tries := map[test][]int{}
	for {
		line, readErr := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil {
				fmt.Fprint(out, line) // of go itself
				continue
			}
			t := test{e.Package, e.Test}
			switch {
			case e.Action == "output" && e.Test != "":
				running[t] = append(running[t], e.Output)
				if found := tried.FindStringSubmatch(e.Output); found != nil {
					n, _ := strconv.Atoi(found[1])
					tries[t] = append(tries[t], n)
				}
			case e.Action == "output" || e.Action == "build-output":
				if e.Output != "PASS\n" {
					fmt.Fprint(out, e.Output)
				}
			case e.Action == "pass":
				delete(running, t)
			case e.Action == "skip":
				if what := data.FindString(strings.Join(running[t], "")); what != "" {
					if missed[what] == nil {
						missed[what] = map[string]int{}
					}
					missed[what][short(e.Package)]++
				}
				delete(running, t)
			case e.Action == "fail" || e.Action == "build-fail":
				failed = true
				if e.Test != "" {
					show(out, running[t])
					delete(running, t)
					continue
				}
				for _, t := range slices.SortedFunc(maps.Keys(running), func(a, b test) int { return cmp.Compare(a.name, b.name) }) {
					if t.pkg == e.Package { // it ended with its package
						show(out, running[t])
						delete(running, t)
					}
				}
			}
		}
		if readErr == io.EOF {
			break
		}
		if readErr != nil {
			return failed, readErr
		}
	}
	if !few(out, tries) {
		failed = true
	}
	closing(out, missed)
	return failed, nil
}

// few says how many tries were needed, and reports whether the median is small enough.
func few(out io.Writer, tries map[test][]int) bool {
	if len(tries) == 0 {
		return true
	}
	var all []int
	var each []string
	for _, t := range slices.SortedFunc(maps.Keys(tries), func(a, b test) int { return cmp.Compare(a.pkg+a.name, b.pkg+b.name) }) {
		all = append(all, tries[t]...)
		each = append(each, fmt.Sprint(t.name, " ", strings.Trim(fmt.Sprint(tries[t]), "[]")))
	}
	slices.Sort(all)
	median := all[(len(all)-1)/2]
	fmt.Fprintf(out, "tries of what may be misheard: median %d, at most %d of %d (%s)\n", median, all[len(all)-1], len(all), strings.Join(each, ", "))
	if median > mostTries {
		fmt.Fprintf(out, "FAIL: the median is over %d\n", mostTries)
	}
	return median <= mostTries
}

// show prints what a test said, without what go test adds to it with -v.
func show(out io.Writer, said []string) {
	for _, s := range said {
		if !strings.HasPrefix(s, "=== ") {
			fmt.Fprint(out, s)
		}
	}
}

// closing says in one line what was skipped for want of data.
func closing(out io.Writer, missed map[string]map[string]int) {
	if len(missed) == 0 {
		return
	}
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(missed)) {
		var packages []string
		for _, p := range slices.Sorted(maps.Keys(missed[what])) {
			packages = append(packages, fmt.Sprintf("%s %d", p, missed[what][p]))
		}
		parts = append(parts, fmt.Sprintf("%s (%s)", what, strings.Join(packages, ", ")))
	}
	fmt.Fprintln(out, "skipped tests, since the data are not beside this clone:", strings.Join(parts, "; "))
}

// short is a package's path within this repository.
func short(pkg string) string { return strings.TrimPrefix(pkg, "github.com/mynahbot/mynah/") }
