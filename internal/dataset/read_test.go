package dataset

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// short writes examples as "text|label|reply" for comparing.
func short(examples []record.Example) []string {
	var out []string
	for _, e := range examples {
		out = append(out, e.Text+"|"+e.Label+"|"+e.Reply)
	}
	return out
}

func TestReadUpload(t *testing.T) {
	for name, c := range map[string]struct {
		file, data string
		opt        ReadOptions
		want       []string
		skips      int
	}{
		"csv with header":      {"a.csv", "text,label\nhello,greet\n\"bye, then\",part\n", ReadOptions{}, []string{"hello|greet|", "bye, then|part|"}, 0},
		"csv header swapped":   {"a.csv", "Category,Message\nham,hello there\nspam,win now\n", ReadOptions{}, []string{"hello there|ham|", "win now|spam|"}, 0},
		"csv without header":   {"a.csv", "hello there,greet\nhi you,greet\nbye now,part\n", ReadOptions{}, []string{"hello there|greet|", "hi you|greet|", "bye now|part|"}, 0},
		"csv semicolon":        {"a.csv", "вопрос;ответ\nкто ты;я Майна\n", ReadOptions{}, []string{"кто ты||я Майна"}, 0},
		"csv label first":      {"a.csv", "ham,are you there\nspam,win a prize now\nham,ok see you\n", ReadOptions{}, []string{"are you there|ham|", "win a prize now|spam|", "ok see you|ham|"}, 0},
		"csv replies":          {"a.csv", "how do i pay?,You can pay by card at the desk.\nwhere are you?,\"Main street 1, second floor.\"\n", ReadOptions{}, []string{"how do i pay?||You can pay by card at the desk.", "where are you?||Main street 1, second floor."}, 0},
		"csv positive":         {"a.csv", "text,positive\ngood,True\nbad,0\n", ReadOptions{}, []string{"good|positive|", "bad|negative|"}, 0},
		"csv multi-line":       {"a.csv", "text,label\n\"two\nlines\",x\nb,y\n", ReadOptions{}, []string{"two lines|x|", "b|y|"}, 0},
		"csv broken quoting":   {"a.csv", "text,label\n\"open,x\ngood,y\nsay \"hi\" now,z\n", ReadOptions{}, []string{"good|y|", `say "hi" now|z|`}, 1},
		"csv one column":       {"a.csv", "hello\nbye\n", ReadOptions{Label: "x"}, []string{"hello|x|", "bye|x|"}, 0},
		"csv one column alone": {"a.csv", "hello\nbye\n", ReadOptions{}, nil, 2},
		"csv short row":        {"a.csv", "text,label\nhello,greet\nlonely\nbye,part\n", ReadOptions{}, []string{"hello|greet|", "bye|part|"}, 1},
		"csv many columns":     {"a.csv", "text,label\na,x" + strings.Repeat(",", maxColumns) + "\n\"b\",x" + strings.Repeat(",", maxColumns) + "\nb\"c,x" + strings.Repeat(",", maxColumns) + "\nd,y\n", ReadOptions{}, []string{"d|y|"}, 3},
		"csv commas in a text": {"a.csv", "text,label\n\"" + strings.Repeat(",", maxColumns) + "\",x\nb,y\n", ReadOptions{}, []string{strings.Repeat(",", maxColumns) + "|x|", "b|y|"}, 0},
		"csv of many rows":     {"a.csv", strings.Repeat("hello there,greet\nbye,part\n", columnSample), ReadOptions{}, slices.Repeat([]string{"hello there|greet|", "bye|part|"}, columnSample), 0},
		"tsv":                  {"a.tsv", "hello\tgreet\nbye\tpart\n", ReadOptions{}, []string{"hello|greet|", "bye|part|"}, 0},
		"jsonl":                {"a.jsonl", "{\"text\":\"a\",\"label\":\"x\"}\n{broken\n\n{\"question\":\"q\",\"answer\":\"r\"}\n{\"text\":\"p\",\"label\":\"positive\"}\n", ReadOptions{}, []string{"a|x|", "q||r", "p|positive|"}, 1},
		"jsonl chat":           {"a.jsonl", `{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"v"}]}`, ReadOptions{}, []string{"u||v"}, 0},
		"json list":            {"a.json", `[{"Text":"a","Label":1},{"input":"b","output":"c d e f"},["t","l"],{"label":"x"}]`, ReadOptions{}, []string{"a|1|", "b||c d e f", "t|l|"}, 1},
		"json by label":        {"a.json", `{"greet":["hi","hello"],"part":["bye"]}`, ReadOptions{}, []string{"hi|greet|", "hello|greet|", "bye|part|"}, 0},
		"json intents":         {"a.json", `{"intents":[{"tag":"greet","patterns":["hi","hello"],"responses":["Hey!"]}]}`, ReadOptions{}, []string{"hi|greet|Hey!", "hello|greet|Hey!"}, 0},
		"json of lines":        {"a.json", "{\"text\":\"a\",\"label\":\"x\"}\n{\"text\":\"b\",\"label\":\"y\"}\n", ReadOptions{}, []string{"a|x|", "b|y|"}, 0},
		"json long element":    {"a.json", "\n [[" + strings.Repeat("[],", maxLineBytes/3) + `0],{"text":"a","label":"x"}]`, ReadOptions{}, []string{"a|x|"}, 1},
		"json of no use":       {"a.json", "[" + strings.Repeat("0,", learn.MaxExamples+5) + `{"text":"a","label":"x"}]`, ReadOptions{}, nil, learn.MaxExamples + 2},
		"json cut short":       {"a.json", `[{"text":"a","label":"x"},{"text":"b"`, ReadOptions{}, nil, 1},
		"json broken":          {"a.json", `[{"text":"a"`, ReadOptions{}, nil, 1},
		"json positive":        {"a.json", `[{"text":"a","positive":true},{"text":"b","positive":false}]`, ReadOptions{}, []string{"a|positive|", "b|negative|"}, 0},
		"txt lines":            {"a.txt", "one\r\n\r\ntwo\r\n", ReadOptions{Label: "x"}, []string{"one|x|", "two|x|"}, 0},
		"txt fasttext":         {"a.txt", "__label__x one\n__label__y two\n", ReadOptions{}, []string{"one|x|", "two|y|"}, 0},
		"txt dialogue":         {"a.txt", "Q: who?\nA: me\nand you\n\nВ: кто?\nО: я\n", ReadOptions{}, []string{"who?||me\nand you", "кто?||я"}, 0},
		"bom":                  {"a.csv", "\xef\xbb\xbftext,label\nhé,x\n", ReadOptions{}, []string{"hé|x|"}, 0},
		"empty":                {"a.csv", " \n", ReadOptions{}, nil, 1},
		"binary":               {"a.csv", "\x7fELF\x00\x01\x02", ReadOptions{}, nil, 1},
		"other kind":           {"a.png", "hello", ReadOptions{}, nil, 1},
		"no extension":         {"data", "{\"text\":\"a\",\"label\":\"x\"}\n", ReadOptions{}, []string{"a|x|"}, 0},
		"too long":             {"a.csv", "text,label\n" + strings.Repeat("a", record.MaxTextRunes+1) + ",x\nb,y\n", ReadOptions{}, []string{"b|y|"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			got, rep, err := ReadUpload(context.Background(), c.file, strings.NewReader(c.data), c.opt)
			if (err != nil) != (c.want == nil) {
				t.Errorf("error %v", err)
			}
			if !slices.Equal(short(got), c.want) {
				t.Errorf("got %q\nwant %q", short(got), c.want)
			}
			if rep.SkipCount != c.skips {
				t.Errorf("%d skipped: %v", rep.SkipCount, rep.Skipped)
			}
		})
	}
}

