package dataset

import "strconv"

// What makes a result doubtful however it was read.

// doubtResult looks through all that was read for what a misread file looks like.
func (rd *reading) doubtResult() {
	const fewest = 5 // of fewer nothing can be said
	r := &rd.report
	if all := len(rd.examples) + r.Tests + r.misread; 10*r.misread > all {
		r.doubt("", ManySkipped, r.misread, all)
	}
	if 2*rd.lists > rd.wholes {
		r.doubt("", FilesAreLists)
	}
	byFile := map[string][]int{}
	order := []string{}
	for i, e := range rd.examples {
		if rd.many && rd.structure[i] {
			continue // its folder or its format says the label
		}
		if _, seen := byFile[e.Origin.File]; !seen {
			order = append(order, e.Origin.File)
		}
		byFile[e.Origin.File] = append(byFile[e.Origin.File], i)
	}
	for _, file := range order {
		if members := byFile[file]; len(members) >= fewest {
			rd.doubtFile(file, members)
		}
	}
}

// doubtFile looks through the examples of one file.
func (rd *reading) doubtFile(file string, members []int) {
	r := &rd.report
	var texts, labels, replies columnStats
	numbered, structure := 0, 0
	last := 0
	const most = 5000 // show what the others are like
	for _, i := range members[:min(len(members), most)] {
		e := &rd.examples[i]
		texts.add(e.Text)
		labels.add(e.Label)
		if e.Reply != "" {
			replies.add(e.Reply)
		}
		if n, err := strconv.Atoi(e.Label); err == nil {
			if n == last+1 {
				numbered++
			}
			last = n
		}
		if rd.structure[i] {
			structure++
		}
	}
	if texts.technical() {
		r.doubt(file, TextsAreTimes)
	}
	if labels.values > 0 && replies.values == 0 {
		switch {
		case 10*numbered >= 8*labels.values:
			r.doubt(file, NumberedLabels)
		case 2*len(labels.distinct) > labels.values && structure < min(len(members), most):
			r.doubt(file, UniqueLabels, len(labels.distinct), labels.values)
		case len(labels.distinct) == 1 && 2*texts.questions >= texts.values && rd.opt.Label == "":
			r.doubt(file, OneLabel, rd.examples[members[0]].Label)
		}
	}
	if labels.values > 0 && replies.values > 0 && 10*numbered >= 8*labels.values {
		r.doubt(file, NumberedLabels)
	}
	if replies.values >= 5 {
		switch {
		case 2*replies.times >= replies.values:
			r.doubt(file, RepliesAreTimes)
		case 2*replies.links >= replies.values:
			r.doubt(file, RepliesAreLinks)
		case 2*(replies.ids+replies.numbers) >= replies.values && replies.unique():
			r.doubt(file, RepliesAreIDs)
		}
	}
}
