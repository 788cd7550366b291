package dataset

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxYAML limits a YAML file: decoded, it takes many times its size.
const maxYAML = 4 << 20

// yaml reads a file of one or more YAML documents as JSON of the same shape.
func (f *fileReader) yaml(text string) error {
	if len(text) > maxYAML {
		f.skip(0, "the file is longer than %d MB", maxYAML>>20)
		return nil
	}
	dec := yaml.NewDecoder(strings.NewReader(text))
	for {
		var v any
		err := func() (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = fmt.Errorf("%v", p)
				}
			}()
			return dec.Decode(&v)
		}()
		if err != nil {
			if err.Error() != "EOF" {
				f.aside(0, YAMLBroken, strings.TrimPrefix(err.Error(), "yaml: "))
			}
			return nil
		}
		if v = plainValue(v, 0); v == nil {
			continue
		}
		if _, ok := v.(string); ok {
			f.aside(0, Prose)
			continue
		}
		if err := f.value(v); err != nil {
			return err
		}
	}
}

// plainValue makes of a YAML value one as JSON has them: its keys are texts.
func plainValue(v any, depth int) any {
	if depth > 100 {
		return nil
	}
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			v[k] = plainValue(inner, depth+1)
		}
	case map[any]any:
		o := make(map[string]any, len(v))
		for k, inner := range v {
			o[fmt.Sprint(k)] = plainValue(inner, depth+1)
		}
		return o
	case []any:
		for i, inner := range v {
			v[i] = plainValue(inner, depth+1)
		}
	case string, bool, nil, float64:
	default: // whole numbers, dates
		return fmt.Sprint(v)
	}
	return v
}
