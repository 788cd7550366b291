package dataset

import (
	"strings"
)

// Formats that are lists of intents with phrases, and of questions with answers.

// Keys of an intent's name, phrases and replies in the formats that have such.
var (
	intentKeys = []string{"intent", "tag", "displayName", "display_name", "intentName", "name", "label", "category", "title"}
	phraseKeys = []string{"examples", "patterns", "utterances", "samples", "sampleUtterances", "sample_utterances", "trainingPhrases", "training_phrases",
		"training_examples", "phrases", "questions", "expressions", "userSays", "inputs", "variants"}
	responseKeys = []string{"responses", "answers", "replies", "outputs", "response", "answer", "reply"}
)

// phrasesOf returns the phrases of an intent; nil for an object that is none.
func phrasesOf(o object) any {
	for _, k := range phraseKeys {
		switch v := o[k].(type) {
		case []any:
			if len(v) > 0 && phraseText(v[0]) != "" {
				return v
			}
		case map[string]any: // by language
			for _, inner := range v {
				if isTexts(inner) {
					return v
				}
			}
		}
	}
	return nil
}

// phraseText is a phrase: a text, or an object with one, or with parts of one.
func phraseText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	o := asObject(v)
	if s := o.text("text", "utterance", "value", "phrase", "sentence", "example", "query"); s != "" {
		return s
	}
	for _, k := range []string{"parts", "data"} {
		var b strings.Builder
		all, _ := o[k].([]any)
		for _, part := range all {
			b.WriteString(asObject(part).text("text"))
		}
		if b.Len() > 0 {
			return b.String()
		}
	}
	return ""
}

// isIntent reports whether an object has phrases with a name or with replies.
func isIntent(o object) bool {
	return phrasesOf(o) != nil && (o.text(intentKeys...) != "" || hasResponses(o))
}

func hasResponses(o object) bool {
	for _, k := range responseKeys {
		if len(responsesOf(o[k])) > 0 {
			return true
		}
	}
	return false
}

// responsesOf are the texts of what an intent replies, in any of the forms that formats give them.
func responsesOf(v any) (texts []string) {
	switch v := v.(type) {
	case string:
		if v != "" {
			texts = append(texts, v)
		}
	case []any:
		for _, e := range v {
			texts = append(texts, responsesOf(e)...)
		}
	case object:
		return responsesOf(map[string]any(v))
	case map[string]any:
		o := object(v)
		for _, k := range []string{"text", "answer", "content", "value", "speech", "values", "messages", "generic", "plainTextMessage", "message"} {
			if found := responsesOf(o[k]); len(found) > 0 {
				return found
			}
		}
		for _, k := range o.keys() { // by language
			if len(k) <= 5 && (isTexts(o[k]) || isList(o[k])) {
				texts = append(texts, responsesOf(o[k])...)
			}
		}
	}
	return texts
}

// oneIntent reads an intent.
func (f *fileReader) oneIntent(n int, o object) error {
	label := o.text(intentKeys...)
	var replies []string
	for _, k := range responseKeys {
		if replies = responsesOf(o[k]); len(replies) > 0 {
			break
		}
	}
	if replies == nil { // Amazon Lex
		for _, k := range []string{"conclusionStatement", "closingSetting", "intentClosingSetting", "initialResponseSetting"} {
			replies = append(replies, responsesOf(asObject(o[k]))...)
		}
	}
	if o.has("questions") && o.text("intent", "tag") == "" { // a question with its answer, whose name is no label
		label = o.text("category")
	}
	reply := ""
	if len(replies) > 0 {
		reply = plainText(replies[0])
	}
	if label != "" && len(replies) > 0 {
		f.responses(n, label, replies)
	}
	say := func(_ int, v any) error {
		text := phraseText(v)
		if text == "" {
			f.skip(n, "a pattern that is not a text")
			return nil
		}
		return f.intent(n, plainText(text), label, reply)
	}
	phrases := phrasesOf(o)
	if byLanguage := asObject(phrases); byLanguage != nil {
		for _, k := range byLanguage.keys() {
			if err := f.each(byLanguage[k], say); err != nil {
				return err
			}
		}
		return nil
	}
	return f.each(phrases, say)
}