func TestReadEncodings(t *testing.T) {
	const russian = "text,label\nпривет всем,приветствие\nпока,прощание\n"
	want := []string{"привет всем|приветствие|", "пока|прощание|"}
	cp, _ := charmap.Windows1251.NewEncoder().String(russian)
	utf16le := func(bom bool) string {
		var b []byte
		if bom {
			b = append(b, 0xff, 0xfe)
		}
		for _, u := range utf16.Encode([]rune(russian)) {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
		return string(b)
	}
	var be []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + russian)) {
		be = binary.BigEndian.AppendUint16(be, u)
	}
	cpLine, _ := charmap.Windows1251.NewEncoder().String("пока,прощание\n")
	for name, data := range map[string]string{
		"utf-8": russian, "bom": "\ufeff" + russian, "cp1251": cp, "utf-16le bom": utf16le(true), "utf-16le": utf16le(false), "utf-16be bom": string(be),
		"mixed": "text,label\nпривет всем,приветствие\n" + cpLine,
	} {
		got, _, err := ReadUpload(context.Background(), "a.csv", strings.NewReader(data), ReadOptions{})
		if err != nil || !slices.Equal(short(got), want) {
			t.Errorf("%s: %q, %v", name, short(got), err)
		}
	}
	latin, _ := charmap.Windows1252.NewEncoder().String("text,label\ncafé au lait,boisson\nthé vert,boisson\n")
	got, _, err := ReadUpload(context.Background(), "a.csv", strings.NewReader(latin), ReadOptions{})
	if err != nil || !slices.Equal(short(got), []string{"café au lait|boisson|", "thé vert|boisson|"}) {
		t.Errorf("windows-1252: %q, %v", short(got), err)
	}
}

