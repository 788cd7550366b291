package learn

import (
	"math"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Kinds of feature. Each kind is a block of the vector with a norm of its own, so that a long word, which has many
// character n-grams, doesn't drown the words.
const (
	blockWord   = iota // words and pairs of neighbouring words
	blockPair          // unordered pairs of the beginnings of words less than PairWindow apart
	blockChar          // character n-grams within words, with the word's borders
	blockPrefix        // the first prefixRunes letters of words, which stand for their stems in any language
	blockCross         // character n-grams across the borders of words
	blocks
)

// featureConfig says what a text is taken apart into and how the parts are weighted. It is saved with the model.
type featureConfig struct {
	PairWindow   int             `json:"pair_window"`
	CharMin      int             `json:"char_min"`
	CharMax      int             `json:"char_max"`
	CrossMin     int             `json:"cross_min"`
	BlockWeights [blocks]float64 `json:"block_weights"`
	IDF          float64         `json:"idf"` // exponent of the inverse document frequency; 0 leaves it out
}

// defaultFeatures was chosen by cross-validation over the training texts of ten public data sets.
var defaultFeatures = featureConfig{
	PairWindow:   5,
	CharMin:      2,
	CharMax:      5,
	CrossMin:     3,
	BlockWeights: [blocks]float64{0.5, 0.6, 1, 0.4, 0.6},
	IDF:          0.5,
}

const prefixRunes = 4

// maxTokens bounds the work that one text can cause: what follows is not looked at.
const maxTokens = 2000

// extractor takes texts apart into hashed features. It is reused between texts and not safe for concurrent use.
type extractor struct {
	cfg    featureConfig
	words  []uint64         // hash of each word of the text
	stems  []uint64         // hash of each word's beginning
	hashes [blocks][]uint64 // features found, with repetitions
	word   []rune           // the word being read, with a border mark on each side
	line   []rune           // the words, with a border mark before, between and behind them
}

const (
	seedWord   = 0x9e3779b97f4a7c15
	seedBigram = 0xc2b2ae3d27d4eb4f
	seedPair   = 0x165667b19e3779f9
	seedChar   = 0x27d4eb2f165667c5
	seedPrefix = 0xd6e8feb86659fd93
	seedCross  = 0xa0761d6478bd642f
	seedShape  = 0x85ebca77c2b2ae63
	mulA       = 0xff51afd7ed558ccd
	mulB       = 0xc4ceb9fe1a85ec53
)

// mix finishes a hash (the 64-bit finalizer of MurmurHash3).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= mulA
	h ^= h >> 33
	h *= mulB
	h ^= h >> 33
	return h
}

// hashRunes hashes the letters of a word or of its beginning.
func hashRunes(seed uint64, word []rune) uint64 {
	for _, r := range word {
		seed = (seed ^ uint64(r)) * mulA
		seed ^= seed >> 29
	}
	return mix(seed)
}

// extract fills x.hashes from text.
func (x *extractor) extract(text string) {
	for i := range x.hashes {
		x.hashes[i] = x.hashes[i][:0]
	}
	x.tokenize(text, true)
	x.shapes(text)
	x.combine()
	x.cross()
}

// tokenize fills x.words, and x.stems, x.line, the beginnings of words and the character n-grams within them too if chars is true.
func (x *extractor) tokenize(text string, chars bool) {
	x.words, x.stems, x.line = x.words[:0], x.stems[:0], append(x.line[:0], ' ')
	if !isASCII(text) {
		text = norm.NFKC.String(text)
	}
	x.word = append(x.word[:0], ' ')
	for _, r := range text {
		if len(x.words) >= maxTokens {
			break
		}
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '_':
			x.word = append(x.word, foldRune(r))
		case r == '\'' || r == '’':
			if len(x.word) > 1 {
				x.word = append(x.word, '\'')
			}
		case unicode.IsSpace(r):
			x.endWord(chars)
		default: // a sign is a word of its own
			x.endWord(chars)
			x.word = append(x.word, r)
			x.endWord(chars)
		}
	}
	x.endWord(chars)
}

