package dataset

import (
	"fmt"
	"strings"
)

// ParseBool reads what people write for true and false, in English and Russian.
func ParseBool(text string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "t", "1", "yes", "y", "on", "да", "истина", "+":
		return true, true
	case "false", "f", "0", "no", "n", "off", "нет", "ложь", "-":
		return false, true
	}
	return false, false
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
