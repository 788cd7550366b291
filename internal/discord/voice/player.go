package voice

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mynahbot/mynah/internal/audio"
)

const (
	// FrameTime is the length of one frame of sound.
	FrameTime = 20 * time.Millisecond
	// encodedSamples is the length of a frame before it is encoded.
	encodedSamples = int(audio.EncodeRate * FrameTime / time.Second)
	// silenceFrames is how many frames of silence end speech, so that the receivers' decoders don't extrapolate it.
	silenceFrames = 5
	// ahead is how many frames are encoded before their slot. They are dropped when speech is stopped, so they cost no
	// reaction time; a change of the volume is heard after them.
	ahead = 6
	// encodeAt is how few encoded frames are left when more are made: several at a time, so that the encoder is woken less often.
	encodeAt = 3
	// maxQueue bounds what waits behind the item that plays.
	maxQueue = 100
	// minSpacing is how close two packets may follow each other while the clock catches up after a delay.
	minSpacing = FrameTime / 2
	// maxBehind is how far behind its slots the clock may be before it gives the lost time up instead of catching up.
	maxBehind = 5 * FrameTime
	// maxVolume is the loudest setting, as a factor.
	maxVolume = 2
	// expectedLoss is the share of packets that the in-band forward error correction is tuned to.
	expectedLoss = 0.05
	// complexity of the encoder. libopus's own choice, 9, takes 0.43 ms a frame with forward error correction; two cores could not
	// serve a hundred channels. The least takes 0.1 ms. At 64 kbit/s it costs 0.2 dB of log-spectral distance, and a recognizer
	// understands as many words: of Mynah's voice 7.8 % are wrong with it, 8.6 % with 9, and 7.8 % of the sound before encoding.
	complexity = audio.ComplexityLeast
)

// Errors of a Player.
var (
	ErrQueueFull = errors.New("voice: the queue is full; let something be played or stop it first")
	ErrSkipped   = errors.New("voice: skipped")
	ErrNotOpen   = errors.New("voice: not connected")
)

// Source yields sound: mono, at [audio.EncodeRate], -1..1. Read fills a part of dst, waits until there is something, and returns io.EOF
// behind the last sample. It is called from one goroutine.
type Source interface {
	Read(ctx context.Context, dst []float32) (int, error)
}

// frameWriter is the connection that carries frames. Its methods belong to the player's goroutine.
type frameWriter interface {
	// Speaking tells the others that sound begins or ends.
	Speaking(ctx context.Context, on bool) error
	// WriteFrame sends an Opus frame whose first sample is offset frames after the previous one's.
	WriteFrame(frame []byte, frames uint32) error
}

// Item is something that a Player plays or will play.
type Item struct {
	// Title is what people see in the queue.
	Title  string
	source Source
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{}
	played atomic.Int64
	err    error
}

// Done is closed when the item has been played to its end, was skipped, or failed.
func (i *Item) Done() <-chan struct{} { return i.done }

// Err tells how the item ended: nil when all of it was played, ErrSkipped, or what its source failed with. It must not be
// called before Done.
func (i *Item) Err() error { return i.err }

// Played is how much of the item has been sent so far.
func (i *Item) Played() time.Duration { return time.Duration(i.played.Load()) * FrameTime }

// Player plays items one after another into one voice connection, on a clock of one frame every 20 ms. It outlives moves
// and reconnections: while there is no connection the clock stands still.
type Player struct {
	bitrate func() int // bits a second, as the channel has it
	now     func() time.Time
	// encoders bounds how many players encode at once: frames are encoded ahead and can wait, packets can't, so one
	// processor is kept free for those.
	encoders chan struct{}
	// pace sends the packets at their moments; nil leaves it to the player's goroutine.
	pace *pacer

	mu      sync.Mutex
	queue   []*Item // queue[0] plays
	running bool
	volume  float64
	out     frameWriter
	ready   chan struct{} // closed while out may be written
	encoder *audio.Encoder
	closed  bool
	wg      sync.WaitGroup

	slots    clock // belongs to run; the packets' clock goes on between items too
	lateness lateness
}

func newPlayer(bitrate func() int, encoders chan struct{}, pace *pacer, now func() time.Time) *Player {
	return &Player{bitrate: bitrate, encoders: encoders, pace: pace, now: now, volume: 1, ready: make(chan struct{})}
}

