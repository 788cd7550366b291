package muse

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// npy is an array in NumPy's format 1.0.
func npy(header string, numbers []byte) []byte {
	b := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(b[8:], uint16(len(header)))
	return slices.Concat(b, []byte(header), numbers)
}

func header(kind string, shape string) string {
	return fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }   \n", kind, shape)
}

// npz is an archive of arrays.
func npz(t testing.TB, arrays map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range arrays {
		w, err := z.Create(name + ".npy")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func floats(v ...float32) (b []byte) {
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

func TestWeights(t *testing.T) {
	six := floats(1, 2, 3, 4, 5, 6)
	for name, c := range map[string]struct {
		array []byte
		want  string // part of the error; "" for none
	}{
		"right":          {npy(header("<f4", "2, 3"), six), ""},
		"another kind":   {npy(header("<f8", "2, 3"), six), "not of the kind <f4"},
		"another shape":  {npy(header("<f4", "3, 2"), six), "3 × 2 instead of 2 × 3"},
		"flat":           {npy(header("<f4", "6,"), six), "6 instead of 2 × 3"},
		"columns first":  {npy(strings.Replace(header("<f4", "2, 3"), "False", "True", 1), six), "another order"},
		"no shape":       {npy("{'descr': '<f4', 'fortran_order': False}", six), "no shape"},
		"too few":        {npy(header("<f4", "2, 3"), six[:20]), "20 bytes of numbers instead of 24"},
		"too many":       {npy(header("<f4", "2, 3"), append(six[:24:24], 0)), "25 bytes"},
		"far too many":   {npy(header("<f4", "2, 3"), make([]byte, 1<<20)), "over"},
		"no number":      {npy(header("<f4", "2, 3"), floats(1, 2, 3, 4, 5, float32(math.NaN()))), "no number"},
		"no array":       {[]byte("version https://git-lfs.github.com/spec/v1"), "no array"},
		"nothing":        {nil, "no array"},
		"a cut header":   {npy(header("<f4", "2, 3"), nil)[:40], "cut short"},
		"another format": {append([]byte("\x93NUMPY\x02\x00"), make([]byte, 40)...), "no array"},
	} {
		t.Run(name, func(t *testing.T) {
			b := npz(t, map[string][]byte{"a": c.array})
			w, err := openWeights(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			got := w.floats("a", 2, 3)
			switch {
			case c.want == "" && (w.err != nil || !slices.Equal(got, []float32{1, 2, 3, 4, 5, 6})):
				t.Errorf("%v, %v", got, w.err)
			case c.want != "" && (w.err == nil || !strings.Contains(w.err.Error(), c.want)):
				t.Errorf("error %v, want one with %q", w.err, c.want)
			case len(got) != 6:
				t.Errorf("%d numbers", len(got))
			}
		})
	}
	for name, b := range map[string][]byte{"nothing": nil, "no zip": []byte("PK and no more")} {
		if _, err := openWeights(bytes.NewReader(b), int64(len(b))); err == nil {
			t.Errorf("%s was opened", name)
		}
	}
	if _, err := openWeights(bytes.NewReader(nil), maxArchive+1); err == nil || !strings.Contains(err.Error(), "over 256 MB") {
		t.Errorf("a large archive: %v", err)
	}
}

func FuzzContent(f *testing.F) {
	f.Add(npy(header("<f4", "2, 3"), make([]byte, 24)))
	f.Add(npy(header("|u1", "6,"), make([]byte, 6)))
	f.Add([]byte("\x93NUMPY\x01\x00\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := content(b, "<f4", []int{2, 3})
		if err == nil && len(got) > len(b)-10 {
			t.Errorf("%d bytes of numbers in %d", len(got), len(b))
		}
	})
}

// What isn't there or damaged is an error of the preparation, which leaves the weights.
func TestPrepareRefuses(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := Prepare(root); err == nil {
		t.Error("prepared nothing")
	}
	if err := os.WriteFile(filepath.Join(dir, weightsFile), npz(t, map[string][]byte{"proj2": nil}), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Prepare(root); err == nil || !strings.Contains(err.Error(), "array proj2") {
		t.Errorf("with a damaged array: %v", err)
	}
	if _, err := root.Stat(weightsFile); err != nil {
		t.Error(err)
	}
}
