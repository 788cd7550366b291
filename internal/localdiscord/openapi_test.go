package localdiscord_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// moduleRoot is the folder of go.mod.
var moduleRoot = sync.OnceValue(func() string {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	return "."
})

// openAPI is Discord's OpenAPI 3.1 file. Its schemas are JSON Schema 2020-12, so a JSON Schema compiler takes the file as it is.
type openAPI struct {
	doc      any
	paths    map[string]any
	compiler *jsonschema.Compiler

	mu      sync.Mutex
	schemas map[string]*jsonschema.Schema
	checked map[string]int // how many answers of each operation were checked
}

const openAPIURL = "file:///discord-openapi.json"

// specification is nil where the file is not there.
var specification = sync.OnceValue(func() *openAPI {
	f, err := os.Open(filepath.Join(moduleRoot(), "..", "shared", "openapi", "discord-openapi.json"))
	if err != nil {
		return nil
	}
	defer f.Close()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource(openAPIURL, doc); err != nil {
		panic(err)
	}
	return &openAPI{doc: doc, paths: at(doc, "paths").(map[string]any), compiler: c, schemas: map[string]*jsonschema.Schema{}, checked: map[string]int{}}
})

// at follows keys; nil when one is not there.
func at(v any, keys ...string) any {
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

// pointer makes a JSON pointer.
func pointer(keys ...string) string {
	var b strings.Builder
	for _, k := range keys {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(k))
	}
	return b.String()
}

// schema finds the schema of an operation's answer: nil without an error for an answer without a body.
func (o *openAPI) schema(pattern, method string, status int) (*jsonschema.Schema, error) {
	keys := []string{"paths", pattern, strings.ToLower(method), "responses", fmt.Sprint(status)}
	if at(o.doc, keys...) == nil && status/100 == 4 {
		keys[4] = "4XX"
	}
	response := at(o.doc, keys...)
	if response == nil {
		return nil, fmt.Errorf("status %d is not in the OpenAPI file", status)
	}
	if ref, ok := at(response, "$ref").(string); ok {
		keys = strings.Split(strings.TrimPrefix(ref, "#/"), "/")
	}
	keys = append(keys, "content", "application/json", "schema")
	if at(o.doc, keys...) == nil {
		return nil, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.checked[method+" "+pattern]++
	url := openAPIURL + "#" + pointer(keys...)
	if s := o.schemas[url]; s != nil {
		return s, nil
	}
	s, err := o.compiler.Compile(url)
	if err != nil {
		return nil, err
	}
	o.schemas[url] = s
	return s, nil
}

// find finds the path template: the one with the most literal segments wins.
func (o *openAPI) find(path string) string {
	got := strings.Split(path, "/")
	best, bestLiterals := "", -1
	for pattern := range o.paths {
		parts := strings.Split(pattern, "/")
		if len(parts) != len(got) {
			continue
		}
		literals, ok := 0, true
		for i, p := range parts {
			switch {
			case strings.HasPrefix(p, "{"):
			case p == got[i]:
				literals++
			default:
				ok = false
			}
		}
		if ok && literals > bestLiterals {
			best, bestLiterals = pattern, literals
		}
	}
	return best
}

// withoutForwards makes replies of references that forward: the file knows replies only, though Discord sends both.
func withoutForwards(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			withoutForwards(e)
		}
	case map[string]any:
		if ref, ok := v["message_reference"].(map[string]any); ok && v["message_snapshots"] != nil {
			ref["type"] = 0
		}
		for _, e := range v {
			withoutForwards(e)
		}
	}
}

// checkAnswer checks a REST answer against Discord's OpenAPI file: the status is one that the operation knows, and the
// body satisfies its schema.
func checkAnswer(t testing.TB, method, path string, rs *http.Response, body []byte) {
	t.Helper()
	if rs.StatusCode == http.StatusNoContent && (len(body) > 0 || rs.Header.Get("Content-Type") != "") {
		t.Errorf("%s %s: a 204 with a body or a content type", method, path)
	}
	o := specification()
	if o == nil || rs.StatusCode/100 == 5 {
		return
	}
	path, _, _ = strings.Cut(path, "?")
	pattern := o.find(path)
	if at(o.paths, pattern, strings.ToLower(method)) == nil {
		return // only people's own clients use it
	}
	schema, err := o.schema(pattern, method, rs.StatusCode)
	switch {
	case err != nil:
		t.Errorf("%s %s: %v", method, pattern, err)
		return
	case schema == nil:
		if len(body) > 0 {
			t.Errorf("%s %s: %d has a body, which the OpenAPI file does not know", method, pattern, rs.StatusCode)
		}
		return
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Errorf("%s %s: %v in %s", method, pattern, err, body)
		return
	}
	withoutForwards(v)
	if err := schema.Validate(v); err != nil {
		t.Errorf("%s %s: %d does not satisfy the OpenAPI file: %v\nin %.2000s", method, pattern, rs.StatusCode, err, body)
	}
}