// Play puts a source at the end of the queue. It is played until its end, until ctx is done, or until it is skipped.
func (p *Player) Play(ctx context.Context, title string, s Source) (*Item, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrNotOpen
	}
	if len(p.queue) >= maxQueue {
		return nil, ErrQueueFull
	}
	i := &Item{Title: title, source: s, done: make(chan struct{})}
	i.ctx, i.cancel = context.WithCancelCause(ctx)
	p.queue = append(p.queue, i)
	if !p.running {
		p.running = true
		p.wg.Go(p.run)
	}
	return i, nil
}

// Stop ends the item that plays, within one frame, and empties the queue. It returns how many items that were.
func (p *Player) Stop() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range p.queue {
		i.cancel(ErrSkipped)
	}
	return len(p.queue)
}

// Queue lists what plays and what waits.
func (p *Player) Queue() []*Item {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*Item(nil), p.queue...)
}

// Playing reports whether there is something in the queue.
func (p *Player) Playing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue) > 0
}

// SetVolume sets the loudness as a factor from 0 to 2; 1 is the source's own.
func (p *Player) SetVolume(v float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.volume = min(max(v, 0), maxVolume)
}

// Volume returns the factor that SetVolume set.
func (p *Player) Volume() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.volume
}

// attach gives the player a connection to write to; nil takes it away.
func (p *Player) attach(w frameWriter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.out != nil
	p.out = w
	switch {
	case w != nil && !was:
		close(p.ready)
	case w == nil && was:
		p.ready = make(chan struct{})
	}
}

// detach takes w away if it is still the connection in use.
func (p *Player) detach(w frameWriter) {
	p.mu.Lock()
	if p.out == w {
		p.out = nil
		p.ready = make(chan struct{})
	}
	p.mu.Unlock()
}

