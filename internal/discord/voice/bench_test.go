package voice

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/disgoorg/snowflake/v2"

	botgateway "github.com/disgoorg/disgo/gateway"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/localdiscord"
	localvoice "github.com/mynahbot/mynah/internal/localdiscord/voice"
)

// BenchmarkVoice has four processes, so that each one's time can be told: this one serves, one speaks as a person in each channel,
// one is ours, and one is @discordjs/voice at the same work where interop/voice is installed. They take orders as lines
// of JSON and answer with lines of JSON.
const (
	roleVariable = "MYNAH_VOICE_ROLE"
	rolePeople   = "people"
	roleOurs     = "ours"
	benchTime    = 20 * time.Second
	benchBitrate = 64_000
	most         = 100 // channels at once
)

// order is what a process is to do: open the places, start, stop.
type order struct {
	Do     string       `json:"do"`
	Places []benchPlace `json:"places,omitempty"`
	Sound  string       `json:"sound,omitempty"` // file of mono 48 kHz 16 bit PCM to be played again and again
	// Settings of the encoder.
	Bitrate    int `json:"bitrate,omitempty"`
	Loss       int `json:"loss,omitempty"` // percent
	Complexity int `json:"complexity,omitempty"`
}

type benchPlace struct {
	Guild, Channel, User, Person string
	Session, Token, Endpoint     string
}

// report is what a process did between start and stop. Times are in seconds.
type report struct {
	Joins    []float64 `json:"joins"`
	CPU      float64   `json:"cpu"`
	Wall     float64   `json:"wall"`
	Memory   float64   `json:"memory"` // MiB a place
	Sent     float64   `json:"sent"`
	Received float64   `json:"received"`
	OnTime   float64   `json:"on_time"` // share of the packets sent
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident is the process's memory in bytes.
func resident() float64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _ := strconv.Atoi(strings.Fields(string(b))[1])
	return float64(pages * os.Getpagesize())
}

// load is how many processes of the whole machine want to run, the mean of the last minute: with more than there are processors,
// the clock of sending tells more about them than about us.
func load() float64 {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	x, _ := strconv.ParseFloat(strings.Fields(string(b))[0], 64)
	return x
}

func (p benchPlace) id(text string) snowflake.ID {
	n, _ := strconv.ParseUint(text, 10, 64)
	return snowflake.ID(n)
}

// connect opens a connection to a place that this process was told everything about.
func (p benchPlace) connect(ctx context.Context, all *Connections) (*Conn, error) {
	var conn *Conn
	conn = all.Create(p.id(p.Guild), p.id(p.User), func(_ context.Context, _ snowflake.ID, channel *snowflake.ID, _, _ bool) error {
		if channel == nil {
			return nil
		}
		state := botgateway.EventVoiceStateUpdate{}
		state.GuildID, state.UserID, state.ChannelID, state.SessionID = p.id(p.Guild), p.id(p.User), channel, p.Session
		conn.HandleVoiceStateUpdate(state)
		conn.HandleVoiceServerUpdate(botgateway.EventVoiceServerUpdate{Token: p.Token, GuildID: p.id(p.Guild), Endpoint: &p.Endpoint})
		return nil
	}, func() {}).(*Conn)
	return conn, conn.Open(ctx, p.id(p.Channel), false, false)
}

// hearing counts what is heard.
type hearing struct {
	mu    sync.Mutex
	count int
}

func (h *hearing) Wants(snowflake.ID) bool { return true }

func (h *hearing) Hear(Heard) {
	h.mu.Lock()
	h.count++
	h.mu.Unlock()
}

func (h *hearing) heard() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

// endless plays a sound again and again.
type endless struct {
	sound []float32
	at    int
}

func (e *endless) Read(_ context.Context, dst []float32) (int, error) {
	n := copy(dst, e.sound[e.at:])
	if e.at += n; e.at == len(e.sound) {
		e.at = 0
	}
	return n, nil
}

