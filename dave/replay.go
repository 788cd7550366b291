package dave

// replayWindow remembers which of the latest nonces were used (as RFC 6479 does for IPsec). A nonce behind the
// window counts as used.
type replayWindow struct {
	started bool
	newest  uint64
	bits    [windowWords]uint64
}

const (
	windowWords = 16
	windowSize  = windowWords * 64 // nonces; other implementations keep 1,000
)

func (w *replayWindow) unused(nonce uint64) bool {
	switch {
	case !w.started || nonce > w.newest:
		return true
	case w.newest-nonce >= windowSize:
		return false
	}
	return w.bits[nonce/64%windowWords]&(1<<(nonce%64)) == 0
}

func (w *replayWindow) use(nonce uint64) {
	if !w.started {
		w.started, w.newest = true, nonce
	}
	if nonce > w.newest {
		// Clear the places that the window moves over; they hold nonces of windowSize before.
		if nonce-w.newest >= windowSize {
			clear(w.bits[:])
		} else {
			for n := w.newest + 1; n <= nonce; n++ {
				w.bits[n/64%windowWords] &^= 1 << (n % 64)
			}
		}
		w.newest = nonce
	}
	w.bits[nonce/64%windowWords] |= 1 << (nonce % 64)
}
