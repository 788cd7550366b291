package discord

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// archived is a zip of files with their content, as it is: compressing takes long under the race detector.
func archived(t *testing.T, files ...upload) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		entry, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write(f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bomb is a zip with a file of so many megabytes of zeros, compressed a megabyte at a time.
func bomb(t *testing.T, megabytes int) []byte {
	t.Helper()
	zeros := make([]byte, 1<<20)
	var one bytes.Buffer
	w, err := flate.NewWriter(&one, flate.BestSpeed)
	if err == nil {
		_, err = w.Write(zeros)
	}
	if err := errors.Join(err, w.Flush()); err != nil {
		t.Fatal(err)
	}
	end := []byte{1, 0, 0, 0xff, 0xff} // an empty last block
	sum := crc32.NewIEEE()
	for range megabytes {
		sum.Write(zeros)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	entry, err := z.CreateRaw(&zip.FileHeader{
		Name: "x/zeros.txt", Method: zip.Deflate, CRC32: sum.Sum32(),
		CompressedSize64: uint64(one.Len()*megabytes + len(end)), UncompressedSize64: uint64(megabytes * len(zeros)),
	})
	if err == nil {
		_, err = entry.Write(append(bytes.Repeat(one.Bytes(), megabytes), end...))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFilesInOtherEncodings(t *testing.T) {
	w := newWorld(t, func(c *mynah) { c.teach.TrainBudget = time.Second })
	ann := w.login("Ann")
	encoded := func(e encoding.Encoding, text string) []byte {
		raw, err := e.NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		return []byte(raw)
	}
	greetings := table(map[string][]string{"приветствие": {"добрый день", "привет всем", "здравствуйте", "доброе утро", "рад вас видеть"}})
	farewells := table(map[string][]string{"прощание": {"до свидания", "пока всем", "до скорой встречи", "спокойной ночи", "увидимся завтра"}})
	ann.say("general", "!train",
		upload{"cp1251.csv", encoded(charmap.Windows1251, greetings)},
		upload{"utf16.csv", encoded(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), farewells)})
	wants(t, "trained", ann.saying("has ended").Content, "New: 10", "labels: 2", "skipped: 0")
	wants(t, "CP1251", ann.ask("general", "!dataset find добрый").Content, "добрый день", "приветствие", "cp1251.csv")
	wants(t, "UTF-16", ann.ask("general", "!dataset find свидания").Content, "до свидания", "прощание", "utf16.csv")
}

// An upload with which there would be too many examples is refused as a whole, and nothing of it is kept.
func TestTooManyExamples(t *testing.T) {
	w := newWorld(t, func(c *mynah) { c.teach.TrainBudget, c.teach.MaxExamples = time.Second, 30 })
	ann := w.login("Ann")
	ann.say("general", "!train", upload{"faq.csv", []byte(table(faq))})
	wants(t, "as many as there may be", ann.saying("has ended").Content, "Examples: **30**")
	greetings := upload{"more.csv", []byte(table(map[string][]string{"greeting": {"good morning", "good evening"}}))}
	ann.say("general", "!train", upload{"known.csv", []byte(table(faq))}, greetings)
	wants(t, "two too many", ann.saying("failed").Content, "there would be 32 examples; 30 is the most", "Nothing of it was kept", "!dataset remove")
	wants(t, "one too many", ann.ask("general", "!train good night label:greeting").Content, "more than 30 examples")
	wants(t, "nothing of it is kept", ann.ask("general", "!dataset list").Content, "**30**")
	wants(t, "or found", ann.ask("general", "!dataset find good").Content, "No example has that")
	uploads, err := w.spaces.Workspace(w.server)
	w.check(err)
	left, err := uploads.List("files/uploads")
	if w.check(err); len(left) != 0 {
		t.Errorf("uploads are left: %v", left)
	}
	wants(t, "make room", ann.ask("general", "!dataset remove label:place").Content, "Removed: 10")
	ann.say("general", "!train", greetings)
	wants(t, "enough room", ann.saying("has ended").Content, "New: 2", "Examples: **22**")
}

func TestHostileArchives(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.login("Ann")
	escaping := upload{"../../evil.txt", []byte("evil")}
	for _, tc := range []struct {
		name    string
		archive []byte
		want    string
	}{
		{"a bomb", bomb(t, 65), "more than I may unpack"},
		{"out of the archive", archived(t, escaping), "outside the archive"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ann.say("general", "!train", upload{"a.zip", tc.archive})
			wants(t, tc.name, ann.saying("failed").Content, tc.want)
		})
	}
	wants(t, "status", ann.ask("general", "!status 1").Content, "failed", "more than I may")
	ann.say("general", "!train", upload{"c.zip", []byte("no archive")})
	wants(t, "no archive", ann.saying("failed").Content, "no ZIP archive")
	ann.say("general", "!train", upload{"b.zip", archived(t, escaping, upload{"faq.csv", []byte(table(faq))})})
	wants(t, "the rest of it", ann.saying("has ended").Content, "New: 30", "skipped: 1", "outside the archive")
	space, err := w.spaces.Workspace(w.server)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := space.List("files/uploads"); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestALinkOutOfTheWorkspace(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.login("Ann")
	space, err := w.spaces.Workspace(w.server)
	if err != nil {
		t.Fatal(err)
	}
	secret := t.TempDir()
	if err := os.WriteFile(filepath.Join(secret, "secret.csv"), []byte(table(faq)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := space.Create("datasets/own.txt", strings.NewReader("mine")); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"file.csv": "secret.csv", "folder": ""} {
		if err := os.Symlink(filepath.Join(secret, to), filepath.Join(w.dir, "servers", w.server.String(), "datasets", link)); err != nil {
			t.Fatal(err)
		}
	}
	const refused = "leads out of this server's files"
	for _, line := range []string{
		"!getfile datasets/file.csv", "!getfile datasets/folder/secret.csv", "!select_dataset datasets/file.csv", "!select_dataset datasets/folder",
		"!dataset show file.csv", "!train dataset:datasets/folder", "!archive datasets/folder",
	} {
		wants(t, line, ann.ask("general", line).Content, refused)
	}
	packed := ann.ask("general", "!archive datasets")
	wants(t, "archive a file", ann.ask("general", "!archive datasets/own.txt").Content, "is a file")
	wants(t, "archive nothing", ann.ask("general", "!archive models").Content, "no file in it")
	wants(t, "archive", packed.Content, "files: 1,")
	if got := ann.complete("general", "getfile", map[string]any{"path": "secret"}, "path"); len(got) != 0 {
		t.Errorf("completion: %v", got)
	}
}

func TestBadTexts(t *testing.T) {
	w := newWorld(t, func(c *mynah) { c.teach.TrainBudget = time.Second })
	ann := w.login("Ann")
	long := strings.Repeat("long ", 1200)
	ann.slash("general", "ask", map[string]any{"question": long[:3999]})
	wants(t, "4,000 characters", ann.reply().Content, "I don't know that")
	wants(t, "a message of 4,000 characters", ann.ask("general", "!ask "+long[:3995]).Content, "I don't know that")
	wants(t, "4,000 characters to correct with", ann.ask("general", "!correct "+long[:3991]).Content, "Noted")
	wants(t, "how it is used", ann.ask("general", "!getfile").Content, "`path` is missing", "`!getfile path`")
	unknown := ann.ask("general", "!ask where is it")
	ann.slash("general", "correct", map[string]any{"message": unknown.ID.String(), "correction": long[:5999]})
	wants(t, "a longer correction", ann.reply().Content, "at most 4000 characters")
	mine := ann.say("general", "I say so")
	wants(t, "correct my own", ann.ask("general", "!correct "+mine.String()+" x").Content, "no question")
	ann.slash("general", "correct", map[string]any{"message": mine.String(), "correction": "x"})
	wants(t, "/correct my own", ann.reply().Content, "no question")
	wants(t, "correct nothing", ann.ask("general", "!correct").Content, "`correction` is missing")
	wants(t, "no model", ann.ask("general", `!test {broken json`).Content, "no model to test")
	ann.say("general", "!train", upload{"faq.csv", []byte(table(faq))})
	ann.saying("has ended")
	for text, at := range map[string]string{`{broken json`: "character 2", `["a", "b"`: "character 9", `"open`: "character 5"} {
		wants(t, text, ann.ask("general", "!test "+text).Content, "no valid JSON", at)
		ann.slash("general", "test", map[string]any{"json": text})
		wants(t, "/test "+text, ann.reply().Content, "no valid JSON", at)
	}
}
