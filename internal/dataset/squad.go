package dataset

// SQuAD: articles of paragraphs, with questions whose answers stand in them. https://rajpurkar.github.io/SQuAD-explorer

func isSQuAD(o object) bool {
	switch all := o["data"].(type) {
	case []any:
		return len(all) > 0 && isList(asObject(all[0])["paragraphs"])
	case list:
		return o.has("version")
	}
	return false
}

func (f *fileReader) squad(_ int, o object) error {
	return f.each(o["data"], func(n int, v any) error {
		e := asObject(v)
		if !isList(e["paragraphs"]) {
			return f.element(n, v, nil, 1)
		}
		return f.squadArticle(n, e)
	})
}

func (f *fileReader) squadArticle(n int, o object) error {
	return f.each(o["paragraphs"], func(_ int, p any) error {
		return f.each(asObject(p)["qas"], func(_ int, v any) error { return f.squadQuestion(n, asObject(v)) })
	})
}

func (f *fileReader) squadQuestion(n int, qa object) error {
	answers := textsOf(qa["answers"])
	if len(answers) == 0 {
		answers = textsOf(asObject(qa["answers"])["text"]) // as Hugging Face has them
	}
	if len(answers) == 0 {
		f.leave(n, NoAnswerInText)
		return nil
	}
	return f.add(n, qa.text("question"), "", answers[0])
}

// isFlatSQuAD is one question a line, as Hugging Face has it.
func isFlatSQuAD(o object) bool {
	return o.has("question", "answers") && (asObject(o["answers"]).has("text") || o.has("context") && isList(o["answers"]))
}

func (f *fileReader) flatSQuAD(n int, o object) error { return f.squadQuestion(n, o) }