func TestReadFolder(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{
		"greet/a.txt": "hi\nhello\n", "part/b.txt": "bye\n", "part/deep/c.txt": "later\n", "own.csv": "text,label\nx,own\n", "part/d.csv": "text,label\ny,inner\n",
		".hidden/e.txt": "no", "part/.f": "no", "pic.png": "no",
	} {
		p := filepath.Join(dir, "set", name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "set", "link.txt")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	got, rep, err := ReadPath(context.Background(), root.FS(), "set", ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"hi|greet|", "hello|greet|", "x|own|", "bye|part|", "y|inner|", "later|deep|"}
	if !slices.Equal(short(got), want) {
		t.Errorf("got %q", short(got))
	}
	if rep.Files != 5 || rep.SkipCount != 2 || rep.Labels["greet"] != 2 {
		t.Errorf("report %+v", rep)
	}
	if got[1].Origin != (record.Origin{Kind: record.OriginFile, File: "greet/a.txt", Line: 2}) {
		t.Errorf("origin %+v", got[1].Origin)
	}
	for _, bad := range []string{"../x", "/etc/passwd", "nothing"} {
		if _, _, err := ReadPath(context.Background(), root.FS(), bad, ReadOptions{}); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
	if _, _, err := ReadPath(context.Background(), root.FS(), "set/link.txt", ReadOptions{Label: "x"}); err == nil {
		t.Error("a link out of the workspace was read")
	}
}

func archive(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	zw := zip.NewWriter(&b)
	// The usual compression takes long under the race detector.
	zw.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	for i := 0; i < len(files); i += 2 {
		method := zip.Deflate
		if files[i+1] == "" {
			method = zip.Store
		}
		w, err := zw.CreateHeader(&zip.FileHeader{Name: files[i], Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadArchive(t *testing.T) {
	data := archive(t, "greet/a.txt", "hi\n", "part/b.txt", "bye\n", "../evil.txt", "evil\n", "/abs.txt", "evil\n", `..\win.txt`, "evil\n", "c:/x.txt", "evil\n", "in.zip", string(archive(t, "x/a.txt", "no")), "own.jsonl", `{"text":"t","label":"l"}`)
	got, rep, err := ReadUpload(context.Background(), "set.zip", bytes.NewReader(data), ReadOptions{})
	if err != nil || !slices.Equal(short(got), []string{"hi|greet|", "bye|part|", "t|l|"}) {
		t.Fatalf("%q, %v", short(got), err)
	}
	if rep.SkipCount != 5 {
		t.Errorf("skipped %v", rep.Skipped)
	}
}

// TestReadTakesLittleMemory reads files of nothing but what the formats are parted by.
func TestReadTakesLittleMemory(t *testing.T) {
	const size = 8 << 20
	for name, c := range map[string]struct{ file, data, says string }{
		"csv":                   {"a.csv", strings.Repeat(",", size), "more than 256 columns"},
		"csv, quoted":           {"a.csv", `""` + strings.Repeat(",", size), "more than 256 columns"},
		"csv, broken quoting":   {"a.csv", `a"` + strings.Repeat(",", size), "more than 256 columns"},
		"csv, many quotes":      {"a.csv", strings.Repeat(`"",`, size/3), "more than 256 columns"},
		"tsv":                   {"a.tsv", strings.Repeat("\t", size) + "x", "more than 256 columns"},
		"no extension":          {"a", strings.Repeat(",", size), "the text is longer"},
		"one JSON value":        {"a.json", `{"a":[` + strings.Repeat("[],", maxJSONValue/3) + "0]}", "is no layout that I know"},
		"words in a text":       {"a.txt", strings.Repeat("a ", size/2), "the text is longer"},
		"words in a cell":       {"a.csv", "text,label\n" + strings.Repeat("a ", size/2) + ",x", "the text is longer"},
		"words in a JSON value": {"a.json", `["` + strings.Repeat("a ", size/2) + `"]`, "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err := ReadUpload(context.Background(), c.file, strings.NewReader(c.data), ReadOptions{Label: "x"})
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			// Reading itself takes up to 10 times the file's size in all, most of it garbage soon.
			if took := after.TotalAlloc - before.TotalAlloc; took > 16*size {
				t.Errorf("%d MB for a file of %d MB", took>>20, size>>20)
			}
		})
	}
}

func TestReadLimits(t *testing.T) {
	ctx := context.Background()
	var many []string
	for i := range MaxEntries + 1 {
		many = append(many, fmt.Sprintf("%d.txt", i), "")
	}
	if _, _, err := ReadUpload(ctx, "a.zip", bytes.NewReader(archive(t, many...)), ReadOptions{Label: "x"}); !errors.Is(err, ErrTooManyFiles) {
		t.Errorf("too many entries: %v", err)
	}
	bomb := archive(t, "a.txt", strings.Repeat("0123456789abcdef", (MaxFileBytes>>4)+1))
	if len(bomb) > 1<<20 {
		t.Fatal("not much of a bomb")
	}
	if _, _, err := ReadUpload(ctx, "a.zip", bytes.NewReader(bomb), ReadOptions{Label: "x"}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("bomb: %v", err)
	}
	if _, _, err := ReadUpload(ctx, "a.txt", strings.NewReader(strings.Repeat("x\n", 11)), ReadOptions{Label: "x", MaxCount: 10}); !errors.Is(err, learn.ErrTooManyExamples) {
		t.Errorf("too many examples: %v", err)
	}
	fsys := fstest.MapFS{}
	for i := range MaxEntries + 1 {
		fsys[fmt.Sprintf("%d.txt", i)] = &fstest.MapFile{Data: []byte("x")}
	}
	if _, _, err := ReadPath(ctx, fsys, ".", ReadOptions{Label: "x"}); !errors.Is(err, ErrTooManyFiles) {
		t.Errorf("folder: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := ReadPath(cancelled, fstest.MapFS{"a.txt": {Data: []byte("x")}}, ".", ReadOptions{Label: "x"}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
