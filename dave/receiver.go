package dave

import (
	"crypto/cipher"
	"crypto/subtle"
	"sync"
	"time"
)

// Limits on what a peer, or a relay that forges its frames, can ask of a receiver.
const (
	// retention is how long keys stay usable after newer ones replace them, for frames still under way
	// (whitepaper, "Commit Handling").
	retention = 10 * time.Second

	// maxGenerationGap bounds the hashing that one forged frame can cause.
	maxGenerationGap = 250

	// maxFramesPerSecond (50 audio, 2×60 video) bounds the generation that an honest sender can have reached:
	// one can't be made to derive keys of the far future.
	maxFramesPerSecond = 170

	// maxRetainedEpochs bounds the keys that one forged frame is tried with.
	maxRetainedEpochs = 16
)

// A frameReceiver decrypts the frames of one sender, with its keys of the current and of recent epochs.
type frameReceiver struct {
	mu     sync.Mutex
	epochs []*epochKeys // newest first
	nonce  [12]byte
	secret []byte // scratch: the encrypted part of a frame with clear ranges
	clear  []byte // scratch: its clear part
	plain  []byte // scratch
	check  []byte // scratch
	stats  receiverStats
}

type receiverStats struct {
	decrypted, passed, unauthentic, replayed, refused uint64
}

// install makes base the newest key; older ones expire after retention.
func (r *frameReceiver) install(base [keySize]byte, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.retireLocked(now)
	r.expireLocked(now)
	if len(r.epochs) == maxRetainedEpochs {
		r.epochs[maxRetainedEpochs-1].erase()
		r.epochs = r.epochs[:maxRetainedEpochs-1]
	}
	r.epochs = append(r.epochs, nil)
	copy(r.epochs[1:], r.epochs)
	r.epochs[0] = newEpochKeys(base, now)
}

// retire lets every key expire after retention, when the sender has left or encryption ends.
func (r *frameReceiver) retire(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.retireLocked(now)
}

func (r *frameReceiver) retireLocked(now time.Time) {
	for _, e := range r.epochs {
		if e.expires.IsZero() {
			e.expires = now.Add(retention)
		}
	}
}

// expire drops what is past its time and reports whether any key is left.
func (r *frameReceiver) expire(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expireLocked(now)
	return len(r.epochs) > 0
}

func (r *frameReceiver) expireLocked(now time.Time) {
	for n := len(r.epochs); n > 0; n-- {
		last := r.epochs[n-1]
		if last.expires.IsZero() || now.Before(last.expires) {
			return
		}
		last.erase()
		r.epochs[n-1] = nil
		r.epochs = r.epochs[:n-1]
	}
}

// erase drops every key at once.
func (r *frameReceiver) erase() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.epochs {
		e.erase()
	}
	r.epochs = nil
}

// appendDecrypt appends the media of a frame. plainAllowed lets frames in clear pass (passthrough).
func (r *frameReceiver) appendDecrypt(dst, frame []byte, plainAllowed bool, clock func() time.Time) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(frame) > MaxFrameSize {
		r.stats.refused++
		return dst, ErrFrameTooLarge
	}
	if isSilence(frame) {
		r.stats.passed++
		return append(dst, frame...), nil
	}
	f, err := parseFrame(frame)
	switch {
	case err != nil && plainAllowed:
		r.stats.passed++
		return append(dst, frame...), nil
	case err != nil:
		r.stats.refused++
		return dst, ErrNotEncrypted
	}
	var now time.Time
	if r.needsTimeLocked(f.nonce) {
		now = clock()
		r.expireLocked(now)
	}
	if len(r.epochs) == 0 {
		r.stats.refused++
		return dst, ErrUnknownUser
	}
	secret, aad := f.media, []byte(nil)
	if len(f.ranges) > 0 {
		r.secret, r.clear = f.split(r.secret[:0], r.clear[:0])
		secret, aad = r.secret, r.clear
	}
	nonceFor(&r.nonce, f.nonce)
	failure := ErrGeneration
	for _, e := range r.epochs {
		generation, aead, err := e.cipher(f.nonce, now)
		if err != nil {
			if failure == ErrGeneration {
				failure = err
			}
			continue
		}
		if !r.open(aead, secret, f.tag, aad) {
			if failure == ErrGeneration {
				failure = ErrAuthentication
			}
			continue
		}
		e.accept(generation, f.nonce, now)
		r.stats.decrypted++
		return f.appendJoin(dst, r.plain[:len(secret)]), nil
	}
	switch failure {
	case ErrReplay:
		r.stats.replayed++
	case ErrAuthentication:
		r.stats.unauthentic++
	default:
		r.stats.refused++
	}
	return dst, failure
}

