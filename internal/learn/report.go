package learn

// ReportPage is what a report shows. Package report draws and writes it.
type ReportPage struct {
	Title      string
	Evaluation *Evaluation
	Change     *Change      // against the last model, or nil
	Pinned     *Evaluation  // on the server's own test set, or nil
	Training   *Report      // or nil
	Leaked     int          // examples that were left out of the training, since they are pinned
	Curve      []CurvePoint // or nil
}

// Growing lists the labels that more examples would likely help.
func (p ReportPage) Growing() []Growth { return Growing(p.Curve) }

// Chart is a picture of a report.
type Chart struct {
	Name string // of a file, without its extension
	PNG  []byte
}
