package localdiscord

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

const (
	// madeFile is the file in the server's folder with the IDs that were made.
	madeFile = "ids.json"
	// maxMadeBytes bounds it: it is read whole, and has room for the largest world many times.
	maxMadeBytes = 64 << 20
)

// madeIDs are the IDs that were made for what a world leaves without one, by what it is. They are kept, since what a bot
// was taught belongs to the IDs of its server and its people: after a restart these are the same.
type madeIDs map[string]ID

// readMade reads the IDs that earlier runs made in the folder.
func readMade(root *os.Root) (madeIDs, error) {
	f, err := root.Open(madeFile)
	if errors.Is(err, fs.ErrNotExist) {
		return madeIDs{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxMadeBytes))
	if err != nil {
		return nil, err
	}
	var made madeIDs
	if err := json.Unmarshal(data, &made); err != nil || made == nil {
		return nil, fmt.Errorf("%s is damaged: remove it to have new ids (%w)", f.Name(), err)
	}
	return made, nil
}

// write puts the IDs into the folder, whole or not at all.
func (m madeIDs) write(root *os.Root) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := root.WriteFile(madeFile+".new", append(data, '\n'), 0o600); err != nil {
		return err
	}
	return root.Rename(madeFile+".new", madeFile)
}

// picker chooses the IDs of a world that is being built.
type picker struct {
	named map[ID]bool // by the world: no other may have them
	used  map[ID]bool
	made  madeIDs
	times map[string]int // how often something of that name was picked for
	grew  bool           // made holds more than before
	newID func() ID
}

// pick returns the ID that the world names, else the one that was made for it earlier, else a new one. what says what
// it is for, in the same words at each start; things of one name are told apart by their order.
func (p *picker) pick(what string, id ID) ID {
	if id != 0 && !p.used[id] {
		p.used[id] = true
		return id
	}
	if p.times[what]++; p.times[what] > 1 {
		what = fmt.Sprintf("%s %d", what, p.times[what])
	}
	id = p.made[what]
	for id == 0 || p.named[id] || p.used[id] {
		id = p.newID()
	}
	p.grew = p.grew || p.made[what] != id
	p.made[what] = id
	p.used[id] = true
	return id
}
