package teach

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/record"
)

// Understood is how one file or dataset was understood.
type Understood struct {
	Name    string
	Report  dataset.ReadReport
	Preview []record.Example // up to three of its examples
}

// Understand reads the files of a request as its training would, and changes nothing. The error is a *[ReadError] where one can't be used.
func (t *Teacher) Understand(ctx context.Context, server record.ServerID, request Request) ([]Understood, error) {
	w, err := t.cfg.Workspaces.Workspace(server)
	if err != nil {
		return nil, err
	}
	var all []Understood
	for _, name := range request.Uploads {
		f, err := w.Open(name)
		if err != nil {
			return nil, err
		}
		shown := uploadName(name)
		examples, report, err := t.cfg.Datasets.ReadUpload(ctx, shown, f, dataset.ReadOptions{Label: request.Label})
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, &ReadError{shown, report, err}
		}
		all = append(all, Understood{shown, report, dataset.Preview(examples)})
	}
	if request.Named {
		examples, report, err := t.readLabelled(ctx, w, request.Dataset, request.Label)
		if err != nil {
			return nil, &ReadError{request.Dataset.Path, report, err}
		}
		all = append(all, Understood{request.Dataset.Path, report, dataset.Preview(examples)})
	}
	return all, nil
}

// A training whose files were understood by a guess is held until a person has seen what was understood.
const (
	heldFolder = "files/held"
	// heldTime is how long one is held, and maxHeld how many of one server are.
	heldTime = 24 * time.Hour
	maxHeld  = 50
)

// Held is a training that waits for somebody's yes.
type Held struct {
	Request Request       `json:"request"`
	Select  bool          `json:"select,omitempty"` // the dataset is to be selected, and nothing trained
	By      record.UserID `json:"by"`               // who sent the files
	At      time.Time     `json:"at"`
}

// ErrManyHeld says that too many trainings of a server wait for somebody's yes.
var ErrManyHeld = errors.New("too many trainings wait for a decision")

// Hold keeps a training that waits, and returns by which id it is found. What has waited too long is let go.
func (t *Teacher) Hold(server record.ServerID, h Held) (id string, err error) {
	w, err := t.cfg.Workspaces.Workspace(server)
	if err != nil {
		return "", err
	}
	now := t.cfg.Now()
	kept, err := t.held(server)
	if err != nil {
		return "", err
	}
	waiting := 0
	for id, old := range kept {
		if now.Sub(old.At) < heldTime {
			waiting++
		} else if err := t.Drop(server, id); err != nil {
			return "", err
		}
	}
	if waiting >= maxHeld {
		return "", ErrManyHeld
	}
	h.At = now
	raw, err := json.Marshal(h)
	if err != nil {
		return "", err
	}
	id = strconv.FormatInt(now.UnixNano(), 36)
	_, err = w.Create(heldName(id), bytes.NewReader(raw))
	return id, err
}

func heldName(id string) string { return path.Join(heldFolder, id+".json") }

// held are the trainings of a server that wait, by their id.
func (t *Teacher) held(server record.ServerID) (map[string]Held, error) {
	w, err := t.cfg.Workspaces.Workspace(server)
	if err != nil {
		return nil, err
	}
	entries, err := w.List(heldFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := map[string]Held{}
	for _, e := range entries {
		id := strings.TrimSuffix(e.Name(), ".json")
		if h, ok, err := t.Find(server, id); err != nil {
			return nil, err
		} else if ok {
			all[id] = h
		}
	}
	return all, nil
}

// Find returns a training that waits; false where there is none, or it has waited too long.
func (t *Teacher) Find(server record.ServerID, id string) (h Held, ok bool, err error) {
	w, err := t.cfg.Workspaces.Workspace(server)
	if err != nil || id == "" || strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyz") != "" {
		return h, false, err
	}
	f, err := w.Open(heldName(id))
	if errors.Is(err, fs.ErrNotExist) {
		return h, false, nil
	}
	if err != nil {
		return h, false, err
	}
	raw, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return h, false, err
	}
	if err := json.Unmarshal(raw, &h); err != nil {
		return h, false, fmt.Errorf("%s: %w", heldName(id), err)
	}
	return h, true, nil
}

// Release takes a training out of those that wait; false where somebody else has.
func (t *Teacher) Release(server record.ServerID, id string) (h Held, ok bool, err error) {
	if h, ok, err = t.Find(server, id); err != nil || !ok {
		return h, false, err
	}
	w, err := t.cfg.Workspaces.Workspace(server)
	if err != nil {
		return h, false, err
	}
	err = w.Remove(heldName(id))
	if errors.Is(err, fs.ErrNotExist) {
		return h, false, nil
	}
	return h, err == nil, err
}

// Drop lets a training go that waits, with its files.
func (t *Teacher) Drop(server record.ServerID, id string) error {
	h, ok, err := t.Release(server, id)
	if ok {
		t.RemoveUploads(server, h.Request.Uploads)
	}
	return err
}

// DropOf lets go what a person had sent to any server and what waits.
func (t *Teacher) DropOf(by record.UserID) error {
	servers, err := t.cfg.Workspaces.Servers()
	if err != nil {
		return err
	}
	for _, server := range servers {
		kept, err := t.held(server)
		if err != nil {
			return err
		}
		for id, h := range kept {
			if h.By != by {
				continue
			}
			if err := t.Drop(server, id); err != nil {
				return err
			}
		}
	}
	return nil
}
