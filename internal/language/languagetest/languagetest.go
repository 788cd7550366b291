// Package languagetest makes up a language, to show that a folder is all that a further one takes.
package languagetest

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"gopkg.in/yaml.v3"

	"github.com/mynahbot/mynah/internal/language"
)

// Tag is the made-up language's: of a language that Discord has a locale of the same name for, and whose script no language of Mynah's
// has.
const Tag = "el"

// WithMadeUp are all languages and one made up: what Mynah says in English, in Greek letters, with commands of which each has a name in
// Greek letters too.
func WithMadeUp(t testing.TB) *language.Set {
	t.Helper()
	known, err := language.All()
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	for _, tag := range known.Tags() {
		names, err := known.Files(tag)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			raw, err := known.Read(tag, name)
			if err != nil {
				t.Fatal(err)
			}
			files[path.Join(tag, name)] = &fstest.MapFile{Data: raw}
			if tag == language.Fallback {
				files[path.Join(Tag, name)] = &fstest.MapFile{Data: translate(t, name, raw)}
			}
		}
	}
	all, err := language.Open(fs.FS(files))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// translate makes a file of the made-up language from the English one.
func translate(t testing.TB, name string, raw []byte) []byte {
	t.Helper()
	if path.Ext(name) != ".yaml" {
		return []byte(Greek(string(raw)))
	}
	var node yaml.Node
	if err := yaml.Unmarshal(raw, &node); err != nil {
		t.Fatal(err)
	}
	walk(&node)
	if name == "texts.yaml" {
		nameCommands(node.Content[0])
	}
	out, err := yaml.Marshal(&node)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// walk translates all values, and leaves the keys.
func walk(node *yaml.Node) {
	switch node.Kind {
	case yaml.ScalarNode:
		node.Value = Greek(node.Value)
	case yaml.MappingNode:
		for i := 1; i < len(node.Content); i += 2 {
			if node.Content[i-1].Value == "languages" {
				continue // tags
			}
			walk(node.Content[i])
		}
	default:
		for _, n := range node.Content {
			walk(n)
		}
	}
}

// nameCommands gives each command that texts describe a name.
func nameCommands(file *yaml.Node) {
	var texts *yaml.Node
	for i := 0; i < len(file.Content); i += 2 {
		if file.Content[i].Value == "texts" {
			texts = file.Content[i+1]
		}
	}
	names := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	scalar := func(value string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value} }
	for i := 0; i < len(texts.Content); i += 2 {
		key, is := strings.CutPrefix(texts.Content[i].Value, "command.")
		if !is || strings.Contains(key, ".") || key == "correct_menu" {
			continue
		}
		name, local := key, key
		if head, tail, two := strings.Cut(key, "_"); two && key != "select_dataset" {
			name, local = head+" "+tail, tail
		}
		names.Content = append(names.Content, scalar(name), scalar(Greek(local)))
	}
	file.Content = slices.Concat([]*yaml.Node{scalar("commands"), names}, file.Content)
}

// letters are Latin ones and what stands for each.
var letters = strings.NewReplacer("a", "α", "b", "β", "c", "ξ", "d", "δ", "e", "ε", "f", "φ", "g", "γ", "h", "η", "i", "ι", "j", "ζ", "k", "κ",
	"l", "λ", "m", "μ", "n", "ν", "o", "ο", "p", "π", "q", "θ", "r", "ρ", "s", "σ", "t", "τ", "u", "υ", "v", "ψ", "w", "ω", "x", "χ", "y", "υ", "z", "ζ")

// Greek writes a text in the made-up language. {Places} and what stands between backquotes stay.
func Greek(text string) string {
	var out, plain strings.Builder
	flush := func() {
		out.WriteString(letters.Replace(strings.ToLower(plain.String())))
		plain.Reset()
	}
	until := rune(0)
	for _, r := range text {
		switch {
		case until != 0:
			out.WriteRune(r)
			if r == until {
				until = 0
			}
		case r == '{', r == '`':
			flush()
			until = map[rune]rune{'{': '}', '`': '`'}[r]
			out.WriteRune(r)
		default:
			plain.WriteRune(r)
		}
	}
	flush()
	return out.String()
}
