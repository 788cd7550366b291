package dataset

import "strings"

// Formats of other programs, recognised by their keys. Each has its reader in the file that its comment names.

// format is a layout that is known by its keys.
type format struct {
	name string
	is   func(o object) bool
	read func(f *fileReader, n int, o object) error
}

// fileFormats are those whose file is one object.
func fileFormats() []format {
	return []format{
		{"a Rasa project", isRasa, (*fileReader).rasa},                                                                                     // rasa.go
		{"Rasa JSON", func(o object) bool { return asObject(o["rasa_nlu_data"]) != nil }, (*fileReader).rasaJSON},                          // rasa.go
		{"LUIS", func(o object) bool { return o.has("luis_schema_version") || o.has("utterances", "culture") }, (*fileReader).luis},        // intents.go
		{"Conversational Language Understanding", func(o object) bool { return o.has("projectFileVersion", "assets") }, (*fileReader).clu}, // intents.go
		{"Wit.ai", isWit, (*fileReader).wit}, // intents.go
		{"Watson Assistant", func(o object) bool { return o.has("dialog_nodes") && isList(o["intents"]) }, (*fileReader).watson}, // intents.go
		{"Dialogflow ES", isDialogflowIntent, (*fileReader).dialogflowIntent},                                                    // dialogflow.go
		{"Dialogflow CX", isDialogflowFlow, (*fileReader).dialogflowFlow},                                                        // dialogflow.go
		{"Dialogflow CX", isDialogflowPhrases, (*fileReader).dialogflowPhrases},                                                  // dialogflow.go
		{"ChatterBot", func(o object) bool {
			return isList(o["conversations"]) && !chatTurns(o["conversations"])
		}, (*fileReader).chatterBot}, // chats.go
		{"SQuAD", isSQuAD, (*fileReader).squad},                                                // squad.go
		{"Hugging Face rows", isHuggingFace, (*fileReader).huggingFace},                        // annotated.go
		{"QnA Maker", isQnAMaker, (*fileReader).qnaMaker},                                      // intents.go
		{"schema.org FAQ", func(o object) bool { return isFAQPage(o) }, (*fileReader).faqPage}, // intents.go
		{"Zendesk articles", isZendesk, (*fileReader).zendesk},                                 // intents.go
		{"a Discourse topic", isDiscourse, (*fileReader).discourse},                            // intents.go
		{"Amazon Lex", isLex, (*fileReader).lex},                                               // intents.go
		{"Alexa", isAlexa, (*fileReader).alexa},                                                // intents.go
		{"a list of intents", isIntents, (*fileReader).intents},                                // intents.go
	}
}

// elementFormats are those whose file is a list, or lines, of objects.
func elementFormats() []format {
	return []format{
		{"Prodigy", isProdigy, (*fileReader).prodigy},                                                                                      // annotated.go
		{"Label Studio", isLabelStudio, (*fileReader).labelStudio},                                                                         // annotated.go
		{"Label Studio", isLabelStudioMin, (*fileReader).labelStudioMin},                                                                   // annotated.go
		{"spaCy", func(o object) bool { return o.has("text") && len(asObject(o["cats"])) > 0 }, (*fileReader).spacy},                       // annotated.go
		{"Doccano", isDoccano, (*fileReader).doccano},                                                                                      // annotated.go
		{"ShareGPT", func(o object) bool { return chatTurns(o["conversations"]) || chatTurns(o["conversation"]) }, (*fileReader).shareGPT}, // chats.go
		{"OpenAI chat", func(o object) bool { return chatMessages(o) != nil }, (*fileReader).openAI},                                       // chats.go
		{"Alpaca", func(o object) bool { return o.has("instruction", "output") }, (*fileReader).alpaca},                                    // chats.go
		{"SQuAD", isFlatSQuAD, (*fileReader).flatSQuAD},                                                                                    // squad.go
		{"SQuAD", func(o object) bool { return isList(o["paragraphs"]) }, (*fileReader).squadArticle},                                      // squad.go
		{"Botpress", isBotpressQnA, (*fileReader).botpressQnA},                                                                             // intents.go
		{"Dialogflow ES", isDialogflowSays, (*fileReader).dialogflowSays},                                                                  // dialogflow.go
		{"schema.org FAQ", func(o object) bool { return isSchemaQuestion(o) }, (*fileReader).schemaQuestion},                               // intents.go
		{"a list of intents", isIntent, (*fileReader).oneIntent},                                                                           // intents.go
	}
}

// ownFormat reports whether text has a layout that only looks like Markdown or running text.
func ownFormat(text string) bool {
	return isRasaMarkdown(text) || isLU(text) || hasDialogue(text)
}

// chatExport names the program whose chats a file holds.
func chatExport(text string) (app string, ok bool) {
	head := text[:min(len(text), 4000)]
	first, _, _ := strings.Cut(strings.TrimSpace(head), "\n")
	low := strings.ToLower(strings.ReplaceAll(first, `"`, ""))
	hasAll := func(s string, parts ...string) bool {
		for _, p := range parts {
			if !strings.Contains(s, p) {
				return false
			}
		}
		return true
	}
	compact := strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(head)
	object := strings.HasPrefix(compact, "{") || strings.HasPrefix(compact, "[")
	switch {
	case hasAll(low, "authorid", "author", "date", "content"), hasAll(low, "id", "timestamp", "contents", "attachments"),
		object && hasAll(compact, `"guild":{`, `"channel":{`), object && hasAll(compact, `"Contents":`, `"Timestamp":`, `"Attachments":`),
		strings.Contains(head, "\nGuild: ") && strings.Contains(head, "\nChannel: "), hasAll(head, "chatlog", "preamble__"):
		return "Discord", true
	case object && (hasAll(compact, `"date_unixtime":`, `"from_id":`) || hasAll(compact, `"type":"`, `"messages":[`) && telegramType(compact) ||
		hasAll(compact, `"personal_information":{`, `"user_id":`)), hasAll(head, "tgme_") || hasAll(head, "page_wrap", "history"):
		return "Telegram", true
	case object && hasAll(compact, `"type":"message"`, `"ts":"`, `"user":"`):
		return "Slack", true
	case object && hasAll(compact, `"sender_name":`, `"timestamp_ms":`):
		return "Messenger", true
	case object && hasAll(compact, `"mapping":{`, `"create_time":`):
		return "ChatGPT", true
	case whatsApp(head):
		return "WhatsApp", true
	}
	return "", false
}

func telegramType(compact string) bool {
	for _, t := range []string{"personal_chat", "private_group", "private_supergroup", "public_supergroup", "private_channel", "public_channel", "bot_chat", "saved_messages"} {
		if strings.Contains(compact, `"type":"`+t+`"`) {
			return true
		}
	}
	return false
}

// whatsApp reports whether nearly all lines begin with a date, a time and a name, as WhatsApp exports chats.
func whatsApp(head string) bool {
	lines, dated := 0, 0
	for line := range strings.Lines(head) {
		line = strings.Trim(line, "\u200e\u202f \n")
		if line == "" {
			continue
		}
		lines++
		line = strings.TrimPrefix(line, "[")
		stamp, rest, ok := strings.Cut(line, "] ")
		if !ok {
			stamp, rest, ok = strings.Cut(line, " - ")
		}
		if ok && isTime(stamp) && strings.Contains(stamp, ":") && strings.Contains(rest, ": ") {
			dated++
		}
	}
	return lines >= 3 && 2*dated >= lines && dated >= 3
}
