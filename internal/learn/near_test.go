package learn

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mynahbot/mynah/internal/record"
)

func TestNearDuplicates(t *testing.T) {
	texts := []string{
		"How do I reset my password?",
		"how do i reset my password",      // but for case and signs
		"how do i reset my passwords",     // nearly
		"How do I change my address?",     // not
		"how do I reset my passwordd??",   // nearly, as the third
		"Как мне сменить пароль от почты", // another language
		"как мне сменить пароли от почты?",
		"yes", "yep", "!", "!!", "",
	}
	want := []int32{0, 0, 0, 3, 0, 5, 6, 7, 8, 9, 10, 11}
	// пароль and пароли differ in 4 of 30 shingles of either: too much.
	if got := nearDuplicates(texts); !slices.Equal(got, want) {
		t.Errorf("groups %v, want %v", got, want)
	}
}

// TestNearDuplicatesFindsMost compares every pair of a real set.
func TestNearDuplicatesFindsMost(t *testing.T) {
	var texts []string
	for _, e := range readSet(t, "sms_spam/train")[:1500] {
		texts = append(texts, e.Text)
	}
	group := nearDuplicates(texts)
	sets := make([][]uint32, len(texts))
	for i, text := range texts {
		sets[i] = shingles(Normalize(text))
	}
	have, missed := 0, 0
	for i, set := range sets {
		if j := int(group[i]); j != i {
			have++
			if group[j] != int32(j) || jaccard(set, sets[j]) < nearShare {
				t.Errorf("%q is no near duplicate of %q", texts[i], texts[j])
			}
			continue
		}
		for j := range i {
			if group[j] == int32(j) && jaccard(set, sets[j]) >= nearShare {
				missed++
			}
		}
	}
	if have < 10 || missed > have/20 {
		t.Errorf("found %d near duplicates and missed %d", have, missed)
	}
}

func TestNearDuplicatesShareAFold(t *testing.T) {
	var examples []record.Example
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		text := fmt.Sprintf("%x %x %x %x", rng.Uint64(), rng.Uint64(), rng.Uint64(), rng.Uint64())
		label := []string{"a", "b"}[rng.IntN(2)]
		examples = append(examples, record.Example{Text: text, Label: label}, record.Example{Text: text + "7", Label: label})
	}
	_, r := train(t, examples, Options{})
	if r.NearDuplicates < 150 {
		t.Errorf("%d near duplicates", r.NearDuplicates)
	}
	// Nothing but the near duplicate tells a text's label.
	if r.HeldOut.Accuracy > 0.75 {
		t.Errorf("held-out accuracy %.2f: a near duplicate was trained on", r.HeldOut.Accuracy)
	}
}

func BenchmarkNearDuplicates(b *testing.B) {
	var texts []string
	for _, e := range readSet(b, "clinc150/train") {
		texts = append(texts, e.Text)
	}
	for b.Loop() {
		nearDuplicates(texts)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(texts)), "µs/text")
}
