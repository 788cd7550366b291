package learn

import (
	"fmt"
	"testing"

	"github.com/mynahbot/mynah/internal/record"
)

// What a learning curve is measured on was not seen in training, not even nearly.
func TestCurveParts(t *testing.T) {
	var examples []record.Example
	for i := range 40 {
		text := fmt.Sprintf("where can I find the manual of machine number %d in hall %c", 1000+7919*i%9000, 'a'+i%26)
		for _, variant := range []string{text, text + "?", text + " s", "so " + text} {
			examples = append(examples, record.Example{Text: variant, Label: []string{"a", "b"}[i%2]})
		}
	}
	for seed := range uint64(5) {
		train, test := curveParts(examples, seed)
		if len(train)+len(test) != len(examples) || len(test) == 0 {
			t.Fatalf("%d and %d of %d examples", len(train), len(test), len(examples))
		}
		_, _, near := cleanExamples(append(train, test...))
		for i, j := range near[len(train):] {
			if int(j) < len(train) {
				t.Errorf("%q was trained on, and %q is measured on", train[j].Text, test[i].Text)
			}
		}
	}
	if _, test := curveParts(examples[:4], 1); len(test) > 0 {
		t.Errorf("near duplicates alone are measured on: %+v", test)
	}
}
