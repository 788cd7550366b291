package bot

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var trainLike = &Command{Name: "train", Options: []Option{
	{Name: "text", Rest: true}, {Name: "positive", Kind: Boolean}, {Name: "label"}, {Name: "reply"}, {Name: "dataset"},
}}

var correctLike = &Command{Name: "correct", Options: []Option{{Name: "message", Takes: messageLink}, {Name: "correction", Required: true, Rest: true}}}

var editLike = &Command{Name: "edit", Options: []Option{{Name: "example", Kind: Integer, Required: true}, {Name: "text", Rest: true}, {Name: "label"}, {Name: "reply"}}}

var chooseLike = &Command{Name: "choose", Options: []Option{
	{Name: "mode", Required: true, Choices: []string{"all", "off"}}, {Name: "count", Kind: Integer}, {Name: "channel", Kind: Channel}, {Name: "role", Kind: Role},
}}

var testLike = &Command{Name: "test", Options: []Option{{Name: "json", Rest: true, Verbatim: true}}}

func TestParseArguments(t *testing.T) {
	for _, tc := range []struct {
		cmd  *Command
		line string
		want Arguments
	}{
		{trainLike, ``, Arguments{}},
		{trainLike, `"some text" positive=True`, Arguments{"text": "some text", "positive": "true"}},
		{trainLike, `"some text" True`, Arguments{"text": "some text", "positive": "true"}},
		{trainLike, `"some text" positive=1`, Arguments{"text": "some text", "positive": "true"}},
		{trainLike, `some text positive:false`, Arguments{"text": "some text", "positive": "false"}},
		{trainLike, `some text label:x`, Arguments{"text": "some text", "label": "x"}},
		{trainLike, `label=x some text`, Arguments{"text": "some text", "label": "x"}},
		{trainLike, `some label:"two words" text`, Arguments{"text": "some text", "label": "two words"}},
		{trainLike, `«русский текст» label:«две метки»`, Arguments{"text": "русский текст", "label": "две метки"}},
		{trainLike, `“curly” Label:y`, Arguments{"text": "curly", "label": "y"}},
		{trainLike, `it's 12:30 and https://x.example/?label=3`, Arguments{"text": "it's 12:30 and https://x.example/?label=3"}},
		{trainLike, "two\nlines  kept label:x", Arguments{"text": "two\nlines  kept", "label": "x"}},
		{trainLike, `"say \"hi\" and \\"`, Arguments{"text": `say "hi" and \`}},
		{trainLike, `"never closed label:x`, Arguments{"text": `"never closed`, "label": "x"}},
		{trainLike, `label:`, Arguments{"label": ""}},
		{trainLike, `When is lunch? reply:At noon sharp`, Arguments{"text": "When is lunch?", "reply": "At noon sharp"}},
		{trainLike, "When is lunch?\nreply: At noon\nsharp", Arguments{"text": "When is lunch?", "reply": "At noon\nsharp"}},
		{trainLike, `When is lunch? reply:At noon sharp label:time of day`, Arguments{"text": "When is lunch?", "reply": "At noon sharp", "label": "time of day"}},
		{trainLike, `text:When is lunch? reply:At noon sharp`, Arguments{"text": "When is lunch?", "reply": "At noon sharp"}},
		{trainLike, `"When is lunch?" reply:"At noon sharp"`, Arguments{"text": "When is lunch?", "reply": "At noon sharp"}},
		{trainLike, `"When is lunch?" reply:Read "label:x y" there`, Arguments{"text": "When is lunch?", "reply": `Read "label:x y" there`}},
		{trainLike, `label:food When is lunch? reply:At 12:30, see https://x.example/?label=3`, Arguments{"text": "When is lunch?", "label": "food", "reply": "At 12:30, see https://x.example/?label=3"}},
		{trainLike, `great label: positive`, Arguments{"text": "great", "label": "positive"}},
		{trainLike, `great positive = `, Arguments{"text": "great positive ="}},
		{trainLike, `great positive: true`, Arguments{"text": "great", "positive": "true"}},
		{trainLike, `great label= x positive=1`, Arguments{"text": "great", "label": "x", "positive": "true"}},
		{trainLike, `great label: reply:yes`, Arguments{"text": "great", "label": "", "reply": "yes"}},
		{trainLike, `the text: a riddle label:x`, Arguments{"text": "the text: a riddle", "label": "x"}},
		{trainLike, `"Dune" by Herbert label:book`, Arguments{"text": `"Dune" by Herbert`, "label": "book"}},
		{trainLike, `"Dune" "Emma"`, Arguments{"text": `"Dune" "Emma"`}},
		{correctLike, `Send a message: hello`, Arguments{"correction": "Send a message: hello"}},
		{correctLike, `message: hello`, Arguments{"correction": "message: hello"}},
		{correctLike, `The correction: at nine`, Arguments{"correction": "The correction: at nine"}},
		{correctLike, `correction:At nine sharp`, Arguments{"correction": "At nine sharp"}},
		{correctLike, `message:123456789012345678 At nine`, Arguments{"message": "123456789012345678", "correction": "At nine"}},
		{correctLike, `123456789012345678 correction: At nine`, Arguments{"message": "123456789012345678", "correction": "At nine"}},
		{correctLike, `"Dune" by Herbert`, Arguments{"correction": `"Dune" by Herbert`}},
		{correctLike, `"Dune by Herbert"`, Arguments{"correction": `Dune by Herbert`}},
		{correctLike, `123456789012345678 "Dune" by Herbert`, Arguments{"message": "123456789012345678", "correction": `"Dune" by Herbert`}},
		{editLike, `5 reply:At noon sharp`, Arguments{"example": "5", "reply": "At noon sharp"}},
		{editLike, `5 label:food text:"when is lunch"`, Arguments{"example": "5", "label": "food", "text": "when is lunch"}},
		{editLike, `5 text:when is lunch label:food`, Arguments{"example": "5", "text": "when is lunch", "label": "food"}},
		{chooseLike, `ALL 7 <#123> <@&45>`, Arguments{"mode": "all", "count": "7", "channel": "123", "role": "45"}},
		{chooseLike, `off role:45 #3`, Arguments{"mode": "off", "count": "3", "role": "45"}},
		{testLike, `{"input": "label:x", "a": "b c"}`, Arguments{"json": `{"input": "label:x", "a": "b c"}`}},
		{testLike, `"how are you"`, Arguments{"json": `how are you`}},
		{testLike, `["a", "b"]`, Arguments{"json": `["a", "b"]`}},
		{testLike, `{broken json`, Arguments{"json": `{broken json`}},
	} {
		got, err := ParseArguments(tc.cmd, tc.line)
		if err != nil {
			t.Errorf("%s %s: %v", tc.cmd.Name, tc.line, err)
			continue
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s %s: %s", tc.cmd.Name, tc.line, diff)
		}
	}
}

func TestParseArgumentsRefuses(t *testing.T) {
	for _, tc := range []struct {
		cmd    *Command
		line   string
		option string
		reason ArgumentFault
	}{
		{chooseLike, ``, "mode", ArgumentMissing},
		{chooseLike, `count:3`, "mode", ArgumentMissing},
		{chooseLike, `loud`, "mode", ArgumentNotAChoice},
		{chooseLike, `all x`, "count", ArgumentMalformed},
		{chooseLike, `all count:1 count=2`, "count", ArgumentTwice},
		{chooseLike, `all 1 <#2> <@&3> more`, "", ArgumentUnexpected},
		{chooseLike, `all channel:general`, "channel", ArgumentMalformed},
		{chooseLike, `all channel:99999999999999999999999`, "channel", ArgumentMalformed},
		{trainLike, `"some text" positive=maybe`, "positive", ArgumentMalformed},
	} {
		_, err := ParseArguments(tc.cmd, tc.line)
		wrong, ok := errors.AsType[*ArgumentError](err)
		if !ok || wrong.Option != tc.option || wrong.Reason != tc.reason {
			t.Errorf("%s %s: %v", tc.cmd.Name, tc.line, err)
		}
	}
}

func FuzzParseArguments(f *testing.F) {
	for _, seed := range []string{
		``, `"some text" positive=True`, `a label:"b c" d`, `“x” y`, `{"a":[1,2]}`, `all 1 <#2> <@&3>`, "\"\\\"", `label:label:label:`, "«\xff»", "a reply: b c label: d", "a message: 123456789012345678 b", "1 text:a b", "\"a\" b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, cmd := range []*Command{trainLike, correctLike, editLike, chooseLike, testLike} {
			args, err := ParseArguments(cmd, line)
			if err != nil {
				continue
			}
			// What was understood can be said again, in the named form.
			var b strings.Builder
			quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
			if cmd != testLike {
				for name, value := range args {
					b.WriteString(name + `="` + quote.Replace(value) + `" `)
				}
				again, err := ParseArguments(cmd, b.String())
				if err != nil {
					t.Fatalf("%q became %q: %v", line, b.String(), err)
				}
				if diff := cmp.Diff(args, again); diff != "" {
					t.Fatalf("%q became %q: %s", line, b.String(), diff)
				}
			}
			for name := range args {
				if cmd.option(name) == nil {
					t.Fatalf("%q gave an option %q", line, name)
				}
			}
		}
	})
}
