package dataset

import "slices"

// What the files of a bot's project say together: phrases in one, replies in another, and which belong together in a third.

// project is what was gathered from the files of one dataset.
type project struct {
	responses map[string][]string // texts by label
	utters    map[string][]string // texts by the name that stories call them by
	actions   map[string][]string // names of texts by label
	renames   map[string]string   // labels by the names of their files
	relabels  map[string]string   // labels by what stands for them while replies are joined
}

func (p *project) utter(name string, texts []string) {
	if p.utters == nil {
		p.utters = map[string][]string{}
	}
	p.utters[name] = append(p.utters[name], texts...)
}

// follows says that a text called action follows a phrase of the label.
func (p *project) follows(label, action string) {
	if p.actions == nil {
		p.actions = map[string][]string{}
	}
	if !slices.Contains(p.actions[label], action) {
		p.actions[label] = append(p.actions[label], action)
	}
}

func (p *project) rename(from, to string) {
	if p.renames == nil {
		p.renames = map[string]string{}
	}
	if from != to && to != "" {
		p.renames[from] = to
	}
}

// relabel gives examples of a label another one, or none, once they have their replies.
func (p *project) relabel(from, to string) {
	if p.relabels == nil {
		p.relabels = map[string]string{}
	}
	p.relabels[from] = to
}

// joinProject gives phrases the replies that other files have for their labels.
func (rd *reading) joinProject() {
	p := &rd.project
	labels := map[string]bool{}
	for i := range rd.examples {
		e := &rd.examples[i]
		if name, ok := p.renames[e.Label]; ok && rd.structure[i] {
			e.Label = name
		}
		labels[e.Label] = e.Label != ""
	}
	delete(labels, "")
	for label := range labels {
		texts := p.responses[label]
		for _, action := range append(p.actions[label], "utter_"+label) {
			for _, t := range p.utters[action] {
				if !slices.Contains(texts, t) {
					texts = append(texts, t)
				}
			}
			if len(p.utters[action]) > 0 && len(p.actions[label]) > 0 {
				break // the first of several stories
			}
		}
		if len(texts) == 0 {
			continue
		}
		if p.responses == nil {
			p.responses = map[string][]string{}
		}
		p.responses[label] = texts
	}
	for i := range rd.examples {
		e := &rd.examples[i]
		if texts := p.responses[e.Label]; rd.structure[i] && e.Reply == "" && len(texts) > 0 {
			e.Reply = texts[0]
		}
		if label, ok := p.relabels[e.Label]; ok && rd.structure[i] {
			e.Label = label
		}
	}
	for label, texts := range p.responses {
		if len(texts) < 2 || !labels[label] { // one alone is the reply of every phrase
			delete(p.responses, label)
		}
	}
	if len(p.responses) > 0 {
		rd.report.Responses = p.responses
	}
}
