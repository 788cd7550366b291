package dataset

import (
	"fmt"
	"strings"

	"github.com/mynahbot/mynah/internal/language"
)

// ParseBool reads what people write for true and false, in any language.
func ParseBool(text string) (value, ok bool) {
	return language.Known().Truth(text)
}

// PositiveLabel is the label that true or false stand for.
func PositiveLabel(positive bool) string {
	if positive {
		return LabelPositive
	}
	return LabelNegative
}

// positiveLabel is the label that a value of the column "positive" stands for.
func positiveLabel(s string) string {
	switch positive, ok := ParseBool(s); {
	case ok:
		return PositiveLabel(positive)
	case strings.EqualFold(strings.TrimSpace(s), LabelPositive), strings.EqualFold(strings.TrimSpace(s), LabelNegative):
		return strings.ToLower(strings.TrimSpace(s))
	}
	return fmt.Sprintf("positive=%.40s", s)
}
