package localdiscord

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // to read the size of uploaded pictures
	_ "image/jpeg"
	"image/png"
	"io"
	"mime"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"
)

const (
	// attachmentURLLife is how long an attachment's URL is good for.
	attachmentURLLife = 24 * time.Hour
	// maxStoredBytes is how much the uploaded files take in all; the oldest go first.
	maxStoredBytes = 1 << 30
	// maxPictureHeader is how far into a picture its size is looked for.
	maxPictureHeader = 1 << 20
	maxFilename      = 260
)

// file is an uploaded attachment.
type file struct {
	id          ID
	channel     ID
	name        string
	title       string
	description string
	contentType string
	size        int64
	width       int
	height      int
	duration    *float64
	waveform    string
	ephemeral   bool
}

// fileStore keeps uploaded files in a folder, named by their IDs. It has its own lock, as files are written and read
// without Server.mu.
type fileStore struct {
	root *os.Root
	lock *os.File // the folder, locked where no other server uses it
	temp string   // folder to remove at the end
	key  [32]byte

	mu    sync.Mutex
	files map[ID]*file
	order []ID
	bytes int64
}

func openFileStore(dir string) (*fileStore, error) {
	st := &fileStore{files: map[ID]*file{}}
	rand.Read(st.key[:]) // never fails
	var err error
	if dir == "" {
		if dir, err = os.MkdirTemp("", "localdiscord-"); err != nil {
			return nil, err
		}
		st.temp = dir
	}
	if st.root, err = openDir(dir); err != nil {
		return nil, fmt.Errorf("folder for uploads: %w", err)
	}
	if st.lock, err = st.root.Open("."); err != nil {
		return nil, errors.Join(fmt.Errorf("folder for uploads: %w", err), st.root.Close())
	}
	if syscall.Flock(int(st.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		st.sweep()
	}
	return st, nil
}

// sweep removes the uploads of earlier runs, whose messages are forgotten: no URL leads to them any more. What can't be
// removed now is tried again at the next start.
func (st *fileStore) sweep() {
	entries, _ := st.lock.ReadDir(-1)
	for _, e := range entries {
		digits, is := strings.CutPrefix(e.Name(), attachmentPrefix)
		if _, err := ParseID(digits); is && err == nil && e.Type().IsRegular() {
			_ = st.root.Remove(e.Name())
		}
	}
}

func (st *fileStore) close() error {
	err := errors.Join(st.lock.Close(), st.root.Close())
	if st.temp != "" {
		err = errors.Join(err, os.RemoveAll(st.temp))
	}
	return err
}

// attachmentPrefix begins the names of uploads; their ID follows.
const attachmentPrefix = "attachment-"

func (st *fileStore) path(id ID) string { return attachmentPrefix + id.String() }

// errTooLarge is returned for a file above the limit.
var errTooLarge = errors.New("the file is larger than the limit")

// save reads a file of at most limit bytes into the folder. It belongs to nobody until keep is called.
func (st *fileStore) save(id ID, name, contentType string, limit int64, r io.Reader) (f *file, err error) {
	out, err := st.root.OpenFile(st.path(id), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := out.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			st.root.Remove(st.path(id))
		}
	}()
	n, err := io.Copy(out, io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, errTooLarge
	}
	f = &file{id: id, name: cleanFilename(name), size: n, contentType: contentType}
	if f.name != name {
		f.title = strings.TrimSuffix(name, path.Ext(name))
	}
	if f.contentType == "" || f.contentType == "application/octet-stream" {
		if f.contentType = mime.TypeByExtension(strings.ToLower(path.Ext(name))); f.contentType == "" {
			head := make([]byte, 512)
			k, _ := out.ReadAt(head, 0)
			f.contentType = http.DetectContentType(head[:k])
		}
	}
	if strings.HasPrefix(f.contentType, "image/") {
		if c, _, err := image.DecodeConfig(io.NewSectionReader(out, 0, maxPictureHeader)); err == nil {
			f.width, f.height = c.Width, c.Height
		}
	}
	return f, nil
}

// keep makes files servable, and drops the oldest ones when there are too many bytes.
func (st *fileStore) keep(files []*file) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, f := range files {
		st.files[f.id] = f
		st.order = append(st.order, f.id)
		st.bytes += f.size
	}
	for st.bytes > maxStoredBytes && len(st.order) > 1 {
		st.removeLocked(st.order[0])
	}
	for len(st.order) > 0 && st.files[st.order[0]] == nil {
		st.order = st.order[1:]
	}
}

// discard removes files.
func (st *fileStore) discard(files []*file) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, f := range files {
		st.removeLocked(f.id)
	}
}

