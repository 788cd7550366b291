package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/mynahbot/mynah/internal/learn"
)

// Labels that stand for `positive: true` and `positive: false`.
const (
	LabelPositive = "positive"
	LabelNegative = "negative"
)

const (
	// maxJSONValue limits a JSON value that is decoded whole: decoded, a value takes up to 25 times its size.
	maxJSONValue = 8 << 20
	// lazyBytes is from which size on the elements of an array are decoded one by one.
	lazyBytes = 256 << 10
	// maxNesting is how deep lists and objects are looked into.
	maxNesting = 5
)

// object is a decoded JSON or YAML object.
type object map[string]any

// keys are the object's keys in order.
func (o object) keys() []string {
	all := make([]string, 0, len(o))
	for k := range o {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

func (o object) has(keys ...string) bool {
	for _, k := range keys {
		if _, ok := o[k]; !ok {
			return false
		}
	}
	return true
}

// text is the value of the first of the keys that has a scalar.
func (o object) text(keys ...string) string {
	for _, k := range keys {
		if s, ok := scalar(o[k]); ok && s != "" {
			return s
		}
	}
	return ""
}

// asObject is v as an object.
func asObject(v any) object {
	switch v := v.(type) {
	case map[string]any:
		return v
	case object:
		return v
	}
	return nil
}

// list is a long JSON array that is decoded element by element.
type list json.RawMessage

// isList reports whether v is an array, of any size.
func isList(v any) bool {
	switch v.(type) {
	case []any, list:
		return true
	}
	return false
}

// each gives take the elements of an array, with their numbers from 1. What is none has no elements.
func (f *fileReader) each(v any, take func(n int, v any) error) error {
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			if err := take(i+1, e); err != nil {
				return err
			}
		}
	case list:
		dec := json.NewDecoder(bytes.NewReader(v))
		if _, err := dec.Token(); err != nil {
			return err // can't be: it begins as an array does
		}
		unused := f.report.SkipCount
		for n := 1; dec.More(); n++ {
			if f.report.SkipCount-unused > learn.MaxExamples {
				f.skip(n, "more than %d elements were of no use, the others are not looked at", learn.MaxExamples)
				return nil
			}
			var element json.RawMessage
			if err := dec.Decode(&element); err != nil {
				f.skip(n, JSONBroken, jsonError(err))
				return nil
			}
			if len(element) > maxLineBytes {
				f.skip(n, "one JSON value is longer than %d MB", maxLineBytes>>20)
				continue
			}
			var decoded any
			if err := json.Unmarshal(element, &decoded); err != nil {
				f.skip(n, JSONBroken, jsonError(err))
				return nil
			}
			if err := take(n, decoded); err != nil {
				return err
			}
		}
	}
	return nil
}

// first returns the first elements of an array.
func (f *fileReader) first(v any, most int) (found []any) {
	enough := errors.New("enough")
	skipped, misread, skips := len(f.report.Skipped), f.report.misread, f.report.SkipCount
	_ = f.each(v, func(_ int, v any) error {
		if found = append(found, v); len(found) >= most {
			return enough
		}
		return nil
	})
	f.report.Skipped, f.report.misread, f.report.SkipCount = f.report.Skipped[:skipped], misread, skips // it is read again
	return found
}

// decodeJSON decodes a valid value. Long arrays stay undecoded; objects with them can be larger than maxJSONValue.
func decodeJSON(raw json.RawMessage, depth int) (any, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) > lazyBytes && depth < 3 {
		switch raw[0] {
		case '[':
			return list(raw), nil
		case '{':
			var parts map[string]json.RawMessage
			if err := json.Unmarshal(raw, &parts); err != nil {
				return nil, err
			}
			o := make(map[string]any, len(parts))
			for k, part := range parts {
				v, err := decodeJSON(part, depth+1)
				if err != nil {
					return nil, err
				}
				o[k] = v
			}
			return o, nil
		}
	}
	if len(raw) > maxJSONValue {
		return nil, errJSONLong
	}
	var v any
	err := json.Unmarshal(raw, &v)
	return v, err
}

