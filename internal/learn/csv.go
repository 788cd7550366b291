package learn

import (
	"encoding/csv"
	"io"
	"strconv"
)

// WriteCSV writes every evaluated text with its right and predicted label. Cells that a spreadsheet would run as a
// formula are quoted by an apostrophe.
func (ev *Evaluation) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.Write([]string{"text", "label", "predicted", "probability", "known", "right"}); err != nil {
		return err
	}
	for _, o := range ev.Predictions {
		err := c.Write([]string{harmless(o.Text), harmless(o.Want), harmless(o.Got), strconv.FormatFloat(o.Probability, 'f', 4, 64),
			strconv.FormatBool(o.Known), strconv.FormatBool(o.Want == o.Got)})
		if err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func harmless(s string) string {
	if s != "" && (s[0] == '=' || s[0] == '+' || s[0] == '-' || s[0] == '@' || s[0] == '\t') {
		return "'" + s
	}
	return s
}
