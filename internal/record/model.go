package record

import (
	"encoding/json"
	"fmt"
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

// Training is what is kept in [Model.Summary] about how a model came to be.
type Training struct {
	Job       JobID         `json:"job"`
	Examples  int           `json:"examples"`
	Labels    int           `json:"labels"`
	Questions int           `json:"questions"`
	ECE       float64       `json:"ece"` // expected calibration error on held-out examples, 0 to 1
	Took      time.Duration `json:"took"`

	LabelThreshold float64   `json:"label_threshold,omitempty"`
	ReplyThreshold float64   `json:"reply_threshold,omitempty"`
	Encoder        string    `json:"encoder,omitempty"`  // the sentence encoder that it was trained with
	Wordings       *Wordings `json:"wordings,omitempty"` // how it answers what it wasn't taught word for word; nil where that wasn't measured
	Pinned         *float64  `json:"pinned,omitempty"`   // share of the pinned test set that it gets right
	Tuned          string    `json:"tuned,omitempty"`    // the fine-tuned model that answers for it, as its service calls it
}

// Wordings counts how questions were answered in wordings that were held back from what answers.
type Wordings struct {
	Asked     int `json:"asked"`     // questions
	Right     int `json:"right"`     // of them, with the reply that was taught
	Wrong     int `json:"wrong"`     // with another
	Suggested int `json:"suggested"` // with the right one among suggestions
	Chat      int `json:"chat"`      // lines of ordinary chat
	Answered  int `json:"answered"`  // of them, answered
}

// Refused is how many questions got no answer.
func (w Wordings) Refused() int { return w.Asked - w.Right - w.Wrong }

// Training reads the model's summary; a model without one has the zero value.
func (m Model) Training() (t Training, err error) {
	if len(m.Summary) > 0 {
		if err = json.Unmarshal(m.Summary, &t); err != nil {
			err = fmt.Errorf("summary of model %d: %w", m.ID, err)
		}
	}
	return t, err
}
