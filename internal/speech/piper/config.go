// Package piper makes voices of the Piper project loadable by sherpa-onnx. A Piper voice is a network, VOICE.onnx, and
// its configuration, VOICE.onnx.json. sherpa-onnx wants part of that configuration as metadata inside the network, and
// the rest as a table of tokens beside it: [Prepare] makes both.
//
// sherpa-onnx ends the process on a table or on metadata that it can't use, so everything is checked here first.
package piper

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Suffix is what the configuration's file name adds to the network's.
const Suffix = ".json"

// maxConfig limits the size of a configuration; the largest published one has 20 kB.
const maxConfig = 1 << 20

// Config is the part of a voice's configuration that is needed to load it.
type Config struct {
	Audio struct {
		SampleRate int `json:"sample_rate"` // Hz
	} `json:"audio"`
	ESpeak struct {
		Voice string `json:"voice"` // espeak-ng's voice that makes the phonemes, such as en-us
	} `json:"espeak"`
	PhonemeType  string           `json:"phoneme_type"` // "espeak"; voices before 2023 leave it out
	PhonemeIDMap map[string][]int `json:"phoneme_id_map"`
	Speakers     int              `json:"num_speakers"`
	Language     struct {
		Code   string `json:"code"`         // such as en_US
		Family string `json:"family"`       // such as en
		Name   string `json:"name_english"` // such as English
	} `json:"language"`
}

// ParseConfig reads and checks a voice's configuration.
func ParseConfig(b []byte) (*Config, error) {
	if len(b) > maxConfig {
		return nil, fmt.Errorf("piper voice: configuration over %d bytes", maxConfig)
	}
	c := &Config{}
	if err := json.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("piper voice: %w", err)
	}
	switch {
	case c.PhonemeType != "" && c.PhonemeType != "espeak":
		return nil, fmt.Errorf("piper voice: it needs phonemes of the type %q, and only espeak-ng's can be had", c.PhonemeType)
	case c.ESpeak.Voice == "" || !plain(c.ESpeak.Voice):
		return nil, errors.New("piper voice: the configuration names no espeak-ng voice")
	case c.Audio.SampleRate < 8000 || c.Audio.SampleRate > 48000:
		return nil, fmt.Errorf("piper voice: a sample rate of %d Hz is out of range", c.Audio.SampleRate)
	case c.Speakers < 0 || c.Speakers > 10_000:
		return nil, fmt.Errorf("piper voice: %d speakers are out of range", c.Speakers)
	}
	if _, err := c.Tokens(); err != nil {
		return nil, err
	}
	return c, nil
}

// Primary is the voice's language as a BCP 47 primary tag, taken from the espeak-ng voice where it isn't told.
func (c *Config) Primary() string {
	for _, s := range []string{c.Language.Family, c.Language.Code, c.ESpeak.Voice} {
		tag, _, _ := strings.Cut(strings.ReplaceAll(strings.ToLower(s), "_", "-"), "-")
		if len(tag) >= 2 && len(tag) <= 3 {
			return tag
		}
	}
	return ""
}

// Tokens is the table for sherpa-onnx: a line "phoneme id" for each phoneme, in the order of their ids. Phonemes of
// more than one code point are left out, since sherpa-onnx looks up single ones.
func (c *Config) Tokens() ([]byte, error) {
	type token struct {
		phoneme string
		id      int
	}
	var tokens []token
	for phoneme, ids := range c.PhonemeIDMap {
		if utf8.RuneCountInString(phoneme) != 1 {
			continue
		}
		r, _ := utf8.DecodeRuneInString(phoneme)
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.IsSpace(r) && r != ' ' {
			return nil, fmt.Errorf("piper voice: %q can't be a phoneme", phoneme)
		}
		if len(ids) != 1 || ids[0] < 0 || ids[0] > 1<<16 {
			return nil, fmt.Errorf("piper voice: phoneme %q has no single id", phoneme)
		}
		tokens = append(tokens, token{phoneme, ids[0]})
	}
	for _, needed := range []string{"_", "^", "$"} {
		if len(c.PhonemeIDMap[needed]) != 1 {
			return nil, fmt.Errorf("piper voice: its phonemes lack %q", needed)
		}
	}
	slices.SortFunc(tokens, func(a, b token) int {
		if a.id != b.id {
			return a.id - b.id
		}
		return strings.Compare(a.phoneme, b.phoneme)
	})
	var out bytes.Buffer
	for _, t := range tokens {
		out.WriteString(t.phoneme + " " + strconv.Itoa(t.id) + "\n")
	}
	return out.Bytes(), nil
}

// metadata is what sherpa-onnx reads out of the network, in the order in which it is written there.
func (c *Config) metadata() [][2]string {
	language := c.Language.Name
	if language == "" || !plain(language) {
		language = c.Primary()
	}
	return [][2]string{
		{"model_type", "vits"},
		{"comment", "piper"}, // the front end that sherpa-onnx chooses
		{"language", language},
		{"voice", c.ESpeak.Voice},
		{"has_espeak", "1"},
		{"n_speakers", strconv.Itoa(max(c.Speakers, 1))},
		{"sample_rate", strconv.Itoa(c.Audio.SampleRate)},
	}
}

// plain reports whether s is short and printable.
func plain(s string) bool {
	return len(s) <= 100 && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