var errJSONLong = errors.New("one JSON value is longer than 8 MB")

// jsonLines reads one JSON value a line.
func (f *fileReader) jsonLines(text string) error {
	n, first := 0, true
	var sample []numbered
	var s *schema
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if len(line) > maxLineBytes {
			f.skip(n, "the line is longer than %d MB", maxLineBytes>>20)
			continue
		}
		var v any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			if first && (line[0] == '[' || line[0] == '{') && json.Valid([]byte(text)) {
				return f.json(text)
			}
			f.skip(n, JSONBroken, jsonError(err))
			first = false
			continue
		}
		first = false
		if s == nil {
			if sample = append(sample, numbered{n, v}); len(sample) < jsonSample {
				continue
			}
			s = f.schemaOf(sample)
			if err := f.all(sample, s); err != nil {
				return err
			}
			sample = nil
			continue
		}
		if err := f.element(n, v, s, 0); err != nil {
			return err
		}
	}
	return f.all(sample, f.schemaOf(sample))
}

// json reads a whole file as one JSON value. Of a long array each element is decoded alone.
func (f *fileReader) json(text string) error {
	whole := json.RawMessage(text)
	if !json.Valid(whole) {
		var v any
		err := json.Unmarshal(whole, &v)
		// Many files with this name hold JSON lines.
		first, _, more := strings.Cut(strings.TrimSpace(text), "\n")
		if more && json.Valid([]byte(first)) {
			return f.jsonLines(text)
		}
		line := 0
		if s, ok := err.(*json.SyntaxError); ok {
			line = 1 + strings.Count(text[:min(int(s.Offset), len(text))], "\n")
		}
		f.skip(line, JSONBroken, jsonError(err))
		return nil
	}
	v, err := decodeJSON(whole, 0)
	if errors.Is(err, errJSONLong) {
		f.skip(1, "one JSON value is longer than %d MB", maxJSONValue>>20)
		return nil
	}
	if err != nil {
		f.skip(1, JSONBroken, jsonError(err))
		return nil
	}
	return f.value(v)
}

func jsonError(err error) string {
	return strings.TrimPrefix(err.Error(), "json: ")
}

// value reads what a file holds as one JSON or YAML value.
func (f *fileReader) value(v any) error {
	if o := asObject(v); o != nil {
		return f.object(1, o, 0)
	}
	if isList(v) {
		return f.array(v, 0)
	}
	return f.element(1, v, nil, 0)
}

// jsonSample is how many elements of an array show what its keys are.
const jsonSample = 500

// numbered is an element with its line or number.
type numbered struct {
	n int
	v any
}

// array reads the examples in an array's elements.
func (f *fileReader) array(v any, depth int) error {
	var sample []numbered
	var s *schema
	begin := func() error {
		s = f.schemaOf(sample)
		for _, e := range sample {
			if err := f.element(e.n, e.v, s, depth); err != nil {
				return err
			}
		}
		return nil
	}
	err := f.each(v, func(n int, e any) error {
		if s != nil {
			return f.element(n, e, s, depth)
		}
		if sample = append(sample, numbered{n, e}); len(sample) < jsonSample {
			return nil
		}
		return begin()
	})
	if err == nil && s == nil {
		err = begin()
	}
	return err
}

func (f *fileReader) all(elements []numbered, s *schema) error {
	for _, e := range elements {
		if err := f.element(e.n, e.v, s, 0); err != nil {
			return err
		}
	}
	return nil
}

