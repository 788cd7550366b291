package main

import (
	"strings"
	"testing"
)

const module = "github.com/mynahbot/mynah/"

// line is an event of test2json.
func line(action, pkg, test, output string) string {
	return `{"Action":"` + action + `","Package":"` + module + pkg + `","Test":"` + test + `","Output":"` + output + `"}` + "\n"
}

func TestDigest(t *testing.T) {
	for _, tc := range []struct {
		name, in, want string
		failed         bool
	}{
		{"a package that passes",
			line("run", "a", "TestOne", "") + line("output", "a", "TestOne", `=== RUN   TestOne\n`) + line("output", "a", "TestOne", `    a_test.go:5: fine\n`) +
				line("pass", "a", "TestOne", "") + line("output", "a", "", `PASS\n`) + line("output", "a", "", `ok  \ta\t0.1s\n`) + line("pass", "a", "", ""),
			"ok  \ta\t0.1s\n", false},
		{"one that fails",
			line("output", "a", "TestOne", `=== RUN   TestOne\n`) + line("output", "a", "TestOne", `    a_test.go:5: wrong\n`) +
				line("output", "a", "TestOne", `--- FAIL: TestOne (0.00s)\n`) + line("fail", "a", "TestOne", "") +
				line("output", "a", "", `FAIL\n`) + line("fail", "a", "", ""),
			"    a_test.go:5: wrong\n--- FAIL: TestOne (0.00s)\nFAIL\n", true},
		{"one that ends amid a test",
			line("output", "a", "TestOne", `=== RUN   TestOne\n`) + line("output", "a", "TestOne", `panic: no\n`) + line("fail", "a", "", ""),
			"panic: no\n", true},
		{"one that isn't built",
			`{"ImportPath":"a","Action":"build-output","Output":"a.go:1: what?\n"}` + "\n" + `{"ImportPath":"a","Action":"build-fail"}` + "\n",
			"a.go:1: what?\n", true},
		{"words of go itself", "go: no such package\n", "go: no such package\n", false},
		{"what is not beside the clone",
			line("output", "a", "TestOne", `    a_test.go:5: needs ../shared/data/nlu beside the repository\n`) + line("skip", "a", "TestOne", "") +
				line("output", "b/c", "TestTwo", `    c_test.go:5: needs ../shared/data/speech beside the repository\n`) + line("skip", "b/c", "TestTwo", "") +
				line("output", "b/c", "TestThree", `    c_test.go:9: needs ../shared/data/speech beside the repository\n`) + line("skip", "b/c", "TestThree", "") +
				line("output", "a", "TestFour", `    a_test.go:7: needs /proc\n`) + line("skip", "a", "TestFour", "") +
				line("output", "a", "", `ok  \ta\t0.1s\n`) + line("pass", "a", "", ""),
			"ok  \ta\t0.1s\nskipped tests, since the data are not beside this clone: ../shared/data/nlu (a 1); ../shared/data/speech (b/c 2)\n", false},
		{"few tries",
			line("output", "a", "TestOne", `    a_test.go:5: tries: 1\n`) + line("output", "a", "TestTwo", `    a_test.go:9: tries: 2\n`) +
				line("output", "a", "TestOne", `    a_test.go:5: tries: 7\n`) + line("output", "a", "", `ok  \ta\t0.1s\n`),
			"ok  \ta\t0.1s\ntries of what may be misheard: median 2, at most 7 of 3 (TestOne 1 7, TestTwo 2)\n", false},
		{"many tries",
			line("output", "a", "TestOne", `    a_test.go:5: tries: 3\n`) + line("output", "a", "", `ok  \ta\t0.1s\n`),
			"ok  \ta\t0.1s\ntries of what may be misheard: median 3, at most 3 of 1 (TestOne 3)\nFAIL: the median is over 2\n", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			failed, err := digest(strings.NewReader(tc.in), &out)
			if err != nil || failed != tc.failed || out.String() != tc.want {
				t.Errorf("failed %v, %v, printed\n%s\nwant %v,\n%s", failed, err, out.String(), tc.failed, tc.want)
			}
		})
	}
}
