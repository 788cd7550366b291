package dataset

import (
	"slices"
	"strings"
	"unicode"
)

// Names of columns and keys: what people call a question, an answer and a label, in the larger languages of Europe and some others.

// role is what a column or key holds.
type role int

const (
	roleNone     role = iota
	roleQuestion      // what somebody may ask or say
	roleAnswer
	roleLabel
	rolePositive
	roleOther // known to be none of these: dates, authors, addresses, numbers
)

// Strengths of a name: a weak one counts where no stronger is there.
const (
	weakest = 1 + iota // a title, a description
	weak               // a text, a message
	strong             // a question, an answer, an intent
)

// named is a role with how strongly a name speaks for it.
type named struct {
	role     role
	strength int
}

// stems are beginnings of words, by what they speak for. One with a dot at its end is a whole word. Scripts without blanks between words are
// looked for anywhere. Of a name's words the first list that has one decides: “category of the question” is a label, “answer to the question”
// an answer.
var stems = []struct {
	is    named
	words []string
}{
	{named{roleOther, strong}, strings.Fields(`id. ids. uuid. guid. hash. № no. nr. num. numero. number. nummer. номер index. idx. row. timestamp time. times. date. datetime. datum.
		fecha. data/hora дата. даты. дату. время. времени. отметка. zeitstempel zeit. horodateur horodatage marca. carimbo heure. hora. ora. дата/время
		email e-mail mail. mails. почта. почты. correo. courriel author автор autor auteur autore forfatter kirjoittaja by. owner username
		url. urls. uri. link. links. ссылк href permalink vote votes upvotes score. scores. views likes created
		updated modified opened closed status. статус estado. lang. language locale язык. sprache. idioma. langue. lingua. source. sources. источник
		version. count. rating phone телефон avatar attachments reactions confidence annotator annotation_id lead_time split. fold. metadata
		length. username. position. slug. usage. token tokens`)},
	{named{rolePositive, strong}, strings.Fields(`positive. is_positive. ispositive.`)},
	{named{roleLabel, strong}, strings.Fields(`label intent categor kategor catégor categorí катего класс. классы. класса. klass. klasse. klassen. class. classe. classes. clase.
		classification metk метк тег. теги. tag. tags. topic. topics. тема. темы. тематик рубрик раздел. раздела. rubri rubrik sentiment тональн настроен emotion эмоци
		target. интент намерен intention intenc intenç absicht étiquette etiquet etichett etykiet kategori thema. thème tema. temat. argomento.
		rubryk категорі мітк оцінк стрес štítek oznaka címke etiket kategória luokka luokat 标签 类别 分类 意图 ラベル カテゴリ 카테고리 라벨 كثافة تصنيف فئة קטגוריה`)},
	{named{roleAnswer, strong}, strings.Fields(`a. answer answers. ans. reply replies repl. response responses responder antwort respuest respond. responda contest réponse répons repons
		respost rispost ответ відповід odpowied odpově odpoved odpově odgovor отговор одговор адказ svar. svaret svare antwoord vastau vastaus válasz răspuns raspuns
		atbild atsakym vastus απάντη απαντ cevap yanıt yanit javob жауап jawaban completion output. outputs. chosen. реплик accepted_answer
		回答 答案 答え 回覆 답변 대답 إجابة الإجابة جواب תשובה उत्तर คำตอบ פתרון`)},
	{named{roleQuestion, strong}, strings.Fields(`q. question questions. ask asks asked asking query queries frage. fragen. fragst pregunt question. demand domand pergunt вопрос вопрос. спрос спраш запрос
		питан запитан запит pytan otázk otazk vprašanj pitanj въпрос питање пытанн fråg spørsm spørgs vraag vragen kysym kérdés intrebar întreb jautājum klausim
		küsim ερώτη ερωτη soru. sorular sorusu savol сұрақ pertanyaan utteranc phrase фраз высказыван expression. expressions. prompt pattern. patterns. instruction
		质问 问题 問題 質問 提问 질문 سؤال السؤال أسئلة שאלה שאלות प्रश्न คำถาม problem. проблем user_input usersay`)},
	{named{roleOther, strong}, strings.Fields(`user. пользовател benutzer usuario utilisateur utente`)},
	{named{roleQuestion, weak}, strings.Fields(`text. texts. текст. тексты. texte. texto. testo. tekst. tekstas. message messages. сообщен nachricht mensaje mensagem messaggio wiadomo zpráv input. inputs. sentence sentences.
		предложен satz. sätze. frase. frases. zdani zin. content. contents. тело. review. reviews. отзыв tweet. tweets. post. posts. comment comments. коммент request. requests. headline
		document. description_text sms. v2. context. 文本 文字 テキスト 내용 텍스트 نص`)},
	{named{roleQuestion, weakest}, strings.Fields(`title. titles. заголов titel. título titulo titre titolo subject. subjects. betreff asunto objet oggetto assunto name. название názov`)},
	{named{roleAnswer, weakest}, strings.Fields(`body. description. beschreibung descrip solution. решение. lösung solución soluzione explanation resolution. excerpt article. snippet macro. описание.`)},
	{named{roleLabel, weakest}, strings.Fields(`type. тип. typ. tipo. group. группа. gruppe. section. sections. abschnitt department. отдел. scope. area. stars. polarity. v1. subject_area domain.`)},
}

