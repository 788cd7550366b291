package config_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/mynahbot/mynah/internal/config"
)

var update = flag.Bool("update", false, "write docs/configuration.md again")

// The list of all settings is made of the settings themselves.
func TestConfigurationIsDocumented(t *testing.T) {
	var cli struct {
		config.Config `embed:""`
		Folder        config.Folder `embed:""`
	}
	parser, err := kong.New(&cli, config.Options()...)
	if err != nil {
		t.Fatal(err)
	}
	flags := map[string]*kong.Flag{}
	for _, f := range parser.Model.Flags {
		flags[f.Name] = f
	}
	var page bytes.Buffer
	page.WriteString(`# Configuration

Every setting of Mynah, made from the program itself (` + "`go test ./internal/config -update`" + `). The README tells where they are given;
` + "`mynah doctor`" + ` shows those that hold. A key ` + "`a.b`" + ` is ` + "`--a.b=…`" + `, ` + "`MYNAH_A_B=…`" + `, or in ` + "`mynah.yaml`" + `:

` + "```yaml\na:\n  b: …\n```" + `

| key | default | |
|---|---|---|
`)
	for _, e := range cli.Config.Entries() {
		f := flags[e.Key]
		if f == nil || f.Help == "" {
			t.Errorf("%s has no description", e.Key)
			continue
		}
		usual := ""
		if f.Default != "" {
			usual = "`" + f.Default + "`"
		}
		help := strings.ReplaceAll(strings.TrimSuffix(f.Help, "."), "|", `\|`)
		fmt.Fprintf(&page, "| `%s` | %s | %s |\n", e.Key, usual, help)
	}
	const file = "../../docs/configuration.md"
	if *update {
		if err := os.WriteFile(file, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, page.Bytes()) {
		t.Errorf("docs/configuration.md is not what the settings say: go test ./internal/config -update")
	}
}