// combine adds the words, pairs of neighbours, and unordered pairs of beginnings in a window.
func (x *extractor) combine() {
	for i, h := range x.words {
		x.hashes[blockWord] = append(x.hashes[blockWord], h)
		if i > 0 {
			x.hashes[blockWord] = append(x.hashes[blockWord], mix(x.words[i-1]*seedBigram+h))
		}
		for d := 1; d < x.cfg.PairWindow && d <= i; d++ {
			a, b := x.stems[i-d], x.stems[i]
			if a > b {
				a, b = b, a
			}
			x.hashes[blockPair] = append(x.hashes[blockPair], mix(a*seedPair+b))
		}
	}
}

// cross adds the character n-grams that hold the end of a word, and what follows it. What follows the last is a second border mark, so
// that the text's end is told from a word's.
func (x *extractor) cross() {
	if x.cfg.CrossMin == 0 {
		return
	}
	x.line = append(x.line, ' ')
	for i := range x.line {
		h, across := uint64(seedCross), false
		for n := 1; n <= x.cfg.CharMax && i+n <= len(x.line); n++ {
			r := x.line[i+n-1]
			across = across || r == ' ' && n > 1 && i+n < len(x.line)
			h = (h ^ uint64(r)) * mulA
			h ^= h >> 29
			if across && n >= x.cfg.CrossMin {
				x.hashes[blockCross] = append(x.hashes[blockCross], mix(h))
			}
		}
	}
}

