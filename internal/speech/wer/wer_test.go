package wer

import "testing"

func TestCompare(t *testing.T) {
	for _, tc := range []struct {
		said, recognized string
		want             Count
	}{
		{"", "", Count{0, 0}},
		{"a b c", "", Count{3, 3}},
		{"", "a b", Count{2, 0}},
		{"I don't know", "i DON’T know.", Count{0, 3}},
		{"the cat sat", "a cat sat", Count{1, 3}},
		{"the cat sat", "the cat has sat", Count{1, 3}},
		{"the cat sat down", "cat sat", Count{2, 4}},
		{"well-known", "well known", Count{0, 2}},
		{"mister smith", "Mr. Smith", Count{1, 2}},
		{"привет, мир", "Привет мир!", Count{0, 2}},
	} {
		if got := Compare(tc.said, tc.recognized); got != tc.want {
			t.Errorf("%q for %q: %v, want %v", tc.recognized, tc.said, got, tc.want)
		}
	}
}