// element reads the examples in one element of an array or one line.
func (f *fileReader) element(n int, v any, s *schema, depth int) error {
	if depth > maxNesting {
		f.skip(n, "lists and objects nested too deeply")
		return nil
	}
	switch v := v.(type) {
	case string:
		return f.add(n, v, "", "")
	case []any:
		if len(v) == 2 { // ["text", "label"]
			text, ok1 := v[0].(string)
			answer, ok2 := scalar(v[1])
			if ok1 && ok2 {
				if s != nil && s.pairsAreLabels {
					return f.add(n, text, answer, "")
				}
				return f.add(n, text, "", answer)
			}
		}
		if len(v) == 0 {
			f.skip(n, "the list is empty")
			return nil
		}
		return f.array(v, depth+1)
	case list:
		return f.array(v, depth+1)
	}
	o := asObject(v)
	if o == nil {
		f.skip(n, "neither a text nor an object")
		return nil
	}
	if row := asObject(o["row"]); row != nil && o.has("row_idx") { // rows of the datasets server of Hugging Face
		o = row
	}
	for _, known := range f.elementFormats {
		if known.is(o) {
			f.format(known.name)
			return known.read(f, n, o)
		}
	}
	if s != nil && s.reads(o) {
		return s.read(f, n, o)
	}
	return f.object(n, o, depth+1)
}

// object reads an object of which the file has only one, or that nothing else knows.
func (f *fileReader) object(n int, o object, depth int) error {
	if depth > maxNesting {
		f.skip(n, "lists and objects nested too deeply")
		return nil
	}
	if depth == 0 {
		for _, known := range f.fileFormats {
			if known.is(o) {
				f.format(known.name)
				return known.read(f, n, o)
			}
		}
		for _, known := range f.elementFormats {
			if known.is(o) {
				f.format(known.name)
				return known.read(f, n, o)
			}
		}
	}
	if s := f.schemaOf([]numbered{{n, o}}); s.reads(o) && len(s.doubts) == 0 {
		return s.read(f, n, o)
	}
	if len(o) == 0 {
		f.skip(n, "the object is empty")
		return nil
	}
	if keyOf(o, roleLabel) != "" && len(o) <= 3 && depth > 0 && !slices.ContainsFunc(o.keys(), func(k string) bool { return isList(o[k]) }) {
		f.skip(n, JSONNoText)
		return nil
	}
	if done, err := f.keyed(n, o); done {
		return err
	}
	// Lists of examples beside what says something about the file.
	found := false
	for _, k := range o.keys() {
		v := o[k]
		if inner := asObject(v); inner != nil && depth < maxNesting && hasElements(inner) {
			found = true
			if err := f.object(n, inner, max(depth+1, 1)); err != nil {
				return err
			}
			continue
		}
		if !isList(v) {
			continue
		}
		some := f.first(v, 3)
		if len(some) > 0 && (asObject(some[0]) != nil && f.readable(some[0]) || len(f.first(some[0], 1)) > 0) {
			found = true
			if err := f.array(v, depth+1); err != nil {
				return err
			}
		}
	}
	if !found {
		f.unknown(n, o)
	}
	return nil
}

func hasElements(o object) bool {
	for _, v := range o {
		if isList(v) || asObject(v) != nil {
			return true
		}
	}
	return false
}

// readable reports whether an element of a list looks like an example or like a group of such.
func (f *fileReader) readable(v any) bool {
	o := asObject(v)
	for _, known := range f.elementFormats {
		if known.is(o) {
			return true
		}
	}
	if s := f.schemaOf([]numbered{{1, o}}); s.reads(o) && s.named() {
		return true
	}
	for _, inner := range o {
		if some := f.first(inner, 1); len(some) > 0 && asObject(some[0]) != nil && f.schemaOf([]numbered{{1, some[0]}}).reads(asObject(some[0])) {
			return true
		}
	}
	return false
}

// unknown refuses an object by its keys.
func (f *fileReader) unknown(n int, o object) {
	keys := o.keys()
	more := ""
	if len(keys) > 6 {
		keys, more = keys[:6], ", …"
	}
	for i, k := range keys {
		keys[i] = strconv.Quote(k[:min(len(k), 40)])
	}
	f.aside(n, UnknownObject, strings.Join(keys, ", ")+more)
}

