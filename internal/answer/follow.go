package answer

// Before is what the same person asked last in the same place.
type Before struct {
	Question string // "" = nothing that counts any more
	Taught   string // the question that was taught and gave the answer; "" where none did
}
