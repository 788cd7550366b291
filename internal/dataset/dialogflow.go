package dataset

import (
	"path"
	"strings"
)

// Dialogflow's exports. ES has for each intent a file with its responses and one for each language with its phrases; CX has folders of
// intents with phrases, and flows that say what is answered.

// isDialogflowIntent is intents/<name>.json of ES.
func isDialogflowIntent(o object) bool {
	return o.has("name", "responses") && isList(o["responses"]) && (o.has("auto") || o.has("webhookUsed") || o.has("fallbackIntent") || o.has("contexts"))
}

func (f *fileReader) dialogflowIntent(n int, o object) error {
	f.gave = true
	label := o.text("name")
	f.project.rename(strings.TrimSuffix(path.Base(f.name), path.Ext(f.name)), label)
	err := f.each(o["responses"], func(_ int, v any) error {
		var texts []string
		messages, _ := asObject(v)["messages"].([]any)
		for _, m := range messages {
			message := asObject(m)
			if kind := message.text("type"); kind == "" || kind == "0" || kind == "message" {
				texts = append(texts, responsesOf(message["speech"])...)
				texts = append(texts, responsesOf(message["text"])...)
			}
		}
		if len(texts) == 0 {
			texts = responsesOf(asObject(v)["speech"])
		}
		f.responses(n, label, texts)
		return nil
	})
	if err != nil {
		return err
	}
	return f.each(o["userSays"], func(n int, v any) error { return f.intent(n, phraseText(v), label, "") })
}

// isDialogflowSays is one phrase of intents/<name>_usersays_<language>.json of ES.
func isDialogflowSays(o object) bool {
	all, _ := o["data"].([]any)
	return len(all) > 0 && asObject(all[0]).text("text") != "" && (o.has("isTemplate") || o.has("count"))
}

func (f *fileReader) dialogflowSays(n int, o object) error {
	label, _, _ := strings.Cut(path.Base(f.name), "_usersays_")
	return f.intent(n, phraseText(o), strings.TrimSuffix(label, path.Ext(label)), "")
}

// isDialogflowPhrases is intents/<name>/trainingPhrases/<language>.json of CX.
func isDialogflowPhrases(o object) bool {
	all, _ := o["trainingPhrases"].([]any)
	return len(all) > 0 && !o.has("displayName") && phraseText(all[0]) != ""
}

func (f *fileReader) dialogflowPhrases(_ int, o object) error {
	label := path.Base(path.Dir(path.Dir(f.name)))
	return f.each(o["trainingPhrases"], func(n int, v any) error { return f.intent(n, phraseText(v), label, "") })
}

// isDialogflowFlow is flows/<name>/<name>.json of CX.
func isDialogflowFlow(o object) bool { return isList(o["transitionRoutes"]) }

func (f *fileReader) dialogflowFlow(_ int, o object) error {
	f.gave = true
	return f.each(o["transitionRoutes"], func(n int, v any) error {
		route := asObject(v)
		if label := route.text("intent"); label != "" {
			f.responses(n, path.Base(label), responsesOf(asObject(route["triggerFulfillment"])["messages"]))
		}
		return nil
	})
}
