package config

import (
	"fmt"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
)

// Exposure is a secret that stands where others may read it.
type Exposure struct {
	Key   string // the setting's
	Where string // a sentence
	Mend  string // what to do
}

// othersRead are the permissions by which people other than a file's owner read it.
const othersRead = 0o044

// Exposed returns the secrets that others on this machine may read: those on the command line, which is shown to everybody, and
// those in files whose permissions let others read them. args is the command line without the program's name, files are the
// configuration files that were read.
func (c *Config) Exposed(args, files []string) []Exposure {
	var found []Exposure
	keys := c.secretKeys()
	for _, key := range keys {
		for _, arg := range args {
			if name, _, _ := strings.Cut(arg, "="); name == "--"+key {
				found = append(found, Exposure{
					key, "it stands on the command line, which everybody on this machine can see",
					"set " + EnvPrefix + "_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_")) + " in the environment, or name a file or a program that has it",
				})
				break
			}
		}
	}
	for _, name := range files {
		if !readByOthers(name) {
			continue
		}
		for _, key := range slices.Sorted(slices.Values(holds(name))) {
			if slices.Contains(keys, key) {
				found = append(found, Exposure{key, fmt.Sprintf("it stands in %s, which others can read", name), "chmod 600 " + name})
			}
		}
	}
	if name := c.Discord.TokenFile; name != "" && readByOthers(name) {
		found = append(found, Exposure{"discord.token_file", fmt.Sprintf("others can read %s", name), "chmod 600 " + name})
	}
	return found
}

// secretKeys are the keys whose value is a secret, or a URL with a password.
func (c *Config) secretKeys() []string {
	var all []string
	c.walk(func(key string, value reflect.Value) {
		switch v := value.Interface().(type) {
		case Secret:
			if v != "" {
				all = append(all, key)
			}
		case string:
			if u, err := url.Parse(v); err == nil && u.User != nil {
				if _, has := u.User.Password(); has {
					all = append(all, key)
				}
			}
		}
	})
	return all
}

func readByOthers(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().Perm()&othersRead != 0
}

// holds are the keys that a configuration file has.
func holds(name string) []string {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	resolver, err := load(f)
	if err != nil {
		return nil
	}
	var keys []string
	for key := range resolver.(file) {
		keys = append(keys, key)
	}
	return keys
}