// size tells how many files are servable, and their bytes.
func (st *fileStore) size() (count int, bytes int64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return len(st.files), st.bytes
}

func (st *fileStore) removeLocked(id ID) {
	if f := st.files[id]; f != nil {
		st.bytes -= f.size
		delete(st.files, id)
	}
	if len(st.order) > 0 && st.order[0] == id {
		st.order = st.order[1:]
	}
	st.root.Remove(st.path(id))
}

// sign makes the part of an attachment's URL that cannot be guessed.
func (st *fileStore) sign(channel, id ID, expires int64) string {
	mac := hmac.New(sha256.New, st.key[:])
	fmt.Fprintf(mac, "%d/%d/%d", uint64(channel), uint64(id), expires)
	return hex.EncodeToString(mac.Sum(nil))
}

// cleanFilename keeps what Discord keeps of a file's name: letters, digits, dot, dash and underscore.
func cleanFilename(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '.', r == '-', r == '_':
			return r
		case r == ' ':
			return '_'
		default:
			return -1
		}
	}, path.Base(strings.ReplaceAll(name, `\`, "/")))
	if r := []rune(name); len(r) > maxFilename {
		name = string(r[len(r)-maxFilename:])
	}
	if strings.Trim(name, ".") == "" {
		return "unknown"
	}
	return name
}

func (s *Server) cdnHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /attachments/{channel}/{attachment}/{name}", s.serveAttachment)
	mux.HandleFunc("GET /embed/avatars/{file}", serveAvatar)
	mux.HandleFunc("GET /avatars/{user}/{file}", serveAvatar)
	mux.HandleFunc("GET /icons/{guild}/{file}", serveAvatar)
	return mux
}

func (s *Server) serveAttachment(w http.ResponseWriter, r *http.Request) {
	gone := func() { http.Error(w, "This content is no longer available.", http.StatusNotFound) }
	channel, err1 := ParseID(r.PathValue("channel"))
	id, err2 := ParseID(r.PathValue("attachment"))
	expires, err3 := strconv.ParseInt(r.URL.Query().Get("ex"), 16, 64)
	if errors.Join(err1, err2, err3) != nil || s.cfg.Now().Unix() > expires ||
		!hmac.Equal([]byte(r.URL.Query().Get("hm")), []byte(s.store.sign(channel, id, expires))) {
		gone()
		return
	}
	s.store.mu.Lock()
	f := s.store.files[id]
	s.store.mu.Unlock()
	if f == nil {
		gone()
		return
	}
	in, err := s.store.root.Open(s.store.path(id))
	if err != nil {
		gone()
		return
	}
	defer in.Close()
	// The page has the same origin, so nothing that somebody uploaded may run as one.
	h := w.Header()
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, max-age=3600")
	contentType := f.contentType
	if base, _, err := mime.ParseMediaType(contentType); err != nil || !showable(base) {
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.name}))
		if err != nil {
			contentType = "application/octet-stream"
		}
	}
	h.Set("Content-Type", contentType)
	http.ServeContent(w, r, "", f.id.Time(), in)
}

// showable tells whether a browser may show the type instead of saving it.
func showable(contentType string) bool {
	kind, sub, _ := strings.Cut(contentType, "/")
	switch kind {
	case "audio", "video":
		return true
	case "image":
		return sub != "svg+xml"
	case "text":
		return sub == "plain" || sub == "csv" || sub == "tab-separated-values" || sub == "markdown"
	}
	return false
}

// serveAvatar draws a placeholder: a disc in a colour that depends on the path.
func serveAvatar(w http.ResponseWriter, r *http.Request) {
	if path.Ext(r.PathValue("file")) != ".png" {
		http.NotFound(w, r)
		return
	}
	colours := []color.NRGBA{{88, 101, 242, 255}, {116, 127, 141, 255}, {67, 181, 129, 255}, {250, 166, 26, 255}, {240, 71, 71, 255}, {235, 69, 158, 255}}
	key := 0
	for _, b := range []byte(r.PathValue("user") + r.PathValue("guild") + r.PathValue("file")) {
		key = (key*31 + int(b)) % 9973
	}
	if n, err := strconv.Atoi(strings.TrimSuffix(r.PathValue("file"), ".png")); err == nil && n >= 0 {
		key = n
	}
	const size = 64
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	for y := range size {
		for x := range size {
			dx, dy := x-size/2, y-size/2
			if dx*dx+dy*dy <= size*size/4 {
				img.SetNRGBA(x, y, colours[key%len(colours)])
			}
		}
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	png.Encode(w, img) // an error means that the client has gone
}
