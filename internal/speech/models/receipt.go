package models

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/mynahbot/mynah/internal/speech"
)

// receiptFile lies in every folder that this package installed.
const receiptFile = "installed.json"

// receipt says what was installed: from where, and each file as it was.
type receipt struct {
	Source string         `json:"source"`
	Files  []receiptEntry `json:"files"`
}

type receiptEntry struct {
	Name     string    `json:"name"` // path under the folder, with slashes
	Size     int64     `json:"size"` // bytes
	SHA256   string    `json:"sha256"`
	Modified time.Time `json:"modified"`
}

// writeReceipt hashes all that is in the folder and writes its receipt.
func writeReceipt(folder *os.Root, source string) error {
	r := receipt{Source: source}
	err := fs.WalkDir(folder.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == receiptFile || name == speech.ModelFile {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		digest, err := digestOf(folder, name)
		if err != nil {
			return err
		}
		r.Files = append(r.Files, receiptEntry{Name: name, Size: info.Size(), SHA256: digest, Modified: info.ModTime()})
		return nil
	})
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return folder.WriteFile(receiptFile, append(b, '\n'), 0o644)
}

// readReceipt gives nil where a folder has none: somebody put it there by hand.
func readReceipt(folder *os.Root) (*receipt, error) {
	b, err := folder.ReadFile(receiptFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseReceipt(b)
}

func parseReceipt(b []byte) (*receipt, error) {
	r := &receipt{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%s: %w", receiptFile, err)
	}
	for _, f := range r.Files {
		if !filepath.IsLocal(f.Name) || !digestPattern.MatchString(f.SHA256) {
			return nil, fmt.Errorf("%s: %q is no file with a digest", receiptFile, f.Name)
		}
	}
	return r, nil
}

// checkReceipt compares sizes and times, and hashes only what has other times: a copied folder.
func checkReceipt(dir string) error { return compare(dir, false) }

// verifyReceipt hashes everything.
func verifyReceipt(dir string) error { return compare(dir, true) }

func compare(dir string, hash bool) error {
	folder, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	r, err := readReceipt(folder)
	if err != nil || r == nil {
		return err
	}
	moved := false
	for i, f := range r.Files {
		info, err := folder.Stat(f.Name)
		if err != nil {
			return err
		}
		if info.Size() != f.Size {
			return fmt.Errorf("%s has %d bytes instead of %d", f.Name, info.Size(), f.Size)
		}
		same := info.ModTime().Equal(f.Modified)
		if same && !hash {
			continue
		}
		digest, err := digestOf(folder, f.Name)
		if err != nil {
			return err
		}
		if digest != f.SHA256 {
			return fmt.Errorf("%s has another SHA-256", f.Name)
		}
		if !same {
			r.Files[i].Modified, moved = info.ModTime(), true
		}
	}
	if moved {
		// Where the folder can't be written, the next look hashes again; nothing worse.
		_ = writeJSON(filepath.Join(dir, receiptFile), r)
	}
	return nil
}

// digestOf is the SHA-256 of a file, in hex.
func digestOf(folder *os.Root, name string) (string, error) {
	f, err := folder.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