// playRole is the process of a role.
func playRole(role string) int {
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1) // as mynah run does
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out, in := json.NewEncoder(os.Stdout), bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	var conns []*Conn
	var ear hearing
	var sound []float32
	var r report
	var began time.Time
	var cpu time.Duration
	var memory float64
	var sent, onTime, slots uint64
	totals := func() (s, o, l uint64) {
		for _, c := range conns {
			h := c.Health()
			s, o, l = s+h.Sent, o+h.OnTime, l+h.Slots
		}
		return s, o, l
	}
	var talking sync.WaitGroup
	for in.Scan() {
		var o order
		if err := json.Unmarshal(in.Bytes(), &o); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		switch o.Do {
		case "open":
			b, err := os.ReadFile(o.Sound)
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			given := audio.PCM{Rate: audio.OpusRate, Samples: make([]float32, len(b)/2)}
			for i := range given.Samples {
				given.Samples[i] = float32(int16(binary.LittleEndian.Uint16(b[2*i:]))) / (1 << 15)
			}
			if given, err = audio.Resample(given, audio.EncodeRate); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			sound = given.Samples
			memory = resident()
			config := Config{Bitrate: func(snowflake.ID) int { return o.Bitrate }}
			if role == roleOurs {
				config.Listen = func(snowflake.ID) Listener { return &ear }
			}
			all := NewConnections(config)
			for _, p := range o.Places {
				at := time.Now()
				c, err := p.connect(ctx, all)
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					return 1
				}
				r.Joins = append(r.Joins, time.Since(at).Seconds())
				conns = append(conns, c)
			}
			_ = out.Encode(r)
		case "start":
			if role == rolePeople {
				frames, err := encoded(sound, o)
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					return 1
				}
				for i, c := range conns {
					talking.Go(func() { speak(ctx, c, frames, i) })
				}
			} else {
				for i, c := range conns {
					time.Sleep(7 * time.Millisecond) // answers begin at any time, not all in one slot
					if _, err := c.Player().Play(ctx, "sound", &endless{sound: sound, at: i * encodedSamples % len(sound)}); err != nil {
						fmt.Fprintln(os.Stderr, err)
						return 1
					}
				}
			}
			_ = out.Encode(r)
		case "measure":
			began, cpu = time.Now(), cpuTime()
			sent, onTime, slots = totals()
			r.Received = float64(ear.heard())
			_ = out.Encode(r)
		case "stop":
			s, on, l := totals()
			r.Wall, r.CPU = time.Since(began).Seconds(), (cpuTime() - cpu).Seconds()
			r.Sent, r.Received = float64(s-sent), float64(ear.heard())-r.Received
			if l > slots {
				r.OnTime = float64(on-onTime) / float64(l-slots)
			}
			r.Memory = (resident() - memory) / float64(len(conns)) / (1 << 20)
			_ = out.Encode(r)
		}
	}
	cancel()
	talking.Wait()
	for _, c := range conns {
		closing, done := context.WithTimeout(context.Background(), time.Second)
		c.Close(closing)
		done()
	}
	return 0
}

// encoded is a sound as Opus frames, so that the people who speak take no time for encoding.
func encoded(sound []float32, o order) ([][]byte, error) {
	e, err := audio.NewEncoder(audio.EncoderConfig{Rate: audio.EncodeRate, Bitrate: o.Bitrate, Loss: expectedLoss})
	if err != nil {
		return nil, err
	}
	var frames [][]byte
	for piece := range slices.Chunk(sound, encodedSamples) {
		if len(piece) < encodedSamples {
			break
		}
		frame, err := e.Encode(nil, piece)
		if err != nil {
			return nil, err
		}
		frames = append(frames, frame)
	}
	return frames, nil
}

// speak sends frames until ctx is done, one every 20 ms.
func speak(ctx context.Context, c *Conn, frames [][]byte, offset int) {
	l := c.current.Load()
	if l == nil || l.Speaking(ctx, true) != nil {
		return
	}
	var slots clock
	slots.start(time.Now())
	slots.origin = slots.origin.Add(time.Duration(offset%20) * time.Millisecond) // people's packets come at any time
	for n := offset; slots.wait(ctx) == nil; n++ {
		_ = l.WriteFrame(frames[n%len(frames)], slots.advance())
	}
}

// process is one of the benchmark's processes.
type process struct {
	b     *testing.B
	stdin io.WriteCloser
	out   *json.Decoder
	cmd   *exec.Cmd
}

