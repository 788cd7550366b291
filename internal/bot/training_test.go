package bot

import (
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/teach"
)

// What was found before a training, and left out of it, is said.
func TestMaterialIsTold(t *testing.T) {
	taught := []record.Example{{Text: "where is it", Label: "place"}, {Text: "where is it", Label: "price"}}
	_, findings := learn.Clean(taught)
	m := teach.Material{
		Examples: taught, Findings: findings,
		Leaked: []record.Example{{Text: "how much is it", Label: "price"}, {Text: "HOW MUCH IS IT", Label: "place"}},
	}
	for _, language := range []string{"en", "ru"} {
		text := newTestBot(t).in(language, record.Settings{}).material(&m)
		for _, want := range []string{"how much is it", "where is it", "2", "price"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is missing in %s", language, want, text)
			}
		}
	}
}

// The command that a report proposes works when it is typed as it stands.
func TestTheProposedCommandNamesTheFile(t *testing.T) {
	b := newTestBot(t)
	for _, file := range []string{"data.csv", "my new_data.csv"} {
		text := b.in("en", record.Settings{}).batchText(teach.Batch{Texts: 2, Disputed: 1, File: file, Stored: true})
		_, line, _ := strings.Cut(text, "`!dataset disable ")
		line, _, _ = strings.Cut(line, "`")
		if args, err := ParseArguments(b.named("dataset disable"), line); err != nil || args["file"] != file || len(args) != 1 {
			t.Errorf("%s: %v, %v", text, args, err)
		}
	}
}
