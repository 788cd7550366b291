package voice

import (
	"encoding/json"
	"log/slog"
	"time"

	"github.com/mynahbot/mynah/dave"
)

// delivery is a room's DAVE delivery service on the members' sockets. Its methods are called with the room's lock held.
type delivery struct {
	room    *room
	service *dave.DeliveryService
	timer   *time.Timer
	closed  bool
}

func newDelivery(r *room) (*delivery, error) {
	d := &delivery{room: r}
	service, err := dave.NewDeliveryService(dave.DeliveryConfig{
		Channel: dave.ChannelID(r.channel), Send: d.send, TransitionTimeout: r.server.cfg.TransitionWait,
	})
	if err != nil {
		return nil, err
	}
	d.service = service
	d.timer = time.AfterFunc(time.Hour, d.tick)
	d.timer.Stop()
	return d, nil
}

// send queues a message for a member.
func (d *delivery) send(to dave.UserID, m dave.Message) {
	member := d.room.byUser(to)
	if member == nil {
		return
	}
	if !m.Binary() {
		data, err := m.Data()
		if err != nil {
			d.room.server.log.Error("voice server", slog.Any("err", err))
			return
		}
		member.send(int(m.Op), data)
		return
	}
	b, err := m.AppendBinary(nil)
	if err != nil {
		d.room.server.log.Error("voice server", slog.Any("err", err))
		return
	}
	member.sendBinary(b)
}

func (d *delivery) version(m *member) int { return int(d.service.Version(uint16(m.maxDAVE))) }

func (d *delivery) joined(m *member) {
	d.service.Connect(dave.UserID(m.user), uint16(m.maxDAVE))
	d.schedule()
}

func (d *delivery) left(m *member) {
	d.service.Disconnect(dave.UserID(m.user))
	d.schedule()
}

func (d *delivery) binary(m *member, b []byte) {
	parsed, err := dave.ParseBinary(b)
	if err == nil {
		err = d.service.Handle(dave.UserID(m.user), parsed)
	}
	d.done(m, err)
}

func (d *delivery) json(m *member, op int, data json.RawMessage) {
	parsed, err := dave.ParseData(dave.Opcode(op), data)
	if err == nil {
		err = d.service.Handle(dave.UserID(m.user), parsed)
	}
	d.done(m, err)
}

func (d *delivery) done(m *member, err error) {
	if err != nil {
		d.room.server.log.Debug("voice server: end-to-end encryption", slog.Any("user", m.user), slog.Any("err", err))
	}
	d.schedule()
}

// schedule has tick called when the service has something to do.
func (d *delivery) schedule() {
	if at, ok := d.service.Deadline(); ok && !d.closed {
		d.timer.Reset(max(0, time.Until(at)))
	} else {
		d.timer.Stop()
	}
}

func (d *delivery) tick() {
	d.room.mu.Lock()
	defer d.room.mu.Unlock()
	if d.closed {
		return
	}
	d.service.Tick()
	d.schedule()
}

func (d *delivery) close() {
	d.closed = true
	d.timer.Stop()
}
