package learn

import "slices"

// Texts are near duplicates when they share most of their shingles: the runs of shingleRunes letters of the normalized text.
const (
	shingleRunes = 4
	nearShare    = 0.8  // of the shingles of both (Jaccard index) that near duplicates share at least
	maxShingles  = 2000 // of one text; what follows is not looked at
)

// Candidates are found by MinHash (Broder, On the resemblance and containment of documents, 1997): a text's signature is the least
// hash of its shingles under each of some hash functions, and texts that agree in all of a band of the signature are compared. With
// these numbers, less than one of a hundred pairs at the bound of nearShare escapes all bands. In each band a text is compared with
// one other only, the latest, which bounds the work where very many are alike.
const (
	bands      = 8
	bandHashes = 3
)

// nearDuplicates returns for each text the index of an earlier text that it nearly repeats, or its own. The earlier text is one
// that repeats no other: what is alike to the same text forms a group, without chains of ever less alike ones.
func nearDuplicates(texts []string) []int32 {
	group := make([]int32, len(texts))
	sets := make([][]uint32, len(texts))               // sorted shingles; only of those that repeat no other
	latest := make(map[uint64]int32, bands*len(texts)) // by band: the latest text that repeats no other
	exact := make(map[string]int32, len(texts))
	for i, text := range texts {
		text = Normalize(text)
		group[i] = int32(i)
		if j, ok := exact[text]; ok {
			group[i] = j
			continue
		}
		set := shingles(text)
		var keys [bands]uint64
		for b := range keys {
			keys[b] = band(set, b)
			if group[i] != int32(i) {
				continue
			}
			if j, ok := latest[keys[b]]; ok && nearlySame(set, sets[j]) {
				group[i] = j
			}
		}
		exact[text] = group[i]
		if group[i] != int32(i) {
			continue
		}
		sets[i] = set
		for _, key := range keys {
			latest[key] = int32(i)
		}
	}
	return group
}

// shingles returns the hashes of the shingles of a normalized text, sorted, each once.
func shingles(text string) []uint32 {
	runes := make([]rune, 1, len(text)+2)
	runes[0] = ' '
	runes = append(append(runes, []rune(text)...), ' ')
	var set []uint32
	for k := 0; k == 0 || k+shingleRunes <= len(runes) && k < maxShingles; k++ {
		set = append(set, uint32(hashRunes(seedChar, runes[k:min(k+shingleRunes, len(runes))])))
	}
	slices.Sort(set)
	return slices.Compact(set)
}

// band returns the hash of band b of the signature of a set.
func band(set []uint32, b int) uint64 {
	key := uint64(b)
	for k := range bandHashes {
		seed := mix(uint64(b*bandHashes+k+1) * seedPair)
		least := ^uint64(0)
		for _, s := range set {
			h := (uint64(s) ^ seed) * mulA
			least = min(least, h^h>>32)
		}
		key = mix(key*mulB + least)
	}
	return key
}

// nearlySame reports whether two sets are of near duplicates.
func nearlySame(a, b []uint32) bool {
	if float64(min(len(a), len(b))) < nearShare*float64(max(len(a), len(b))) {
		return false // even if one were in the other
	}
	return jaccard(a, b) >= nearShare
}

// jaccard returns the share of the elements of two sorted sets that are in both.
func jaccard(a, b []uint32) float64 {
	both, i, j := 0, 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			both++
			i++
			j++
		}
	}
	return float64(both) / float64(max(1, len(a)+len(b)-both))
}