// keyed reads an object whose keys are labels of lists of texts, or questions with answers.
func (f *fileReader) keyed(n int, o object) (done bool, err error) {
	lists, texts, asked, blanks := 0, 0, 0, 0
	values := map[string]int{}
	for k, v := range o {
		if s, ok := scalar(v); ok && !isList(v) {
			texts++
			values[s]++
		} else if isTexts(v) {
			lists++
		}
		if isQuestion(k) {
			asked++
		}
		if strings.Contains(strings.TrimSpace(k), " ") {
			blanks++
		}
	}
	switch {
	case lists == len(o) && asked*2 < len(o): // {"label": ["text", …]}
		f.doubt(KeysAsLabels)
		for _, k := range o.keys() {
			err := f.each(o[k], func(i int, v any) error {
				s, _ := scalar(v)
				return f.add(i, s, k, "")
			})
			if err != nil {
				return true, err
			}
		}
		return true, nil
	case texts+lists == len(o) && 2*max(asked, blanks) >= len(o): // {"question": "answer"}
		if asked*10 < len(o)*8 {
			f.doubt(KeysAsQuestions)
		}
		labels := asked*2 < len(o) && texts >= 4 && len(values)*2 <= texts
		for _, k := range o.keys() {
			s, ok := scalar(o[k])
			if !ok {
				if some := f.first(o[k], 1); len(some) > 0 {
					s, _ = scalar(some[0])
				}
			}
			if labels {
				err = f.add(n, k, s, "")
			} else {
				err = f.add(n, k, "", s)
			}
			if err != nil {
				return true, err
			}
		}
		return true, nil
	}
	return false, nil
}

// isTexts reports whether v is a list of texts.
func isTexts(v any) bool {
	all, ok := v.([]any)
	if !ok || len(all) == 0 {
		lazy, ok := v.(list)
		return ok && strings.HasPrefix(strings.TrimLeft(string(lazy[1:min(len(lazy), 100)]), " \t\r\n"), `"`)
	}
	return !slices.ContainsFunc(all, func(e any) bool { _, ok := e.(string); return !ok })
}

// schema says which keys of a list's objects are what.
type schema struct {
	layout
	keys           []string
	pairsAreLabels bool
}

// schemaOf finds out from some elements which of their keys are what, as of the columns of a table.
func (f *fileReader) schemaOf(sample []numbered) *schema {
	s := &schema{layout: layout{label: -1, positive: -1}}
	seen := map[string]bool{}
	var pairs columnStats
	asked, pairCount := 0, 0
	for _, e := range sample {
		if pair, ok := e.v.([]any); ok && len(pair) == 2 {
			text, _ := scalar(pair[0])
			answer, _ := scalar(pair[1])
			pairs.add(answer)
			pairCount++
			if isQuestion(text) {
				asked++
			}
		}
		o := asObject(e.v)
		if row := asObject(o["row"]); row != nil && o.has("row_idx") {
			o = row
		}
		for k := range o {
			if len(s.keys) < maxColumns && !seen[k] {
				seen[k] = true
				s.keys = append(s.keys, k)
			}
		}
	}
	s.pairsAreLabels = pairCount > 0 && pairs.most(pairs.labels) && (pairs.repeats() || pairCount < 5 && 2*asked < pairCount)
	slices.Sort(s.keys)
	var rows [][]string
	for _, e := range sample {
		o := asObject(e.v)
		if row := asObject(o["row"]); row != nil && o.has("row_idx") {
			o = row
		}
		if o == nil {
			continue
		}
		cells := make([]string, len(s.keys))
		for i, k := range s.keys {
			cells[i], _ = scalar(o[k])
			if texts, ok := o[k].([]any); ok && len(texts) > 0 && cells[i] == "" {
				cells[i], _ = scalar(texts[0])
			}
		}
		rows = append(rows, cells)
	}
	named := 0
	for _, k := range s.keys {
		if n := roleOf(k); n.role != roleNone && n.role != roleOther {
			named++
		}
	}
	if named == 0 {
		return s
	}
	s.layout = planHeader(s.keys, rows)
	s.doubts = slices.DeleteFunc(s.doubts, func(r Remark) bool { return r.Kind == HeaderUnsure })
	return s
}

