package dave

import (
	"bytes"
	"testing"
)

func TestDisplayableCode(t *testing.T) {
	data := unhex(t, "aabbccddeebbccddeeffccddeeffaaddeeffaabbeeffaabbccffaabbccdd")
	for _, tc := range []struct {
		length, group int
		want          string
	}{
		{30, 5, "058708105556138052119572494877"}, // from Discord's own tests
		{5, 5, "05870"},
		{4, 1, "0741"},
		{35, 5, ""}, {0, 5, ""}, {5, 0, ""}, {8, 8, ""}, {7, 5, ""}, {-5, 5, ""},
	} {
		got, err := DisplayableCode(data, tc.length, tc.group)
		if got != tc.want || (err == nil) != (tc.want != "") {
			t.Errorf("length %d, group %d: %q, %v, want %q", tc.length, tc.group, got, err, tc.want)
		}
	}
}

func TestPairwiseFingerprint(t *testing.T) {
	a := append([]byte{4}, bytes.Repeat([]byte{0x11}, 64)...)
	b := append([]byte{4}, bytes.Repeat([]byte{0x22}, 64)...)
	const userA, userB = 1234567890123456789, 987654321098765432
	one, err := PairwiseFingerprint(userA, a, userB, b)
	if err != nil {
		t.Fatal(err)
	}
	two, err := PairwiseFingerprint(userB, b, userA, a)
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("the other side has another fingerprint: %v", err)
	}
	// computed by davey
	if code, err := VerificationCode(one); err != nil || code != "557710561171942584955799044585402961317548906" {
		t.Errorf("code %s, %v", code, err)
	}
	if _, err := PairwiseFingerprint(userA, a[1:], userB, b); err == nil {
		t.Error("a raw key was accepted")
	}
}
