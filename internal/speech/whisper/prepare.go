package whisper

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Names of the files that [Prepare] takes and makes.
const (
	firstPart      = "model.bin.part1"
	secondPart     = "model.bin.part2"
	vocabularyFile = "vocabulary.txt"
	configFile     = "config.json"

	EncoderFile = "encoder.int8.onnx"
	DecoderFile = "decoder.int8.onnx"
	TokensFile  = "tokens.txt"
)

// Limits of the two small files, in bytes.
const (
	maxVocabulary = 4 << 20
	maxConfig     = 1 << 20
)

// Prepare makes of a model in CTranslate2's format, whose model.bin is in two parts, the pair of networks and the table of
// tokens that sherpa-onnx and this package load, and removes what it is made of. The weights become integers of 8 bits.
func Prepare(root *os.Root) error {
	words, err := readVocabulary(root)
	if err != nil {
		return err
	}
	special, err := specials(words)
	if err != nil {
		return err
	}
	raw, err := readFile(root, configFile, maxConfig)
	if err != nil {
		return err
	}
	var config struct {
		Suppress []int `json:"suppress_ids"`
	}
	if err := json.Unmarshal(raw, &config); err != nil {
		return fmt.Errorf("whisper: %s: %w", configFile, err)
	}
	w, err := readParts(root)
	if err != nil {
		return err
	}
	d, err := measure(w)
	if err != nil {
		return err
	}
	if d.vocabulary != len(words) {
		return fmt.Errorf("whisper: %d words, but %d rows of weights for them", len(words), d.vocabulary)
	}
	first := encoder(w, d)
	notes := metadata(d, special, config.Suppress)
	for _, key := range slices.Sorted(maps.Keys(notes)) {
		first.Metadata(key, notes[key])
	}
	if err := write(root, EncoderFile, first); err != nil {
		return err
	}
	if err := write(root, DecoderFile, decoder(w, d)); err != nil {
		return err
	}
	if err := root.WriteFile(TokensFile, table(words[:special.end]), 0o644); err != nil {
		return err
	}
	for _, name := range []string{firstPart, secondPart, vocabularyFile, configFile} {
		if err := root.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

func write(root *os.Root, name string, b *builder) error {
	file, err := b.file()
	if err != nil {
		return err
	}
	return root.WriteFile(name, file, 0o644)
}

func readParts(root *os.Root) (weights, error) {
	var parts []io.Reader
	for _, name := range []string{firstPart, secondPart} {
		f, err := root.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		parts = append(parts, f)
	}
	return readWeights(io.MultiReader(parts...))
}

func readFile(root *os.Root, name string, limit int64) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("whisper: %s is over %d bytes", name, limit)
	}
	return b, nil
}

// readVocabulary is the texts of all tokens, a line each.
func readVocabulary(root *os.Root) ([]string, error) {
	b, err := readFile(root, vocabularyFile, maxVocabulary)
	if err != nil {
		return nil, err
	}
	var words []string
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		words = append(words, lines.Text())
	}
	return words, lines.Err()
}

// special are the tokens that are no text, by their numbers, and the languages, whose tokens follow on start.
type special struct {
	end, start                                                        int
	languages                                                         []string
	translate, transcribe, startOfModel, startOfPast, silent, untimed int
}

// specials finds them by their names.
func specials(words []string) (s special, err error) {
	for _, t := range []struct {
		name string
		at   *int
	}{
		{"<|endoftext|>", &s.end}, {"<|startoftranscript|>", &s.start}, {"<|translate|>", &s.translate},
		{"<|transcribe|>", &s.transcribe}, {"<|startoflm|>", &s.startOfModel}, {"<|startofprev|>", &s.startOfPast},
		{"<|nocaptions|>", &s.silent}, {"<|notimestamps|>", &s.untimed},
	} {
		if *t.at = slices.Index(words, t.name); *t.at < 0 && t.at == &s.silent {
			*t.at = slices.Index(words, "<|nospeech|>") // its later name
		}
		if *t.at < 0 {
			return s, fmt.Errorf("whisper: the vocabulary has no %s: models for English alone are not known", t.name)
		}
	}
	for _, word := range words[s.start+1 : max(s.start+1, s.translate)] {
		s.languages = append(s.languages, strings.Trim(word, "<|>"))
	}
	return s, nil
}

// metadata is what sherpa-onnx looks for in the encoder's file.
func metadata(d dimensions, s special, suppress []int) map[string]string {
	numbers := func(n []int) string {
		texts := make([]string, len(n))
		for i, x := range n {
			texts[i] = strconv.Itoa(x)
		}
		return strings.Join(texts, ",")
	}
	var languages []int
	for i := range s.languages {
		languages = append(languages, s.start+1+i)
	}
	m := map[string]string{
		"model_type": "whisper", "version": "1", "maintainer": "mynah",
		"all_language_tokens": numbers(languages), "all_language_codes": strings.Join(s.languages, ","),
		"sot_sequence": numbers([]int{s.start, s.start + 1, s.transcribe}), "non_speech_tokens": numbers(suppress),
	}
	for key, n := range map[string]int{
		"n_mels": d.mels, "n_audio_ctx": d.audioContext, "n_audio_state": d.width, "n_audio_head": d.heads, "n_audio_layer": d.layers,
		"n_vocab": d.vocabulary, "n_text_ctx": d.textContext, "n_text_state": d.width, "n_text_head": d.heads, "n_text_layer": d.layers,
		"sot": s.start, "sot_index": 0, "eot": s.end, "blank_id": blank, "is_multilingual": 1, "no_speech": s.silent,
		"transcribe": s.transcribe, "translate": s.translate, "sot_prev": s.startOfPast, "sot_lm": s.startOfModel,
		"no_timestamps": s.untimed,
	} {
		m[key] = strconv.Itoa(n)
	}
	return m
}

// blank is the token of a lone space.
const blank = 220

// table is the texts as sherpa-onnx reads them: base64 of the bytes, and the number.
func table(words []string) []byte {
	bytesOf := byteLetters()
	var out bytes.Buffer
	for i, word := range words {
		var raw []byte
		for _, r := range word {
			raw = append(raw, bytesOf[r])
		}
		fmt.Fprintf(&out, "%s %d\n", base64.StdEncoding.EncodeToString(raw), i)
	}
	return out.Bytes()
}

// byteLetters are the bytes for the letters that stand for them in the vocabulary: printable ones for themselves, the others for
// letters from U+0100 on (GPT-2's bytes_to_unicode).
func byteLetters() map[rune]byte {
	m := map[rune]byte{}
	next := rune(256)
	for b := range 256 {
		r := rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae) {
			r, next = next, next+1
		}
		m[r] = byte(b)
	}
	return m
}
