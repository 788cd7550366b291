package dataset

import (
	"slices"
	"strconv"
	"strings"
)

// What people have labelled in programs made for that.

// isProdigy is a task of Prodigy with its answer. https://prodi.gy/docs/api-interfaces
func isProdigy(o object) bool {
	answer := o.text("answer")
	return slices.Contains([]string{"accept", "reject", "ignore"}, answer) && (o.has("_input_hash") || o.has("_task_hash") || o.has("text") && (o.has("label") || o.has("options") || o.has("accept")))
}

func (f *fileReader) prodigy(n int, o object) error {
	if answer := o.text("answer"); answer != "accept" {
		f.leave(n, NotAccepted, answer)
		return nil
	}
	label := o.text("label")
	if chosen, ok := o["accept"].([]any); ok { // the options that were chosen
		if len(chosen) > 1 {
			f.skip(n, SeveralLabels, joined(chosen))
			return nil
		}
		label = ""
		if len(chosen) == 1 {
			id, _ := scalar(chosen[0])
			label = id
			options, _ := o["options"].([]any)
			for _, v := range options {
				if option := asObject(v); option.text("id") == id {
					label = option.text("text", "id")
				}
			}
		}
	}
	return f.intent(n, o.text("text"), label, "")
}

// spacy reads a text with the scores of its categories, of which one is 1. https://spacy.io/api/data-formats
func (f *fileReader) spacy(n int, o object) error {
	var labels []any
	cats := asObject(o["cats"])
	for _, k := range cats.keys() {
		if score, ok := cats[k].(float64); ok && score > 0.5 || cats[k] == true {
			labels = append(labels, k)
		}
	}
	if len(labels) > 1 {
		f.skip(n, SeveralLabels, joined(labels))
		return nil
	}
	label, _ := scalar(labels)
	return f.intent(n, o.text("text"), label, "")
}

// isDoccano is a text of Doccano with its labels. https://doccano.github.io/doccano
func isDoccano(o object) bool {
	if !o.has("id") || !(o.has("text") || o.has("data")) || len(o) > 8 {
		return false
	}
	for _, k := range []string{"label", "labels", "cats", "annotations"} {
		if _, ok := o[k].([]any); ok {
			return true
		}
	}
	return false
}

func (f *fileReader) doccano(n int, o object) error {
	text := o.text("text", "data")
	var labels []any
	for _, k := range []string{"label", "labels", "cats", "annotations"} {
		if all, ok := o[k].([]any); ok {
			labels = all
			break
		}
	}
	if len(labels) > 1 {
		f.skip(n, SeveralLabels, joined(labels))
		return nil
	}
	if len(labels) == 0 {
		return f.add(n, text, "", "")
	}
	label, ok := labels[0].(string)
	if !ok {
		label, ok = scalar(asObject(labels[0])["text"])
	}
	switch {
	case !ok: // spans of entities
		f.skip(n, AnswerMissing)
		return nil
	case looksLikeSentence(label):
		return f.add(n, text, "", label)
	}
	return f.intent(n, text, label, "")
}

// isLabelStudio is a task of Label Studio with its annotations. https://labelstud.io/guide/export
func isLabelStudio(o object) bool {
	return o.has("data") && (isList(o["annotations"]) || isList(o["completions"]))
}

func (f *fileReader) labelStudio(n int, o object) error {
	data := asObject(o["data"])
	text := data.text("text", "Text", "question", "content", "review", "message", "query")
	if text == "" {
		for _, k := range data.keys() {
			if s, ok := data[k].(string); ok && len(s) > len(text) && !isLink(s) {
				text = s
			}
		}
	}
	annotations := o["annotations"]
	if !isList(annotations) {
		annotations = o["completions"]
	}
	label, reply, cancelled := "", "", false
	all, _ := annotations.([]any)
	for _, v := range all {
		a := asObject(v)
		if a["was_cancelled"] == true {
			cancelled = true
			continue
		}
		results, _ := a["result"].([]any)
		for _, r := range results {
			value := asObject(asObject(r)["value"])
			if chosen, ok := value["choices"].([]any); ok && label == "" {
				if len(chosen) > 1 {
					f.skip(n, SeveralLabels, joined(chosen))
					return nil
				}
				label, _ = scalar(chosen)
			}
			if written := textsOf(value["text"]); len(written) > 0 && reply == "" && !value.has("labels") {
				reply = written[0]
			}
		}
	}
	if label == "" && reply == "" && cancelled {
		f.leave(n, NotAccepted, "skipped")
		return nil
	}
	return f.intent(n, text, label, reply)
}

// isLabelStudioMin is the short form: the task's fields, and the choices by the name of their question.
func isLabelStudioMin(o object) bool { return o.has("annotation_id", "lead_time") }

func (f *fileReader) labelStudioMin(n int, o object) error {
	known := []string{"annotation_id", "annotator", "created_at", "updated_at", "lead_time", "id"}
	textKey, label := keyOf(o, roleQuestion), ""
	for _, k := range o.keys() {
		if slices.Contains(known, k) || k == textKey {
			continue
		}
		v := o[k]
		if choices := asObject(v)["choices"]; choices != nil {
			v = choices
		}
		if all, ok := v.([]any); ok && len(all) > 1 {
			f.skip(n, SeveralLabels, joined(all))
			return nil
		}
		if s, ok := scalar(v); ok && label == "" {
			label = s
		}
	}
	return f.intent(n, o.text(textKey), label, "")
}

// isHuggingFace is what the datasets server answers: features, and rows whose classes are numbers.
func isHuggingFace(o object) bool { return isList(o["features"]) && isList(o["rows"]) }

func (f *fileReader) huggingFace(_ int, o object) error {
	names := map[string][]string{}
	features, _ := o["features"].([]any)
	for _, v := range features {
		feature := asObject(v)
		if all := textsOf(asObject(feature["type"])["names"]); len(all) > 0 {
			names[feature.text("name")] = all
		}
	}
	rows, _ := o["rows"].([]any)
	for _, v := range rows {
		row := asObject(asObject(v)["row"])
		for k, all := range names {
			if i, err := strconv.Atoi(strings.TrimSpace(row.text(k))); err == nil && i >= 0 && i < len(all) {
				row[k] = all[i]
			}
		}
	}
	return f.array(o["rows"], 1)
}
