package dave

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// An Opcode is a voice gateway opcode of DAVE (whitepaper, "Voice Gateway Opcodes").
type Opcode uint8

// The opcodes that DAVE adds to the voice gateway, version 8. "To" is the member.
const (
	OpPrepareTransition    Opcode = 21 // to, JSON
	OpExecuteTransition    Opcode = 22 // to, JSON
	OpTransitionReady      Opcode = 23 // from, JSON
	OpPrepareEpoch         Opcode = 24 // to, JSON
	OpExternalSender       Opcode = 25 // to, binary
	OpKeyPackage           Opcode = 26 // from, binary
	OpProposals            Opcode = 27 // to, binary
	OpCommitWelcome        Opcode = 28 // from, binary
	OpAnnounceCommit       Opcode = 29 // to, binary
	OpWelcome              Opcode = 30 // to, binary
	OpInvalidCommitWelcome Opcode = 31 // from, JSON
)

// ErrMalformed: a gateway message is not what its opcode prescribes.
var ErrMalformed = errors.New("dave: malformed gateway message")

// MaxMessageSize is the largest gateway message, in bytes, that is parsed. A Welcome to a call of 1,000 takes
// some 600 kB.
const MaxMessageSize = 4 << 20

// A Message is one of DAVE's voice gateway messages, in either direction. Fields that its opcode lacks are zero.
type Message struct {
	Op           Opcode
	TransitionID uint16 // 21, 22, 23, 29, 30, 31
	Version      uint16 // of the protocol, 0 for none: 21, 24
	Epoch        uint64 // 24

	// Payload is, for 25 the ExternalSender; for 26 a bare KeyPackage; for 27 the operation and its vector; for
	// 28 the commit's MLSMessage and, if it adds somebody, the bare Welcome; for 29 the commit's MLSMessage; for
	// 30 the bare Welcome. It must not be changed.
	Payload []byte
}

// Binary reports whether the message travels as a binary frame. The others are JSON.
func (m Message) Binary() bool { return m.Op >= OpExternalSender && m.Op <= OpWelcome }

// AppendBinary appends a binary message: opcode, transition id where it has one, payload. The two bytes of
// sequence number that a gateway puts before the opcode are not included. It fails for JSON messages.
func (m Message) AppendBinary(dst []byte) ([]byte, error) {
	if !m.Binary() {
		return dst, fmt.Errorf("dave: opcode %d is not binary", m.Op)
	}
	dst = append(dst, byte(m.Op))
	if m.Op == OpAnnounceCommit || m.Op == OpWelcome {
		dst = binary.BigEndian.AppendUint16(dst, m.TransitionID)
	}
	return append(dst, m.Payload...), nil
}

// ParseBinary reads what AppendBinary wrote. The payload aliases b.
func ParseBinary(b []byte) (Message, error) {
	if len(b) == 0 || len(b) > MaxMessageSize {
		return Message{}, fmt.Errorf("%w: binary frame of %d bytes", ErrMalformed, len(b))
	}
	m := Message{Op: Opcode(b[0]), Payload: b[1:]}
	if !m.Binary() {
		return Message{}, fmt.Errorf("%w: binary frame with opcode %d", ErrMalformed, m.Op)
	}
	if m.Op == OpAnnounceCommit || m.Op == OpWelcome {
		if len(m.Payload) < 2 {
			return Message{}, fmt.Errorf("%w: opcode %d without a transition id", ErrMalformed, m.Op)
		}
		m.TransitionID, m.Payload = binary.BigEndian.Uint16(m.Payload), m.Payload[2:]
	}
	return m, nil
}

// The "d" of JSON messages.
type (
	transitionData struct {
		TransitionID uint16 `json:"transition_id"`
	}
	prepareTransitionData struct {
		TransitionID uint16 `json:"transition_id"`
		Version      uint16 `json:"protocol_version"`
	}
	// prepareEpochData has no transition id, although Discord's API documentation says so: the gateway sends none.
	prepareEpochData struct {
		Epoch   uint64 `json:"epoch"`
		Version uint16 `json:"protocol_version"`
	}
)

// Data returns the "d" of a JSON message. It fails for binary messages.
func (m Message) Data() (json.RawMessage, error) {
	switch m.Op {
	case OpPrepareTransition:
		return json.Marshal(prepareTransitionData{m.TransitionID, m.Version})
	case OpExecuteTransition, OpTransitionReady, OpInvalidCommitWelcome:
		return json.Marshal(transitionData{m.TransitionID})
	case OpPrepareEpoch:
		return json.Marshal(prepareEpochData{m.Epoch, m.Version})
	}
	return nil, fmt.Errorf("dave: opcode %d is not JSON of DAVE", m.Op)
}

// ParseData reads the "d" of a JSON message. Members that it doesn't know are ignored.
func ParseData(op Opcode, d []byte) (Message, error) {
	if len(d) > MaxMessageSize {
		return Message{}, fmt.Errorf("%w: %d bytes", ErrMalformed, len(d))
	}
	m := Message{Op: op}
	var err error
	switch op {
	case OpPrepareTransition:
		var v prepareTransitionData
		err = json.Unmarshal(d, &v)
		m.TransitionID, m.Version = v.TransitionID, v.Version
	case OpExecuteTransition, OpTransitionReady, OpInvalidCommitWelcome:
		var v transitionData
		err = json.Unmarshal(d, &v)
		m.TransitionID = v.TransitionID
	case OpPrepareEpoch:
		var v prepareEpochData
		err = json.Unmarshal(d, &v)
		m.Epoch, m.Version = v.Epoch, v.Version
	default:
		return Message{}, fmt.Errorf("%w: opcode %d is not JSON of DAVE", ErrMalformed, op)
	}
	if err != nil {
		return Message{}, fmt.Errorf("%w: opcode %d: %w", ErrMalformed, op, err)
	}
	return m, nil
}

// Operations of opcode 27.
const (
	proposalsAppend = 0
	proposalsRevoke = 1
)

// readVector returns what a vector with an RFC 9420 section 2.1.2 length, which must fill b, holds.
func readVector(b []byte) ([]byte, error) {
	v, rest, err := readOpaque(b)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%w: %d bytes after a vector", ErrMalformed, len(rest))
	}
	return v, err
}

// readOpaque reads an opaque<V> of RFC 9420 section 2.1.2.
func readOpaque(b []byte) (v, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, fmt.Errorf("%w: no length", ErrMalformed)
	}
	prefix := b[0] >> 6
	size := 1 << prefix
	if prefix == 3 || len(b) < size {
		return nil, nil, fmt.Errorf("%w: bad length", ErrMalformed)
	}
	n := int(b[0] & 0x3f)
	for _, c := range b[1:size] {
		n = n<<8 | int(c)
	}
	if prefix > 0 && n < 1<<(8<<(prefix-1)-2) || n > len(b)-size {
		return nil, nil, fmt.Errorf("%w: bad length", ErrMalformed)
	}
	return b[size:][:n], b[size+n:], nil
}

// appendOpaque appends an opaque<V> of RFC 9420 section 2.1.2.
func appendOpaque(dst, v []byte) []byte {
	switch n := len(v); {
	case n < 1<<6:
		dst = append(dst, byte(n))
	case n < 1<<14:
		dst = binary.BigEndian.AppendUint16(dst, 1<<14|uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(dst, 1<<31|uint32(n))
	}
	return append(dst, v...)
}
