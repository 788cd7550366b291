package spoken

// Recording describes what is to be transcribed.
type Recording struct {
	Name       string
	Language   string   // what is spoken, as a BCP 47 tag; "" = the recognizer's own choice
	Others     []string // what may be spoken instead, so that it is found out
	Recognizer string   // the server's choice of recognizer; "" = the configured one
}

// HearingError says why a recording has no transcript.
type HearingError struct {
	Fault    HearingFault
	Language string // with HearingNoModel
	Install  string // with HearingNoModel and HearingNoRecognizer: what to install; may be empty
	Minutes  int    // with HearingTooLong: the limit
	Err      error
}

// HearingFault is a reason for not having a transcript.
type HearingFault int

const (
	HearingNoAudio      HearingFault = iota // no sound in the file, or it can't be decoded
	HearingTooLong                          // over the limit
	HearingNoModel                          // nothing installed covers the language
	HearingNoRecognizer                     // none is installed or reachable
)

func (e *HearingError) Error() string {
	what := [...]string{
		"no audio that can be decoded", "recording too long", "no speech model for the language " + e.Language, "no usable recognizer",
	}[e.Fault]
	if e.Err != nil {
		return what + ": " + e.Err.Error()
	}
	return what
}

func (e *HearingError) Unwrap() error { return e.Err }