// connection returns the connection, waiting for one.
func (p *Player) connection(ctx context.Context) (frameWriter, error) {
	for {
		p.mu.Lock()
		w, ready := p.out, p.ready
		p.mu.Unlock()
		if w != nil {
			return w, nil
		}
		select {
		case <-ready:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// close stops everything and waits for it.
func (p *Player) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.Stop()
	p.wg.Wait()
}

// run plays the queue until it is empty.
func (p *Player) run() {
	if p.pace != nil {
		p.pace.begin()
		defer p.pace.end()
	}
	speaking := false
	var w frameWriter
	for {
		p.mu.Lock()
		if len(p.queue) == 0 {
			p.running = false
			p.encoder = nil // an idle player keeps no encoder
			p.mu.Unlock()
			return
		}
		i := p.queue[0]
		p.mu.Unlock()

		w, speaking, i.err = p.playItem(i, w, speaking)
		p.mu.Lock()
		p.queue = p.queue[1:]
		more := len(p.queue) > 0
		p.mu.Unlock()
		if !more && speaking && w != nil {
			p.finish(w)
			speaking = false
		}
		i.cancel(nil)
		close(i.done)
	}
}

// playItem plays one item: a goroutine encodes ahead, this one keeps the clock.
func (p *Player) playItem(i *Item, w frameWriter, speaking bool) (frameWriter, bool, error) {
	if i.ctx.Err() != nil {
		return w, speaking, context.Cause(i.ctx)
	}
	if p.encoder == nil {
		e, err := audio.NewEncoder(audio.EncoderConfig{Rate: audio.EncodeRate, Bitrate: p.bitrate(), Loss: expectedLoss, Complexity: complexity})
		if err != nil {
			return w, speaking, err
		}
		p.encoder = e
	}
	frames := make(chan []byte, ahead)
	free := make(chan []byte, ahead+2)
	more := make(chan struct{}, 1)
	var encoding sync.WaitGroup
	var sourceErr error
	encoding.Go(func() {
		defer close(frames)
		sourceErr = p.encode(i, frames, free, more)
	})
	defer func() {
		i.cancel(nil)
		encoding.Wait()
	}()

	slots := &p.slots
	slots.stop()
	pending := uint32(1)
	idle := 0
	var dry <-chan time.Time
	if speaking && w != nil { // the item follows on another one
		dry = time.After(FrameTime)
	}
	var silence [silenceSize]byte
	copy(silence[:], silenceFrame)
	var frame []byte
	send := func() {
		if err := w.WriteFrame(frame, pending); err != nil {
			p.detach(w) // the connection's owner brings a new one
		}
		pending = slots.advance()
		p.lateness.add(slots.behind)
	}
	sent := make(chan struct{}, 1)
	for {
		var open, early bool
		if !slots.running() { // the first frame, or the first after the source ran dry: nothing to keep time with
			select {
			case frame, open = <-frames:
			case <-dry: // receivers would make up how the last item goes on
				p.finish(w)
				speaking = false
				continue
			case <-i.ctx.Done():
				return w, speaking, context.Cause(i.ctx)
			}
		} else {
			select {
			case frame, early = <-frames:
			default:
			}
			if open = early; !early {
				if err := slots.wait(i.ctx); err != nil {
					return w, speaking, err
				}
				select {
				case frame, open = <-frames:
				default:
					// The source is slower than speech. Silence is sent for a while; after that the clock stops.
					if idle++; idle > silenceFrames {
						slots.stop()
						continue
					}
					frame, open = silence[:], true
				}
			}
		}
		if !open {
			return w, speaking, sourceErr
		}
		conn, err := p.connection(i.ctx)
		if err != nil {
			return w, speaking, err
		}
		if conn != w {
			w, speaking = conn, false
		}
		if !speaking {
			if err := w.Speaking(i.ctx, true); err == nil {
				speaking = true
			}
		}
		if !slots.running() {
			pending += slots.start(p.now())
		}
		switch {
		case early && p.pace != nil:
			err = p.pace.depart(i.ctx, departure{slots.moment(), send, sent})
		case early:
			if err = slots.wait(i.ctx); err == nil {
				send()
			}
		default:
			send()
		}
		if err != nil {
			return w, speaking, err
		}
		if &frame[0] != &silence[0] {
			idle = 0
			i.played.Add(1)
			select {
			case free <- frame:
			default:
			}
		}
		if len(frames) <= encodeAt {
			select {
			case more <- struct{}{}:
			default:
			}
		}
	}
}

// encode turns the item's source into Opus frames until it ends. Once enough are there it waits for more to be wanted.
func (p *Player) encode(i *Item, frames chan<- []byte, free <-chan []byte, more <-chan struct{}) error {
	pcm := make([]float32, encodedSamples)
	rate := 0
	for end := false; !end; {
		for len(frames) == ahead {
			select {
			case <-more:
			case <-i.ctx.Done():
				return context.Cause(i.ctx)
			}
		}
		n := 0
		for n < len(pcm) {
			m, err := i.source.Read(i.ctx, pcm[n:])
			n += m
			if errors.Is(err, io.EOF) {
				end = true
				break
			}
			if err != nil {
				return err
			}
		}
		if n == 0 {
			return nil
		}
		clear(pcm[n:])
		if v := p.Volume(); v != 1 {
			scale(pcm, float32(v))
		}
		if b := p.bitrate(); b != rate {
			if err := p.encoder.SetBitrate(b); err != nil {
				return err
			}
			rate = b
		}
		var buf []byte
		select {
		case buf = <-free:
		default:
			buf = make([]byte, 0, audio.MaxOpusPacket)
		}
		select {
		case p.encoders <- struct{}{}:
		case <-i.ctx.Done():
			return context.Cause(i.ctx)
		}
		frame, err := p.encoder.Encode(buf[:0], pcm)
		<-p.encoders
		if err != nil {
			return err
		}
		select {
		case frames <- frame:
		case <-i.ctx.Done():
			return context.Cause(i.ctx)
		}
	}
	return nil
}

// scale multiplies samples, bending what would clip instead of cutting it.
func scale(pcm []float32, v float32) {
	for k, x := range pcm {
		if x *= v; x > 0.95 || x < -0.95 {
			x = float32(math.Tanh(float64(x)))
		}
		pcm[k] = x
	}
}

// finish sends the closing silence and ends speaking.
func (p *Player) finish(w frameWriter) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var slots clock
	slots.start(p.now())
	for range silenceFrames {
		slots.advance()
		if slots.wait(ctx) != nil || w.WriteFrame(silenceFrame, 1) != nil {
			return
		}
		p.slots.last = p.now()
	}
	_ = w.Speaking(ctx, false)
}

// silenceFrame is the Opus frame that Discord's clients send as silence.
var silenceFrame = []byte{0xf8, 0xff, 0xfe}
