package voices

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/speech/sherpa"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/speech/wer"
	"github.com/mynahbot/mynah/internal/spoken"
)

// replies are sentences such as Mynah says.
func replies(t testing.TB) []string {
	t.Helper()
	b, err := os.ReadFile("testdata/replies.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// readings are what people read aloud in the shared recordings: sentences that were not made for this.
func readings(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, c := range speechtest.Clips(t) {
		n := len(strings.Fields(c.Text))
		if c.Subset() == "en" && n >= 4 && n <= 30 && !slices.Contains(all, c.Text) {
			all = append(all, c.Text)
		}
	}
	if len(all) < 60 {
		t.Fatalf("only %d sentences", len(all))
	}
	return all[:60]
}

// store opens the installed models.
func store(t testing.TB) *models.Store {
	t.Helper()
	c, err := models.BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	s, err := models.Open(c, speechtest.Models(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// spoken collects what a synthesizer says, and how long the first piece took.
func saidAloud(t testing.TB, v speech.Synthesizer, s spoken.Speech) (sound audio.PCM, first, all time.Duration) {
	t.Helper()
	start := time.Now()
	err := v.Synthesize(context.Background(), s, func(p audio.PCM) error {
		if first == 0 {
			first = time.Since(start)
		}
		sound.Rate = p.Rate
		sound.Samples = append(sound.Samples, p.Samples...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sound, first, time.Since(start)
}

// maxFirstAudio is what is promised of the time to the first audio.
const maxFirstAudio = 250 * time.Millisecond

// BenchmarkVoices measures the voices on 60 replies and 60 sentences out of books: the word error rate with which the
// default recognizer reads them back, the time to the first audio, and the real-time factor. It fails where the replies
// miss what is promised; run it on a quiet machine.
func BenchmarkVoices(b *testing.B) {
	s := store(b)
	v := Open(Config{}, s)
	defer v.Close()
	if err := v.Warm(context.Background(), "en"); err != nil {
		b.Fatal(err)
	}
	library, err := sherpa.Open(speechtest.LibraryFolder(b))
	if err != nil {
		b.Fatal(err)
	}
	recognizer, err := library.NewRecognizer(speechtest.Model(b, speech.KindMoonshine, "en"), speech.NewCores(1), 1)
	if err != nil {
		b.Fatal(err)
	}
	defer recognizer.Close()
	usual := v.Status("en")[0].Voice
	for _, voice := range []struct {
		name string
		wer  float64 // largest allowed
	}{{usual, 0.15}, {ESpeak, 0.30}} {
		for _, set := range []struct {
			name string
			from []string
		}{{"replies", replies(b)}, {"readings", readings(b)}} {
			b.Run(voice.name+"/"+set.name, func(b *testing.B) {
				for b.Loop() {
					var firsts []time.Duration
					var took, length time.Duration
					var count wer.Count
					for _, text := range set.from {
						sound, first, all := saidAloud(b, v, spoken.Speech{Text: text, Language: "en", Voice: voice.name})
						firsts = append(firsts, first)
						took += all
						length += sound.Duration()
						count = count.Add(wer.Compare(text, hear(b, recognizer, sound)))
					}
					slices.Sort(firsts)
					b.ReportMetric(100*count.Rate(), "%WER")
					b.ReportMetric(ms(firsts[len(firsts)/2]), "ms-first-p50")
					b.ReportMetric(ms(firsts[len(firsts)*95/100]), "ms-first-p95")
					b.ReportMetric(ms(firsts[len(firsts)-1]), "ms-first-max")
					b.ReportMetric(took.Seconds()/length.Seconds(), "RTF")
					// A benchmark that fails prints its log and not its metrics.
					b.Logf("word error rate %s, first audio %v (median) %v (longest)", count, firsts[len(firsts)/2], firsts[len(firsts)-1])
					if set.name == "replies" && count.Rate() > voice.wer {
						b.Errorf("word error rate %s, allowed are %.0f %%", count, 100*voice.wer)
					}
					if median := firsts[len(firsts)/2]; median > maxFirstAudio {
						b.Errorf("the first audio takes %v, allowed are %v", median, maxFirstAudio)
					}
				}
			})
		}
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// hear recognizes audio of up to 15 s.
func hear(t testing.TB, r spoken.Recognizer, sound audio.PCM) string {
	t.Helper()
	at16k, err := audio.Resample(sound, spoken.Rate)
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	limit := int(spoken.MaxUtterance.Seconds() * spoken.Rate)
	for part := range slices.Chunk(at16k.Samples, limit) {
		heard, err := r.Recognize(context.Background(), spoken.Utterance{Samples: part, Language: "en"})
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, heard.Text)
	}
	return strings.Join(text, " ")
}
