package dataset

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/mynahbot/mynah/internal/record"
)

// What is written here is read back the same. JSON lines are [learn.WriteSnapshot]'s.

// formula are the signs that spreadsheets take for the beginning of a formula.
const formula = "=+-@"

// WriteCSV writes examples as a table with the columns text, label and reply. What a spreadsheet would take for a formula gets an
// apostrophe before it, as people do it there.
func WriteCSV(w io.Writer, examples []record.Example) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"text", "label", "reply"}}
	for _, e := range examples {
		rows = append(rows, []string{asText(e.Text), asText(e.Label), asText(e.Reply)})
	}
	return out.WriteAll(rows)
}

func asText(s string) string {
	if rest := strings.TrimLeft(s, "'"); rest != "" && strings.IndexByte(formula, rest[0]) >= 0 {
		return "'" + s
	}
	return s
}

// fromText takes away the apostrophe that makes a text of what begins as a formula.
func fromText(s string) string {
	if rest := strings.TrimLeft(s, "'"); rest != s && rest != "" && strings.IndexByte(formula, rest[0]) >= 0 {
		return s[1:]
	}
	return s
}

// rasaFile is a file of training data and of the responses to it.
type rasaFile struct {
	Version   string                 `yaml:"version"`
	NLU       []rasaIntent           `yaml:"nlu"`
	Responses map[string][]rasaReply `yaml:"responses,omitempty"`
}

type rasaIntent struct {
	Intent   string        `yaml:"intent"`
	Metadata *rasaMetadata `yaml:"metadata,omitempty"`
	Examples yaml.Node     `yaml:"examples"`
}

// rasaMetadata is what Rasa has no place for.
type rasaMetadata struct {
	Label    *string `yaml:"mynah_label,omitempty"`    // of the examples, where it isn't the intent
	Verbatim bool    `yaml:"mynah_verbatim,omitempty"` // brackets in the examples mark no entities
}

type rasaReply struct {
	Text string `yaml:"text"`
}

// WriteRasa writes examples as training data of Rasa 3: labels are intents, and examples with a reply are those of a retrieval intent of
// their own, whose response the reply is.
func WriteRasa(w io.Writer, examples []record.Example) error {
	type kind struct {
		label, reply string
		verbatim     bool
	}
	texts := map[kind][]string{}
	var order []kind
	for _, e := range examples {
		if e.Text == "" {
			continue // a response alone
		}
		k := kind{e.Label, e.Reply, withoutEntities(e.Text) != e.Text || strings.HasPrefix(e.Text, "#")}
		if texts[k] == nil {
			order = append(order, k)
		}
		texts[k] = append(texts[k], e.Text)
	}
	taken := map[string]bool{}
	for _, k := range order {
		taken[k.label] = true
	}
	file := rasaFile{Version: "3.1", Responses: map[string][]rasaReply{}}
	for _, k := range order {
		intent := rasaIntent{Intent: k.label}
		if k.verbatim {
			intent.Metadata = &rasaMetadata{Verbatim: true}
		}
		if k.reply != "" || k.label == "" {
			base := k.label
			if base == "" {
				base = "faq"
			}
			for n := 1; ; n++ {
				if intent.Intent = fmt.Sprintf("%s/%d", base, n); !taken[intent.Intent] {
					break
				}
			}
			taken[intent.Intent] = true
			intent.Metadata = &rasaMetadata{Label: &k.label, Verbatim: k.verbatim}
			file.Responses["utter_"+intent.Intent] = []rasaReply{{k.reply}}
		}
		lines := ""
		for _, t := range texts[k] {
			lines += "- " + t + "\n"
		}
		intent.Examples = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: lines, Style: yaml.LiteralStyle}
		file.NLU = append(file.NLU, intent)
	}
	slices.SortStableFunc(file.NLU, func(a, b rasaIntent) int { return strings.Compare(a.Intent, b.Intent) })
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(file); err != nil {
		return fmt.Errorf("write Rasa YAML: %w", err)
	}
	return enc.Close()
}