func startProcess(b *testing.B, cmd *exec.Cmd) *process {
	b.Helper()
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return &process{b: b, stdin: stdin, out: json.NewDecoder(stdout), cmd: cmd}
}

func (p *process) do(o order) report {
	p.b.Helper()
	if err := json.NewEncoder(p.stdin).Encode(o); err != nil {
		p.b.Fatal(err)
	}
	var r report
	if err := p.out.Decode(&r); err != nil {
		p.b.Fatal(err)
	}
	return r
}

func (p *process) end() {
	p.stdin.Close()
	timer := time.AfterFunc(5*time.Second, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	p.cmd.Wait()
}

func role(name string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+name)
	return cmd
}

// pseudoSpeech writes ten seconds of syllables: a voice's harmonics and some noise under a changing envelope.
func pseudoSpeech(b *testing.B) string {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	var pcm []byte
	phase := 0.0
	for i := range 10 * audio.OpusRate {
		t := float64(i) / audio.OpusRate
		phase += 2 * math.Pi * (120 + 30*math.Sin(2*math.Pi*0.7*t)) / audio.OpusRate
		x := 0.05 * (random.Float64() - 0.5)
		for k := 1; k <= 25; k++ {
			formant := math.Exp(-math.Pow(float64(k)-5-3*math.Sin(2*math.Pi*1.3*t), 2)/20) + 0.3*math.Exp(-math.Pow(float64(k)-16, 2)/30)
			x += 0.25 * formant * math.Sin(float64(k)*phase)
		}
		x *= 0.55 + 0.45*math.Sin(2*math.Pi*4*t)
		pcm = binary.LittleEndian.AppendUint16(pcm, uint16(int16(math.MaxInt16*max(-1, min(1, 0.5*x)))))
	}
	path := filepath.Join(b.TempDir(), "sound.pcm")
	if err := os.WriteFile(path, pcm, 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// punctual measures how well this machine keeps time for a thread that does nothing but wait for its slot: no clock of a process
// can be expected to do better beside the same others. Its result is the share of slots that began within 5 ms.
func punctual(d time.Duration) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began, good, all := time.Now(), 0.0, 0.0
	for due := began; due.Sub(began) < d; due = due.Add(FrameTime) {
		time.Sleep(time.Until(due))
		if all++; time.Since(due) <= 5*time.Millisecond {
			good++
		}
	}
	return good / all
}

// BenchmarkVoice measures joining, the clock of sending, time and memory with one person speaking in each channel while we
// play in all of them, and @discordjs/voice at the same: it decodes what the person says, and encodes, encrypts and sends the same sound
// as we, mono, 64 kbit/s, in frames of 20 ms; we from the 24 kHz that voices have, it from its only rate. Both decode whoever speaks; we at the 16 kHz that recognizers want, it at
// 48 kHz stereo. Its encoder is mediaplex, the same version of libopus compiled from Rust, called directly, without the streams
// that its users have around it. Three ways are shown: with forward error correction as we have it and its encoder's own
// complexity, with a complexity as low (1: its wrapper takes 0 for none), and with its encoder as it comes, which corrects no errors.
func BenchmarkVoice(b *testing.B) {
	sound := pseudoSpeech(b)
	script, err := filepath.Abs("../../../interop/voice/bench.mjs")
	if err != nil {
		b.Fatal(err)
	}
	node := func(s *localvoice.Server) *exec.Cmd {
		cmd := exec.Command("node", script)
		cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+s.CAFile())
		return cmd
	}
	ours := func(*localvoice.Server) *exec.Cmd { return role(roleOurs) }
	perFrame := map[string]float64{}
	for _, c := range []struct {
		name     string
		client   func(*localvoice.Server) *exec.Cmd
		channels int
		order    order // the encoder's settings
	}{
		{"ours", ours, 1, order{}},
		{"ours", ours, 20, order{}},
		{"ours", ours, most, order{}},
		{"discordjs-with-FEC-cheap", node, 20, order{Loss: 100 * expectedLoss, Complexity: 1}},
		{"discordjs-with-FEC", node, 20, order{Loss: 100 * expectedLoss}},
		{"discordjs-without-FEC", node, 20, order{}},
	} {
		b.Run(fmt.Sprintf("%s/channels=%d", c.name, c.channels), func(b *testing.B) {
			if !strings.HasPrefix(c.name, "ours") {
				if _, err := os.Stat(filepath.Join(filepath.Dir(script), "node_modules", "@discordjs", "voice")); err != nil {
					b.Skip("interop/voice is not installed")
				}
			}
			for b.Loop() {
				took := benchChannels(b, c.channels, c.client, c.order, sound)
				perFrame[fmt.Sprint(c.name, c.channels)] = took
				if own := perFrame[fmt.Sprint("ours", c.channels)]; own != took && own > 0 {
					b.ReportMetric(own/took, "ours/theirs")
					b.ReportMetric(perFrame[fmt.Sprint("ours", most)]/took, "ours-at-100/theirs") // its one thread can't serve so many
				}
			}
		})
	}
}