// reads reports whether an object has what the schema's examples are made of.
func (s *schema) reads(o object) bool {
	has := func(all []int) bool {
		return slices.ContainsFunc(all, func(i int) bool { return hasText(o[s.keys[i]]) })
	}
	if !has(s.texts) {
		return false
	}
	if len(s.answers) == 0 && s.label < 0 && s.positive < 0 {
		return len(o) == 1 || s.named() // texts alone, for what says the label
	}
	if has(s.answers) || s.label >= 0 && hasText(o[s.keys[s.label]]) || s.positive >= 0 && o[s.keys[s.positive]] != nil {
		return true
	}
	// A text alone, unless this object calls its answer otherwise than most.
	return s.named() && !slices.ContainsFunc(o.keys(), func(k string) bool {
		n := roleOf(k)
		return n.strength == strong && (n.role == roleAnswer || n.role == roleLabel)
	})
}

// named reports whether the key of the text is called so.
func (s *schema) named() bool {
	return slices.ContainsFunc(s.texts, func(i int) bool {
		n := roleOf(s.keys[i])
		return n.role == roleQuestion && n.strength >= weak
	})
}

func hasText(v any) bool {
	if _, ok := scalar(v); ok {
		return true
	}
	return isTexts(v)
}

// read reads one object.
func (s *schema) read(f *fileReader, n int, o object) error {
	for _, d := range s.doubts {
		f.doubt(d.Kind, d.Args...)
	}
	label, reply := "", ""
	if s.label >= 0 {
		v := o[s.keys[s.label]]
		label, _ = scalar(v)
		if all, ok := v.([]any); ok && len(all) > 1 {
			f.skip(n, SeveralLabels, joined(all))
			return nil
		}
	}
	if s.positive >= 0 && label == "" {
		if p, ok := scalar(o[s.keys[s.positive]]); ok {
			label = positiveLabel(p)
		}
	}
	for i, at := range s.texts {
		if len(s.answers) == len(s.texts) {
			reply = f.oneOf(n, label, o[s.keys[s.answers[i]]])
		} else if len(s.answers) > 0 {
			reply = f.oneOf(n, label, o[s.keys[s.answers[0]]])
		}
		v := o[s.keys[at]]
		if text, ok := scalar(v); ok {
			if text == "" && len(s.texts) > 1 {
				continue
			}
			if err := f.add(n, plainText(text), label, plainText(reply)); err != nil {
				return err
			}
			continue
		}
		err := f.each(v, func(_ int, wording any) error { // several ways to ask
			text, _ := scalar(wording)
			return f.add(n, plainText(text), label, plainText(reply))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// oneOf is a reply, or the first of several; with a label all of them are its responses.
func (f *fileReader) oneOf(n int, label string, v any) string {
	if s, ok := scalar(v); ok {
		return s
	}
	texts := textsOf(v)
	if len(texts) == 0 {
		return ""
	}
	if label != "" {
		f.responses(n, label, texts)
	}
	return texts[0]
}

// joined lists values for people.
func joined(all []any) string {
	var texts []string
	for _, v := range all[:min(len(all), 5)] {
		s, _ := scalar(v)
		texts = append(texts, s)
	}
	return strings.Join(texts, ", ")
}

// textsOf are the texts of a list, or v itself as a text.
func textsOf(v any) (texts []string) {
	if s, ok := scalar(v); ok {
		return []string{s}
	}
	all, _ := v.([]any)
	for _, e := range all {
		if s, ok := scalar(e); ok && s != "" {
			texts = append(texts, s)
		} else if o := asObject(e); o != nil {
			if s := o.text("text", "value", "content", "answer", "utterance"); s != "" {
				texts = append(texts, s)
			}
		}
	}
	return texts
}

func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case int:
		return strconv.Itoa(v), true
	case []any:
		if len(v) == 1 {
			return scalar(v[0])
		}
	}
	return "", false
}
