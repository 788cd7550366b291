package bot

import "testing"

func TestNamesOfPeopleAreHarmless(t *testing.T) {
	for name, want := range map[string]string{
		"Ann":                    "Ann",
		"J.-P. O'Neil (he)":      "J.-P. O'Neil (he)",
		"**bold** _it_ ~~x~~":    `\*\*bold\*\* \_it\_ \~\~x\~\~`,
		"[click](https://x.y)":   `\[click\](https\:\/\/x.y)`,
		"<@123> <#1> <https://x": `\<@123> \<#1> \<https\:\/\/x`,
		"# big":                  `\# big`,
		"> quoted":               `\> quoted`,
		"- item":                 `\- item`,
		"1. item":                `1\. item`,
		"12) item":               `12\) item`,
		`back\slash*`:            `back\\slash\*`,
		"`code`\nnext":           "'code' next",
		"||spoiler||":            `\|\|spoiler\|\|`,
	} {
		if got := plain(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}