// endWord closes the word in x.word: its hash, and if chars is true its beginning and its character n-grams.
func (x *extractor) endWord(chars bool) {
	for len(x.word) > 1 && x.word[len(x.word)-1] == '\'' {
		x.word = x.word[:len(x.word)-1]
	}
	if len(x.word) == 1 {
		return
	}
	x.words = append(x.words, hashRunes(seedWord, x.word[1:]))
	if !chars {
		x.word = x.word[:1]
		return
	}
	stem := hashRunes(seedPrefix, x.word[1:min(1+prefixRunes, len(x.word))])
	x.stems = append(x.stems, stem)
	x.hashes[blockPrefix] = append(x.hashes[blockPrefix], stem)
	x.line = append(append(x.line, x.word[1:]...), ' ')
	x.word = append(x.word, ' ')
	for i := range x.word {
		h := uint64(seedChar)
		for n := 1; n <= x.cfg.CharMax && i+n <= len(x.word); n++ {
			h = (h ^ uint64(x.word[i+n-1])) * mulA
			h ^= h >> 29
			if n >= x.cfg.CharMin {
				x.hashes[blockChar] = append(x.hashes[blockChar], mix(h))
			}
		}
	}
	x.word = append(x.word[:0], ' ')
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// vocabulary numbers hashed features from 0: an open-addressing table, which is a third of a Go map in size and
// twice as fast here.
type vocabulary struct {
	keys []uint64 // 0 marks a free slot
	ids  []uint32
	n    int
}

func newVocabulary(capacity int) *vocabulary {
	size := 1024
	for size < 2*capacity {
		size *= 2
	}
	return &vocabulary{keys: make([]uint64, size), ids: make([]uint32, size)}
}

// lookup returns the number of the feature with this hash.
func (v *vocabulary) lookup(h uint64) (uint32, bool) {
	if h == 0 {
		h = 1
	}
	mask := uint64(len(v.keys) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		switch v.keys[i] {
		case h:
			return v.ids[i], true
		case 0:
			return 0, false
		}
	}
}

// add returns the number of the feature with this hash and gives it the next one if it is new.
func (v *vocabulary) add(h uint64) uint32 {
	if h == 0 {
		h = 1
	}
	if 2*v.n >= len(v.keys) {
		old := *v
		*v = vocabulary{keys: make([]uint64, 2*len(old.keys)), ids: make([]uint32, 2*len(old.keys)), n: old.n}
		for i, k := range old.keys {
			if k != 0 {
				v.put(k, old.ids[i])
			}
		}
	}
	mask := uint64(len(v.keys) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		switch v.keys[i] {
		case h:
			return v.ids[i]
		case 0:
			v.keys[i], v.ids[i] = h, uint32(v.n)
			v.n++
			return v.ids[i]
		}
	}
}

func (v *vocabulary) put(h uint64, id uint32) {
	mask := uint64(len(v.keys) - 1)
	i := h & mask
	for v.keys[i] != 0 {
		i = (i + 1) & mask
	}
	v.keys[i], v.ids[i] = h, id
}

// weighting says how the features of a text are weighted.
type weighting struct {
	blocks  [blocks]float64
	feature []float32 // by feature
	unseen  float64   // squared weight of a feature that isn't in the vocabulary
}

func newWeighting(blockWeights [blocks]float64, feature []float32) *weighting {
	w := &weighting{blocks: blockWeights, feature: feature}
	for _, v := range feature {
		w.unseen = max(w.unseen, float64(v)*float64(v))
	}
	return w
}

// vectorizer turns texts into sparse vectors over a vocabulary. Not safe for concurrent use; see Model's pool.
type vectorizer struct {
	extractor
	vocab  *vocabulary
	counts []uint16 // by feature, zero between texts
	idx    []uint32 // the vector's features, in order of first occurrence
	val    []float32
}

func newVectorizer(cfg featureConfig, v *vocabulary) *vectorizer {
	return &vectorizer{extractor: extractor{cfg: cfg}, vocab: v, counts: make([]uint16, v.n)}
}

// idfWeights returns the weight of each feature from the number of texts it occurs in.
func idfWeights(df []uint32, texts int, exponent float64) []float32 {
	w := make([]float32, len(df))
	for f, n := range df {
		w[f] = float32(math.Pow(1+math.Log(float64(1+texts)/float64(1+n)), exponent))
	}
	return w
}

// weigh sets z.idx and z.val to the vector of the text that was extracted last. Each block has the length of its weight
// when all of its features are in the vocabulary, and is shorter by what isn't.
func (z *vectorizer) weigh(w *weighting) {
	z.idx, z.val = z.idx[:0], z.val[:0]
	for b := range blocks {
		if w.blocks[b] == 0 {
			continue
		}
		first, sum := len(z.idx), 0.0
		for _, h := range z.hashes[b] {
			id, ok := z.vocab.lookup(h)
			if !ok {
				sum += w.unseen
				continue
			}
			if z.counts[id] == 0 {
				z.idx = append(z.idx, id)
			}
			if z.counts[id] < math.MaxUint16 {
				z.counts[id]++
			}
		}
		for _, id := range z.idx[first:] {
			v := tfWeight(z.counts[id]) * w.feature[id]
			z.counts[id] = 0
			sum += float64(v) * float64(v)
			z.val = append(z.val, v)
		}
		if sum > 0 {
			f := float32(w.blocks[b] / math.Sqrt(sum))
			for i := first; i < len(z.val); i++ {
				z.val[i] *= f
			}
		}
	}
}

var tfTable = func() (t [16]float32) {
	for i := 1; i < len(t); i++ {
		t[i] = float32(1 + math.Log(float64(i)))
	}
	return t
}()

// tfWeight is the sublinear weight of a feature that occurs n times.
func tfWeight(n uint16) float32 {
	if int(n) < len(tfTable) {
		return tfTable[n]
	}
	return float32(1 + math.Log(float64(n)))
}

// shapes adds, as if they were words, what lower-casing and n-grams lose: long numbers, words in capitals, and about how
// many words there are.
func (x *extractor) shapes(text string) {
	fields := 0
	for w := range strings.FieldsSeq(text) {
		fields++
		upper, lower, digits := 0, 0, 0
		for _, r := range w {
			switch {
			case unicode.IsUpper(r):
				upper++
			case unicode.IsLower(r):
				lower++
			case unicode.IsDigit(r):
				digits++
			}
		}
		if digits > 0 {
			x.hashes[blockWord] = append(x.hashes[blockWord], mix(seedShape+uint64(min(digits, 12))))
		}
		if upper > 1 && lower == 0 {
			x.hashes[blockWord] = append(x.hashes[blockWord], mix(seedShape+100))
		}
		if fields >= maxTokens {
			break
		}
	}
}