// intentList is the list of intents in an object.
func intentList(o object) any {
	for _, k := range []string{"intents", "data", "qnas", "qna", "entries", "faq", "faqs", "items"} {
		if all, ok := o[k].([]any); ok && len(all) > 0 {
			for _, e := range all[:min(len(all), 5)] {
				if isIntent(asObject(e)) {
					return all
				}
			}
		} else if all, ok := o[k].(list); ok {
			return all
		}
	}
	return nil
}

// isIntents is intents.json as tutorials have it, nlp.js corpora, and others that list intents.
func isIntents(o object) bool {
	all, ok := intentList(o).([]any)
	return ok && len(all) > 0
}

func (f *fileReader) intents(_ int, o object) error {
	return f.each(intentList(o), func(n int, v any) error {
		if e := asObject(v); isIntent(e) {
			return f.oneIntent(n, e)
		}
		f.leave(n, JSONNoText)
		return nil
	})
}

// luis reads an app of LUIS: utterances with an intent each.
// https://learn.microsoft.com/azure/ai-services/luis/app-schema-definition
func (f *fileReader) luis(_ int, o object) error {
	return f.labelled(o["utterances"], "text", "intent")
}

// clu reads a project of Conversational Language Understanding, or of its question answering.
func (f *fileReader) clu(_ int, o object) error {
	assets := asObject(o["assets"])
	if isQnAMaker(assets) {
		return f.qnaMaker(1, assets)
	}
	return f.labelled(assets["utterances"], "text", "intent")
}

// labelled reads a list of objects with a text and its label.
func (f *fileReader) labelled(v any, text, label string) error {
	f.gave = true
	return f.each(v, func(n int, v any) error {
		o := asObject(v)
		return f.intent(n, o.text(text), o.text(label), "")
	})
}

// isWit is an app's utterances, or expressions as older exports have them.
func isWit(o object) bool {
	all, _ := o["utterances"].([]any)
	if len(all) > 0 {
		first := asObject(all[0])
		return first.has("text", "intent") && (first.has("entities") || first.has("traits"))
	}
	all, _ = o["data"].([]any)
	return len(all) > 0 && asObject(all[0]).has("text", "entities")
}

func (f *fileReader) wit(_ int, o object) error {
	if isList(o["utterances"]) {
		return f.labelled(o["utterances"], "text", "intent")
	}
	return f.each(o["data"], func(n int, v any) error {
		e, intent := asObject(v), ""
		entities, _ := e["entities"].([]any)
		for _, ent := range entities {
			if ent := asObject(ent); ent.text("entity") == "intent" {
				intent = strings.Trim(ent.text("value"), `"`)
			}
		}
		return f.intent(n, e.text("text"), intent, "")
	})
}

