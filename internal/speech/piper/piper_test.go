package piper

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

const config = `{
  "audio": {"sample_rate": 22050, "quality": "medium"},
  "espeak": {"voice": "en-us"},
  "phoneme_type": "espeak",
  "phoneme_id_map": {"_": [0], "^": [1], "$": [2], " ": [3], "ː": [4], "ab": [5]},
  "num_speakers": 1,
  "language": {"code": "en_US", "family": "en", "name_english": "English"}
}`

// network is a small ONNX file with a graph.
func network(entries ...[2]string) []byte {
	b := protowire.AppendTag(nil, 1, protowire.VarintType)
	b = protowire.AppendVarint(b, 8)
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	b = protowire.AppendString(b, "pytorch")
	b = appendEntries(b, entries)
	b = protowire.AppendTag(b, fieldGraph, protowire.BytesType)
	return protowire.AppendBytes(b, bytes.Repeat([]byte("graph"), 1000))
}

func TestPrepare(t *testing.T) {
	dir := t.TempDir()
	model := filepath.Join(dir, "v.onnx")
	for name, content := range map[string][]byte{"v.onnx": network([2]string{"author", "me"}), "v.onnx.json": []byte(config)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	c, err := Prepare(folder, "v.onnx")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Primary(); got != "en" {
		t.Errorf("language %q", got)
	}
	tokens, err := os.ReadFile(filepath.Join(dir, TokensFile))
	if err != nil {
		t.Fatal(err)
	}
	if want := "_ 0\n^ 1\n$ 2\n  3\nː 4\n"; string(tokens) != want {
		t.Errorf("tokens %q, want %q", tokens, want)
	}
	once, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Metadata(bytes.NewReader(once), int64(len(once)))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"author": "me", "model_type": "vits", "comment": "piper", "language": "English", "voice": "en-us",
		"has_espeak": "1", "n_speakers": "1", "sample_rate": "22050"}
	if !maps.Equal(got, want) {
		t.Errorf("metadata %v, want %v", got, want)
	}
	if _, err := Prepare(folder, "v.onnx"); err != nil {
		t.Fatal(err)
	}
	if twice, err := os.ReadFile(model); err != nil || !bytes.Equal(once, twice) {
		t.Errorf("preparing it again changed the network (%v)", err)
	}
}

func TestParseConfigRefuses(t *testing.T) {
	for name, test := range map[string]struct{ from, to, want string }{
		"other phonemes":    {`"phoneme_type": "espeak"`, `"phoneme_type": "text"`, "phonemes of the type"},
		"no voice":          {`"voice": "en-us"`, `"voice": ""`, "no espeak-ng voice"},
		"rate":              {"22050", "0", "sample rate"},
		"speakers":          {`"num_speakers": 1`, `"num_speakers": -1`, "speakers"},
		"no start":          {`"^": [1], `, ``, `lack "^"`},
		"id":                {`"$": [2]`, `"$": [-2]`, "no single id"},
		"two ids":           {`"ː": [4]`, `"ː": [4, 5]`, "no single id"},
		"line break":        {`"ː"`, `"\n"`, "can't be a phoneme"},
		"zero":              {`"ː"`, `"\u0000"`, "can't be a phoneme"},
		"a space like tab":  {`"ː"`, `"\u2003"`, "can't be a phoneme"},
		"not JSON":          {"{", "", "piper voice"},
		"control character": {"en-us", `en\u0007us`, "no espeak-ng voice"},
	} {
		_, err := ParseConfig([]byte(strings.Replace(config, test.from, test.to, 1)))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, test.want)
		}
	}
}

func TestMetadataRefuses(t *testing.T) {
	good := network()
	for name, b := range map[string][]byte{
		"nothing":   nil,
		"a page":    []byte("<!DOCTYPE html><html></html>"),
		"cut off":   good[:len(good)-1],
		"no graph":  good[:11],
		"long size": append(append([]byte(nil), good...), 0x72, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
	} {
		if _, err := Metadata(bytes.NewReader(b), int64(len(b))); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(config))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig(b)
		if err != nil {
			return
		}
		tokens, err := c.Tokens()
		if err != nil {
			t.Fatal(err)
		}
		// sherpa-onnx ends the process on a line that is not a single character, a space and a number, and on a
		// character that comes twice.
		seen := map[rune]bool{}
		for line := range strings.Lines(string(tokens)) {
			r := []rune(line)
			if len(r) < 4 || r[1] != ' ' || seen[r[0]] || strings.Trim(string(r[2:]), "0123456789") != "\n" {
				t.Fatalf("line %q", line)
			}
			seen[r[0]] = true
		}
		if !seen['_'] || !seen['^'] || !seen['$'] {
			t.Fatal("tokens lack a mark")
		}
		for _, e := range c.metadata() {
			if e[1] == "" && e[0] != "language" || strings.ContainsRune(e[1], 0) {
				t.Errorf("metadata %q is %q", e[0], e[1])
			}
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add(network(), "voice", "en-us")
	f.Add(network([2]string{"comment", "piper"}), "", "")
	f.Fuzz(func(t *testing.T, b []byte, key, value string) {
		before, err := Metadata(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		// What is appended to a file that was accepted is read back, and hides nothing else.
		longer := appendEntries(bytes.Clone(b), [][2]string{{key, value}})
		after, err := Metadata(bytes.NewReader(longer), int64(len(longer)))
		if err != nil {
			t.Fatal(err)
		}
		before[key] = value
		if !maps.Equal(before, after) {
			t.Errorf("%v, want %v", after, before)
		}
	})
}