// needsTimeLocked reports whether anything about a frame depends on the time: not so for a key's first 93 hours,
// unless another key is about to expire.
func (r *frameReceiver) needsTimeLocked(nonce uint32) bool {
	n := len(r.epochs)
	return n != 1 || !r.epochs[0].expires.IsZero() || r.epochs[0].newest > 0 || nonce>>generationShift > 0
}

// open leaves the plaintext in r.plain and reports whether the cut tag is right. The standard library opens no
// GCM with 8-byte tags. GCM encrypts in counter mode, so sealing the ciphertext yields the plaintext, and
// sealing that yields the tag; neither allocates.
func (r *frameReceiver) open(aead cipher.AEAD, secret, tag, aad []byte) bool {
	r.plain = aead.Seal(r.plain[:0], r.nonce[:], secret, nil)
	r.check = aead.Seal(r.check[:0], r.nonce[:], r.plain[:len(secret)], aad)
	return subtle.ConstantTimeCompare(r.check[len(secret):][:tagSize], tag) == 1
}

// epochKeys is one sender's keys in one epoch, and which of their nonces were used.
type epochKeys struct {
	installed time.Time
	expires   time.Time          // zero while newest
	oldest    hashRatchet        // at the oldest generation still accepted
	newest    uint32             // the newest generation that authenticated a frame
	advanced  time.Time          // when newest last moved
	ciphers   []generationCipher // made when a frame needs them: most members of a large call never speak
	seen      replayWindow
}

type generationCipher struct {
	generation uint32
	aead       cipher.AEAD
}

func newEpochKeys(base [keySize]byte, now time.Time) *epochKeys {
	return &epochKeys{installed: now, oldest: newHashRatchet(base)}
}

func (e *epochKeys) erase() {
	e.oldest.erase()
	e.ciphers = nil
}

// cipher returns the generation that a truncated nonce belongs to, and its cipher.
func (e *epochKeys) cipher(nonce uint32, now time.Time) (uint32, cipher.AEAD, error) {
	if e.newest > e.oldest.generation && now.Sub(e.advanced) >= retention {
		e.oldest.advance(e.newest)
		e.dropCiphers()
	}
	generation := unwrapGeneration(e.oldest.generation, nonce>>generationShift)
	reachable := uint64(max(0, now.Sub(e.installed)/time.Second)) * maxFramesPerSecond >> generationShift
	if generation > e.newest+maxGenerationGap || uint64(generation) > reachable {
		return 0, nil, ErrGeneration
	}
	if !e.seen.unused(bigNonce(generation, nonce)) {
		return 0, nil, ErrReplay
	}
	for _, c := range e.ciphers {
		if c.generation == generation {
			return generation, c.aead, nil
		}
	}
	r := e.oldest.clone()
	defer r.erase()
	r.advance(generation)
	c := generationCipher{generation, r.aead()}
	// Keep at most one cipher that has authenticated nothing, so that forged frames don't make the list grow.
	for i := range e.ciphers {
		if e.ciphers[i].generation > e.newest {
			e.ciphers[i] = c
			return generation, c.aead, nil
		}
	}
	e.ciphers = append(e.ciphers, c)
	return generation, c.aead, nil
}

// accept records that a frame was authentic.
func (e *epochKeys) accept(generation, nonce uint32, now time.Time) {
	e.seen.use(bigNonce(generation, nonce))
	if generation > e.newest {
		e.newest, e.advanced = generation, now
	}
}

func (e *epochKeys) dropCiphers() {
	kept := e.ciphers[:0]
	for _, c := range e.ciphers {
		if c.generation >= e.oldest.generation {
			kept = append(kept, c)
		}
	}
	clear(e.ciphers[len(kept):])
	e.ciphers = kept
}

// unwrapGeneration returns the first generation from oldest on whose low byte is low
// (whitepaper, "Sender Key Derivation": the nonce holds 8 bits of it).
func unwrapGeneration(oldest, low uint32) uint32 {
	g := oldest&^0xFF | low
	if g < oldest {
		g += 0x100
	}
	return g
}

// bigNonce numbers the frames of an epoch without wrapping.
func bigNonce(generation, nonce uint32) uint64 {
	return uint64(generation)<<generationShift | uint64(nonce)&(1<<generationShift-1)
}
