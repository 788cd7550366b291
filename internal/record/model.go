package record

import (
	"encoding/json"
	"time"
)

// ModelState says what a model is to its server.
type ModelState string

const (
	ModelActive    ModelState = "active"    // answers; at most one a server
	ModelCandidate ModelState = "candidate" // trained, not (yet) good enough to replace the active one
	ModelRetired   ModelState = "retired"   // was active; can be rolled back to
	ModelStale     ModelState = "stale"     // trained on examples since deleted for a person's privacy: answers no more
)

// Valid reports whether s is one of the states above.
func (s ModelState) Valid() bool {
	switch s {
	case ModelActive, ModelCandidate, ModelRetired, ModelStale:
		return true
	}
	return false
}

// Model is what is known about a trained model; the model itself lies in the
// blob store under Blob.
type Model struct {
	ID       ModelID         `json:"id"`
	Server   ServerID        `json:"server"`
	Number   int             `json:"number"`   // counted from 1 within the server; given by the store
	Blob     string          `json:"blob"`     // key in the blob store
	Snapshot string          `json:"snapshot"` // content hash of the dataset that it was trained on
	State    ModelState      `json:"state"`
	Accuracy float64         `json:"accuracy"` // on held-out examples, 0 to 1
	MacroF1  float64         `json:"macro_f1"` // on held-out examples, 0 to 1
	Summary  json.RawMessage `json:"summary,omitempty"`
	Began    time.Time       `json:"began,omitzero"` // when its training began to gather what it learns; zero = unknown
	At       time.Time       `json:"at"`
	Used     int             `json:"used,omitempty"` // when it was put into use, counted within the server; 0 = never; given by the store
}
