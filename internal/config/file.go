package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// maxFile is the largest configuration file, bytes.
const maxFile = 1 << 20

// Options make kong take settings from the environment and from files, of which
// a later one wins and a missing one is none.
func Options(files ...string) []kong.Option {
	return []kong.Option{
		kong.Configuration(load, files...),
		kong.PostBuild(func(k *kong.Kong) error {
			known := keys()
			return kong.Visit(k.Model, func(node kong.Visitable, next kong.Next) error {
				flag, ok := node.(*kong.Flag)
				if !ok {
					return next(nil)
				}
				if slices.Equal(flag.Envs, []string{"-"}) { // not from the environment
					flag.Envs, flag.Tag.Envs = nil, nil
					return next(nil)
				}
				if !slices.Contains(known, flag.Name) {
					return next(nil)
				}
				env := EnvPrefix + "_" + strings.ToUpper(strings.ReplaceAll(flag.Name, ".", "_"))
				if !slices.Contains(flag.Envs, env) {
					flag.Envs = append([]string{env}, flag.Envs...)
				}
				flag.Tag.Envs = flag.Envs
				return next(nil)
			})
		}),
	}
}

// keys returns the key of every setting.
func keys() []string {
	var all []string
	for _, e := range new(Config).Entries() {
		all = append(all, e.Key)
	}
	return all
}

// load reads a YAML file for kong. Keys that are no setting are refused.
func load(r io.Reader) (kong.Resolver, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("the configuration file is larger than %d bytes", maxFile)
	}
	var top yaml.Node
	if err := yaml.Unmarshal(text, &top); err != nil {
		name := "the configuration file"
		if f, ok := r.(*os.File); ok {
			name = f.Name()
		}
		return nil, fmt.Errorf("%s is not YAML: %w", name, err)
	}
	f := file{}
	if len(top.Content) == 0 {
		return f, nil
	}
	return f, f.collect("", top.Content[0])
}

// file holds the values of a file by key.
type file map[string]string

func (f file) collect(key string, n *yaml.Node) error {
	switch n.Kind {
	case yaml.AliasNode:
		return f.collect(key, n.Alias)
	case yaml.ScalarNode:
		if key == "" {
			return errors.New("the configuration file must hold keys and values")
		}
		if n.Tag != "!!null" {
			f[key] = n.Value
		}
		return nil
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i].Value
			if key != "" {
				name = key + "." + name
			}
			if _, twice := f[name]; twice {
				return fmt.Errorf("%s: stands twice in the configuration file", name)
			}
			if err := f.collect(name, n.Content[i+1]); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("%s: line %d of the configuration file must be a value, not a list", key, n.Line)
}

// Validate refuses keys that are no setting.
func (f file) Validate(*kong.Application) error {
	known := keys()
	var unknown []string
	for key := range f {
		if !slices.Contains(known, key) {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return fmt.Errorf("%s: no setting of that name", strings.Join(unknown, ", "))
}

// Resolve gives a flag its value from the file, unless the environment has one. A flag has the name of its key, or says
// in its tag which one is meant.
func (f file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	key := flag.Name
	if other := flag.Tag.Get("key"); other != "" {
		key = other
	}
	value, ok := f[key]
	if !ok || len(flag.Envs) == 0 { // a flag of that name that is no setting
		return nil, nil
	}
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	if flag.IsBool() {
		yes, err := strconv.ParseBool(value)
		if err != nil {
			return nil, fmt.Errorf("%q is neither true nor false", value)
		}
		return yes, nil
	}
	return value, nil
}