// roleOf says what a column or key holds by its name.
func roleOf(name string) named {
	name = strings.TrimSpace(name)
	if name == "" || len(name) > 300 {
		return named{}
	}
	words := nameWords(name)
	if len(words) == 0 {
		if strings.Contains(name, "№") || name == "#" {
			return named{roleOther, strong}
		}
		return named{}
	}
	low := strings.ToLower(name)
	best := named{}
	for _, s := range stems {
		for _, stem := range s.words {
			if !nameHas(words, low, stem) {
				continue
			}
			if s.is.role == roleOther && (len(words) > 4 || !heads(words, stem)) { // “What is your question for the author?”
				best = s.is
				continue
			}
			if best.role == roleOther && s.is.strength < strong {
				return best
			}
			return s.is
		}
	}
	return best
}

// heads reports whether the word of a stem is what a name of several words is about: the first one, as in “date of the question”, or the
// last, as in “question date”, but not one in the genitive («ответ автора»).
func heads(words []string, stem string) bool {
	if len(words) < 2 || nameHas(words[:1], words[0], stem) {
		return true
	}
	last := words[len(words)-1]
	stem = strings.TrimSuffix(stem, ".")
	return last == stem || last[0] < 0x80 && nameHas(words[len(words)-1:], last, stem) || strings.ContainsAny(stem, "-_/№")
}

// nameHas reports whether one of a name's words begins with a stem.
func nameHas(words []string, low, stem string) bool {
	whole := strings.HasSuffix(stem, ".")
	stem = strings.TrimSuffix(stem, ".")
	if r := []rune(stem)[0]; r >= 0x0590 { // Hebrew and beyond: no blanks, or words with prefixes
		return strings.Contains(low, stem)
	}
	if strings.ContainsAny(stem, "-_/") {
		return low == stem || strings.HasPrefix(low, stem)
	}
	return slices.ContainsFunc(words, func(w string) bool {
		return w == stem || !whole && strings.HasPrefix(w, stem)
	})
}

// nameWords divides a name at what isn't a letter, at changes of case and before digits, in lower case.
func nameWords(name string) []string {
	var words []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
		}
		word = word[:0]
	}
	lower := false
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsMark(r):
			if unicode.IsDigit(r) && len(word) == 1 { // v1
				word = append(word, r)
				end()
			}
			end()
		default:
			if unicode.IsUpper(r) && lower {
				end()
			}
			word = append(word, r)
		}
		lower = unicode.IsLower(r)
	}
	end()
	return words
}

// The roles of keys that are looked for in objects.

// keyOf returns the key of an object that stands best for a role, with its value; "" for none.
func keyOf(o object, want role) string {
	best, strength := "", 0
	for _, k := range o.keys() {
		if n := roleOf(k); n.role == want && n.strength > strength {
			if _, ok := scalar(o[k]); ok {
				best, strength = k, n.strength
			}
		}
	}
	return best
}
