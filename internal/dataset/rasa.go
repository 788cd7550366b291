package dataset

import (
	"regexp"
	"strings"
)

// Rasa's files: phrases (nlu), replies (responses, in the domain), and which reply follows which phrase (rules, stories), as YAML,
// Markdown (until 1.10) and JSON. https://legacy-docs-oss.rasa.com/docs/rasa/training-data-format

// isRasa is any of the YAML files of a project.
func isRasa(o object) bool {
	if isList(o["nlu"]) || isList(o["stories"]) || isList(o["rules"]) || asObject(o["responses"]) != nil && rasaUtters(o["responses"]) {
		return true
	}
	if o.has("pipeline") || o.has("policies") || o.has("assistant_id") {
		return true
	}
	return isList(o["intents"]) && (isTexts(o["intents"]) || o.has("session_config") || o.has("slots") || o.has("actions") || o.has("templates"))
}

func rasaUtters(v any) bool {
	for name := range asObject(v) {
		if strings.HasPrefix(name, "utter_") {
			return true
		}
	}
	return false
}

func (f *fileReader) rasa(_ int, o object) error {
	f.gave = true
	for _, k := range []string{"responses", "templates"} {
		said := asObject(o[k])
		for _, name := range said.keys() {
			f.project.utter(name, textsOf(said[name]))
		}
	}
	for _, k := range []string{"rules", "stories"} {
		err := f.each(o[k], func(_ int, v any) error {
			label := ""
			return f.each(asObject(v)["steps"], func(_ int, v any) error {
				step := asObject(v)
				if intent := step.text("intent"); intent != "" {
					label = intent
				} else if action := step.text("action"); action != "" {
					f.reacts(label, action)
					label = ""
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return f.each(o["nlu"], func(n int, v any) error {
		e := asObject(v)
		label := e.text("intent")
		if label == "" {
			return nil // synonyms, regular expressions, lookup tables
		}
		strip := withoutEntities
		about := asObject(e["metadata"])
		if about["mynah_verbatim"] == true {
			strip = func(s string) string { return s }
		}
		if as, ok := about["mynah_label"].(string); ok {
			f.project.relabel(label, as)
		}
		if text, ok := e["examples"].(string); ok {
			i := 0
			for line := range strings.Lines(text) {
				i++
				line = strings.TrimSpace(line)
				if phrase, ok := listItem(line); ok {
					line = phrase
				}
				if line == "" || strings.HasPrefix(line, "#") && about["mynah_verbatim"] != true {
					continue
				}
				if err := f.intent(n, strip(line), label, ""); err != nil {
					return err
				}
			}
			return nil
		}
		return f.each(e["examples"], func(_ int, v any) error {
			text := phraseText(v)
			if phrase, ok := listItem(strings.TrimSpace(text)); ok {
				text = phrase
			}
			return f.intent(n, strip(text), label, "")
		})
	})
}

// reacts takes over that an action follows a phrase.
func (f *fileReader) reacts(label, action string) {
	if label != "" && strings.HasPrefix(action, "utter_") {
		f.project.follows(label, action)
	}
}

func (f *fileReader) rasaJSON(_ int, o object) error {
	data := asObject(o["rasa_nlu_data"])
	for _, k := range []string{"common_examples", "intent_examples"} {
		err := f.each(data[k], func(n int, v any) error {
			e := asObject(v)
			return f.intent(n, e.text("text"), e.text("intent"), "")
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// entity is a word that is marked in a phrase: [margherita](pizza), [large]{"entity": "size"}.
var entity = regexp.MustCompile(`\[([^\]\n]+)\](?:\([^)\n]*\)|\{[^}\n]*\}(?:\[[^\]\n]*\])?)`)

// withoutEntities leaves of marked words what stands in the phrase.
func withoutEntities(phrase string) string { return entity.ReplaceAllString(phrase, "$1") }

// listItem cuts the mark of a list off a line.
func listItem(line string) (string, bool) {
	for _, mark := range []string{"- ", "* ", "+ "} {
		if rest, ok := strings.CutPrefix(line, mark); ok {
			return strings.TrimSpace(rest), true
		}
	}
	return line, false
}

var (
	rasaHead  = regexp.MustCompile(`(?m)^##+ *(?:intent|synonym|regex|lookup) *:`)
	storyHead = regexp.MustCompile(`(?m)^##+ .+\n(?:>.*\n|\s*\n)*[*] ?[\w/]+.*\n\s+- `)
)

// isRasaMarkdown reports whether Markdown is that of a Rasa project: phrases, stories or responses.
func isRasaMarkdown(text string) bool {
	return rasaHead.MatchString(text) || storyHead.MatchString(text)
}

// rasaMarkdown reads phrases below "## intent:name", and stories: "* intent" with what follows below.
func (f *fileReader) rasaMarkdown(text string) error {
	f.gave = true
	f.format("Rasa Markdown")
	label, after, comment, n := "", "", false, 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "<!--") {
			comment = true
		}
		if comment {
			comment = !strings.Contains(line, "-->")
			continue
		}
		if strings.HasPrefix(line, "#") {
			head := strings.TrimSpace(strings.TrimLeft(line, "#"))
			label, after = "", ""
			if kind, name, ok := strings.Cut(head, ":"); ok && strings.TrimSpace(kind) == "intent" {
				label = strings.TrimSpace(name)
			}
			continue
		}
		if rest, ok := strings.CutPrefix(line, "*"); ok && label == "" { // of a story
			after, _, _ = strings.Cut(strings.TrimSpace(rest), "{")
			after, _, _ = strings.Cut(strings.TrimSpace(after), " ")
			continue
		}
		phrase, ok := listItem(line)
		switch {
		case !ok:
		case label != "":
			if err := f.intent(n, withoutEntities(phrase), label, ""); err != nil {
				return err
			}
		case after != "" && strings.HasPrefix(phrase, "utter_"):
			f.reacts(after, phrase)
			after = ""
		case after != "" && !strings.HasPrefix(phrase, "action_") && !strings.HasPrefix(phrase, "slot{") && !strings.HasPrefix(phrase, "form{"):
			f.responses(n, after, []string{phrase})
		}
	}
	return nil
}

// isLU reports whether text is of Bot Framework's .lu or .qna files.
func isLU(text string) bool {
	return strings.Contains(text, "\n```markdown") && strings.Contains("\n"+text, "\n# ?") || strings.HasPrefix(strings.TrimSpace(text), "> !#")
}

// lu reads intents ("# Name", with phrases as a list) and questions ("# ? text", with others as a list, and the answer fenced).
// https://learn.microsoft.com/azure/bot-service/file-format/bot-builder-lu-file-format
func (f *fileReader) lu(text string) error {
	f.format("Bot Framework .lu and .qna")
	var questions, answer []string
	label, fenced, n := "", false, 0
	end := func() error {
		for _, q := range questions {
			if err := f.add(n, q, "", strings.Join(answer, "\n")); err != nil {
				return err
			}
		}
		questions, answer, label = nil, nil, ""
		return nil
	}
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		short := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(short, "```"):
			fenced = !fenced
			continue
		case fenced:
			answer = append(answer, line)
			continue
		case strings.HasPrefix(short, ">"), short == "":
			continue
		case strings.HasPrefix(short, "#"):
			if err := end(); err != nil {
				return err
			}
			name := strings.TrimSpace(strings.TrimLeft(short, "#"))
			if q, ok := strings.CutPrefix(name, "?"); ok {
				questions = []string{strings.TrimSpace(q)}
			} else {
				label = name
			}
			continue
		}
		phrase, ok := listItem(short)
		switch {
		case !ok:
		case len(questions) > 0:
			questions = append(questions, phrase)
		case label != "":
			if err := f.intent(n, luEntity.ReplaceAllString(phrase, "$1"), label, ""); err != nil {
				return err
			}
		}
	}
	return end()
}

// luEntity is a marked word: {city=Paris}.
var luEntity = regexp.MustCompile(`\{@?[\w:. ]+=([^{}]*)\}`)