// watson reads a workspace: intents with examples, and dialog nodes whose condition is an intent.
func (f *fileReader) watson(_ int, o object) error {
	err := f.each(o["dialog_nodes"], func(n int, v any) error {
		node := asObject(v)
		condition := strings.TrimSpace(node.text("conditions"))
		if label, ok := strings.CutPrefix(condition, "#"); ok && label != "" && !strings.ContainsAny(label, " &|(") {
			f.responses(n, label, responsesOf(node["output"]))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return f.each(o["intents"], func(n int, v any) error {
		if e := asObject(v); phrasesOf(e) != nil {
			return f.oneIntent(n, e)
		}
		return nil
	})
}

// isQnAMaker is a knowledge base: each answer has its questions.
func isQnAMaker(o object) bool {
	return qnaList(o) != nil
}

func qnaList(o object) any {
	for _, k := range []string{"qnaList", "qnaDocuments", "qnas", "Qnas", "QnaList"} {
		if all, ok := o[k].([]any); ok && len(all) > 0 {
			e := asObject(all[0])
			if (isList(e["questions"]) || isList(e["Questions"])) && (e.text("answer") != "" || e.text("Answer") != "") {
				return all
			}
		} else if all, ok := o[k].(list); ok {
			return all
		}
	}
	return nil
}

func (f *fileReader) qnaMaker(_ int, o object) error {
	return f.each(qnaList(o), func(n int, v any) error {
		e := asObject(v)
		questions := e["questions"]
		if !isList(questions) {
			questions = e["Questions"]
		}
		for _, q := range textsOf(questions) {
			if err := f.add(n, q, "", e.text("answer", "Answer")); err != nil {
				return err
			}
		}
		return nil
	})
}

// isBotpressQnA is an entry of Botpress's QnA skill.
func isBotpressQnA(o object) bool {
	data := asObject(o["data"])
	return data.has("questions", "answers")
}

func (f *fileReader) botpressQnA(n int, o object) error {
	data := asObject(o["data"])
	questions, answers := asObject(data["questions"]), asObject(data["answers"])
	if questions == nil {
		return f.oneIntent(n, data)
	}
	for _, language := range questions.keys() {
		replies := responsesOf(answers[language])
		if len(replies) == 0 {
			f.skip(n, QuestionAlone)
			continue
		}
		for _, q := range textsOf(questions[language]) {
			if err := f.add(n, q, "", replies[0]); err != nil {
				return err
			}
		}
	}
	return nil
}

// isFAQPage is a page's questions as search engines read them. https://schema.org/FAQPage
func isFAQPage(o object) bool {
	return isList(o["mainEntity"]) || isSchemaQuestion(asObject(o["mainEntity"]))
}

func (f *fileReader) faqPage(n int, o object) error {
	if one := asObject(o["mainEntity"]); one != nil {
		return f.schemaQuestion(n, one)
	}
	return f.each(o["mainEntity"], func(n int, v any) error {
		if e := asObject(v); isSchemaQuestion(e) {
			return f.schemaQuestion(n, e)
		}
		return nil
	})
}

func isSchemaQuestion(o object) bool { return o.has("name", "acceptedAnswer") }

func (f *fileReader) schemaQuestion(n int, o object) error {
	replies := responsesOf(o["acceptedAnswer"])
	if len(replies) == 0 {
		f.skip(n, QuestionAlone)
		return nil
	}
	return f.add(n, plainText(o.text("name")), "", plainText(replies[0]))
}

// isZendesk is what Zendesk's help center gives: articles with a title and a body of HTML.
func isZendesk(o object) bool {
	all, _ := o["articles"].([]any)
	return len(all) > 0 && asObject(all[0]).has("title", "body")
}

func (f *fileReader) zendesk(_ int, o object) error {
	return f.each(o["articles"], func(n int, v any) error {
		e := asObject(v)
		return f.add(n, plainText(e.text("title")), "", plainText(e.text("body")))
	})
}

// isDiscourse is a topic: a title, and posts of which one may be the accepted answer.
func isDiscourse(o object) bool {
	return o.has("title", "post_stream") && isList(asObject(o["post_stream"])["posts"])
}

func (f *fileReader) discourse(n int, o object) error {
	posts, _ := asObject(o["post_stream"])["posts"].([]any)
	accepted := asObject(o["accepted_answer"]).text("post_number")
	reply := ""
	for i, p := range posts {
		post := asObject(p)
		if i > 0 && (reply == "" || accepted != "" && post.text("post_number") == accepted || post["accepted_answer"] == true) {
			reply = plainText(post.text("raw", "cooked"))
		}
	}
	if reply == "" {
		f.skip(n, QuestionAlone)
		return nil
	}
	if accepted == "" {
		f.doubt(ColumnGuessed, "posts")
	}
	return f.add(n, o.text("title"), "", reply)
}

// isLex is a bot of Amazon Lex V1; isAlexa an interaction model of Alexa.
func isLex(o object) bool { return isList(asObject(o["resource"])["intents"]) }

func (f *fileReader) lex(n int, o object) error { return f.intents(n, asObject(o["resource"])) }

func alexaModel(o object) object {
	if inner := asObject(o["interactionModel"]); inner != nil {
		o = inner
	}
	return asObject(o["languageModel"])
}

func isAlexa(o object) bool { return isList(alexaModel(o)["intents"]) }

func (f *fileReader) alexa(n int, o object) error { return f.intents(n, alexaModel(o)) }
