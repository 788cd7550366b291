package voice

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/discord/voice"
	"github.com/mynahbot/mynah/internal/localdiscord"
	localvoice "github.com/mynahbot/mynah/internal/localdiscord/voice"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/spoken"
)

// network is what happens to packets on the way, and what that may cost, in shares of the words.
type network struct {
	name    string
	faults  localvoice.Faults
	maxCost float64
}

var allNetworks = []network{
	{"1 % lost", localvoice.Faults{Drop: 0.01}, 0.03},
	{"5 % lost", localvoice.Faults{Drop: 0.05}, 0.03},
	{"10 % lost", localvoice.Faults{Drop: 0.1}, 0.06},
	{"50 ms jitter", localvoice.Faults{Jitter: 50 * time.Millisecond}, 0.03},
	{"10 % reordered", localvoice.Faults{Reorder: 0.1}, 0.03},
}

// reading is a recording that is spoken in a voice channel to several of ours: one gets every packet as it is sent, the others over a
// network each.
type reading struct {
	clip        speechtest.Clip
	samples     []float32
	speaker, ok *ours
	over        []*ours // in the order of networks
	item        *voice.Item
}

func (c *call) read(t *testing.T, channel snowflake.ID, clip speechtest.Clip, networks []network) *reading {
	t.Helper()
	user := channel * 100
	next := func() *ours {
		user++
		return c.connection(t, user)
	}
	r := &reading{clip: clip, samples: speechtest.WAV(t, clip.Path), speaker: next(), ok: next()}
	for _, n := range networks {
		o := next()
		c.voice.SetFaults(localdiscord.ID(o.id), false, n.faults)
		r.over = append(r.over, o)
	}
	for _, o := range r.all() {
		o.open(t, channel)
	}
	played, err := audio.Resample(audio.PCM{Rate: spoken.Rate, Samples: r.samples}, audio.EncodeRate)
	if err != nil {
		t.Fatal(err)
	}
	if r.item, err = r.speaker.Player().Play(t.Context(), clip.File, &pcm{rest: played.Samples}); err != nil {
		t.Fatal(err)
	}
	return r
}

// all are who is in the channel; the one who speaks comes last.
func (r *reading) all() []*ours { return append(append([]*ours{r.ok}, r.over...), r.speaker) }

// TestLoss speaks recordings of people to us over networks that lose, delay and reorder packets, ten at a time. MYNAH_LOSS_CLIPS says how
// many; without it there are ten, and one network.
func TestLoss(t *testing.T) {
	beside(t)
	n, networks := 10, allNetworks[1:2]
	if more, err := strconv.Atoi(os.Getenv("MYNAH_LOSS_CLIPS")); err == nil {
		n, networks = more, allNetworks
	} else if testing.Short() {
		t.Skip("takes half a minute")
	}
	ears, _ := newEars(t)
	clips := people(t, n)
	c := newCall(t)
	const atOnce = 10
	packets, missing, late := make([]uint64, len(networks)), make([]uint64, len(networks)), make([]uint64, len(networks))
	for first := 0; first < n; first += atOnce {
		var now []*reading
		for i, clip := range clips[first:min(first+atOnce, n)] {
			now = append(now, c.read(t, snowflake.ID(10_000+first+i), clip, networks))
		}
		for _, r := range now {
			<-r.item.Done()
			ears.hear("file", r.clip.Text, r.samples)
			ears.hear("whole", r.clip.Text, r.ok.take(t, r.speaker.id, waitLimit))
			for i, o := range r.over {
				ears.hear(networks[i].name, r.clip.Text, o.take(t, r.speaker.id, waitLimit))
				for _, s := range o.Health().Speakers {
					packets[i], missing[i], late[i] = packets[i]+s.Packets, missing[i]+s.Lost, late[i]+s.Late
				}
			}
			for _, o := range r.all() {
				o.leave(t)
			}
		}
	}
	wrong := ears.wrong()
	whole := wrong["whole"]
	t.Logf("%d recordings of %d words; wrong from file %v, with every packet %v", n, whole.Words/readings, wrong["file"], whole)
	if whole.Words == 0 {
		t.Fatal("nothing was heard")
	}
	for i, net := range networks {
		heard, all := wrong[net.name], missing[i]+packets[i]
		t.Logf("%s: %d of %d packets missing, %d of them late; wrong %v", net.name, missing[i], all, late[i], heard)
		if share := float64(missing[i]) / float64(all); share < net.faults.Drop/2 || share > 2*net.faults.Drop+0.03 {
			t.Errorf("%s: %.3f of the packets are missing", net.name, share)
		}
		cost := net.maxCost
		if n < 40 { // with few words only what is plainly wrong can be told
			cost = 0.15
		}
		if heard.Rate() > whole.Rate()+cost {
			t.Errorf("%s: %v of the words are wrong, without it %v", net.name, heard, whole)
		}
	}
}
