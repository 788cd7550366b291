package dave

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/scrypt"
)

const (
	codeGroup         = 5  // digits, and bytes each group of digits is taken from
	privacyCodeLength = 30 // digits
	fingerprintLength = 64 // bytes
	verificationCode  = 45 // digits

	fingerprintVersion = 0
)

// DisplayableCode turns data into digits that people compare aloud (whitepaper, "Displayable Codes"): each group
// of groupSize digits is the next groupSize bytes, big-endian, modulo 10^groupSize. It uses length bytes of
// data; it is an error if there are fewer, if groupSize is not in 1…7, or if it does not divide length.
func DisplayableCode(data []byte, length, groupSize int) (string, error) {
	if groupSize < 1 || groupSize > 7 || length < 1 || length%groupSize != 0 || len(data) < length {
		return "", fmt.Errorf("dave: no code of %d digits in groups of %d from %d bytes", length, groupSize, len(data))
	}
	modulus := uint64(1)
	for range groupSize {
		modulus *= 10
	}
	var code []byte
	for ; len(code) < length; data = data[groupSize:] {
		v := uint64(0)
		for _, b := range data[:groupSize] {
			v = v<<8 | uint64(b)
		}
		code = fmt.Appendf(code, "%0*d", groupSize, v%modulus)
	}
	return string(code), nil
}

// PairwiseFingerprint returns the 64-byte fingerprint of two users' identity keys (whitepaper, "Verification
// Fingerprint"), the same from either side. Keys are uncompressed P-256 points (65 bytes). It takes some 0.1 s
// and 16 MiB on purpose.
func PairwiseFingerprint(userA UserID, keyA []byte, userB UserID, keyB []byte) ([]byte, error) {
	a, err := keyFingerprint(userA, keyA)
	if err != nil {
		return nil, err
	}
	b, err := keyFingerprint(userB, keyB)
	if err != nil {
		return nil, err
	}
	if bytes.Compare(a, b) > 0 {
		a, b = b, a
	}
	// The salt and the costs are the whitepaper's.
	salt := []byte{
		0x24, 0xca, 0xb1, 0x7a, 0x7a, 0xf8, 0xec, 0x2b, 0x82, 0xb4, 0x12, 0xb9, 0x2d, 0xab, 0x19, 0x2e,
	}
	return scrypt.Key(append(a, b...), salt, 16384, 8, 2, fingerprintLength)
}

// keyFingerprint is version u16 | key | user u64, big-endian.
func keyFingerprint(user UserID, key []byte) ([]byte, error) {
	if len(key) != 65 || key[0] != 4 {
		return nil, errors.New("dave: identity key is not an uncompressed P-256 point")
	}
	b := binary.BigEndian.AppendUint16(nil, fingerprintVersion)
	b = append(b, key...)
	return binary.BigEndian.AppendUint64(b, uint64(user)), nil
}

// PrivacyCode returns the 30 digits that are equal for all members of an epoch, and for nobody else
// (whitepaper, "Epoch Authenticator"). epochAuthenticator is that of RFC 9420 section 8.7, 32 bytes.
func PrivacyCode(epochAuthenticator []byte) (string, error) {
	return DisplayableCode(epochAuthenticator, privacyCodeLength, codeGroup)
}

// VerificationCode returns the 45 digits of a pairwise fingerprint that two users compare.
func VerificationCode(fingerprint []byte) (string, error) {
	return DisplayableCode(fingerprint, verificationCode, codeGroup)
}