func benchChannels(b *testing.B, channels int, client func(*localvoice.Server) *exec.Cmd, o order, sound string) float64 {
	server, err := localvoice.Start(context.Background(), localvoice.Config{CADir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	cmd := client(server)
	mynah := "Mynah"
	if filepath.Base(cmd.Path) == "node" {
		mynah = "discord.js" // needs wss://
	}
	place := func(channel, user, other int, client string) benchPlace {
		v := localdiscord.VoiceSession{
			GuildID: localdiscord.ID(channel), ChannelID: localdiscord.ID(channel), UserID: localdiscord.ID(user), SessionID: fmt.Sprint("s", user),
			Client: client, CanSpeak: true,
		}
		endpoint, token, err := server.Connect(context.Background(), v)
		if err != nil {
			b.Fatal(err)
		}
		return benchPlace{
			Guild: v.GuildID.String(), Channel: v.ChannelID.String(), User: v.UserID.String(), Person: strconv.Itoa(other),
			Session: v.SessionID, Token: token, Endpoint: endpoint,
		}
	}
	var theirs, ours []benchPlace
	for n := range channels {
		theirs = append(theirs, place(1000+n, 5000+n, 7000+n, "Mynah"))
		ours = append(ours, place(1000+n, 7000+n, 5000+n, mynah))
	}
	o.Do, o.Sound, o.Bitrate = "open", sound, benchBitrate
	people := startProcess(b, role(rolePeople))
	defer people.end()
	us := startProcess(b, cmd)
	defer us.end()
	o.Places = theirs
	people.do(o)
	o.Places = ours
	joins := us.do(o).Joins
	o.Places, o.Do = nil, "start"
	people.do(o)
	us.do(o)
	time.Sleep(time.Second) // the first second is set-up
	o.Do = "measure"
	us.do(o)
	before, wall := cpuTime(), time.Now()
	machine := punctual(benchTime)
	o.Do = "stop"
	r := us.do(o)
	serverCPU := (cpuTime() - before).Seconds() / time.Since(wall).Seconds()
	slices.Sort(joins)
	full := float64(channels) * r.Wall / FrameTime.Seconds()
	b.ReportMetric(0, "ns/op") // would be the time that was waited
	b.ReportMetric(1000*joins[len(joins)/2], "ms-join-p50")
	b.ReportMetric(1000*joins[len(joins)-1], "ms-join-max")
	if filepath.Base(cmd.Path) != "node" { // which does not say
		b.ReportMetric(100*r.OnTime, "%on-time")
	}
	b.ReportMetric(100*machine, "%on-time-idle-thread")
	b.ReportMetric(100*r.Sent/full, "%sent")
	b.ReportMetric(100*r.Received/full, "%heard")
	b.ReportMetric(r.CPU/r.Wall, "cores")
	b.ReportMetric(1000*r.CPU/r.Wall/float64(channels), "mcores/channel")
	perFrame := 1e6 * r.CPU / max(1, (r.Sent+r.Received)/2) // one sent and one heard
	b.ReportMetric(perFrame, "µs-cpu/frame")
	b.ReportMetric(load(), "load")
	b.ReportMetric(serverCPU, "cores-server")
	b.ReportMetric(r.Memory, "MiB/channel")
	return perFrame
}
