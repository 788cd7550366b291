//go:build !race

package localdiscord_test

const raceEnabled = false
