package evidence

import (
	"bytes"
	"errors"
	"testing"
)

// Whatever a file of vectors holds, it is taken as it was saved or refused, and then nothing has changed.
func FuzzLoad(f *testing.F) {
	lines := []Line{{"hello", false}, {"what is love", true}}
	saved := NewBackground(lines)
	saved.chat = matrix{rows: 1, columns: 2, data: []float32{1, 0}}
	saved.general = matrix{rows: 1, columns: 2, data: []float32{0, 1}}
	var b bytes.Buffer
	if err := saved.Save(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:20])
	f.Fuzz(func(t *testing.T, file []byte) {
		read := NewBackground(lines)
		err := read.Load(bytes.NewReader(file))
		switch {
		case err != nil && (!errors.Is(err, ErrOtherBackground) || read.chat.rows+read.general.rows+read.sample.rows > 0):
			t.Errorf("%v, %+v", err, read.chat)
		case err == nil && (read.chat.rows != 1 || read.general.rows != 1 || read.sample.rows != 2):
			t.Errorf("%+v", read.sample)
		}
	})
}
