package voice

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Opcodes of voice gateway v8 that Mynah sends or acts upon. Others are ignored.
const (
	opIdentify           = 0
	opSelectProtocol     = 1
	opReady              = 2
	opHeartbeat          = 3
	opSessionDescription = 4
	opSpeaking           = 5
	opHeartbeatAck       = 6
	opResume             = 7
	opHello              = 8
	opResumed            = 9
	opClientsConnect     = 11
	opClientDisconnect   = 13
	opPrepareTransition  = 21
	opExecuteTransition  = 22
	opPrepareEpoch       = 24
	opExternalSender     = 25
	opProposals          = 27
	opAnnounceCommit     = 29
	opWelcome            = 30
)

// maxMessage bounds a message of the voice gateway in bytes. A Welcome to a full channel is the largest.
const maxMessage = 1 << 20

// gatewayVersion is the version of the voice gateway that Mynah speaks.
const gatewayVersion = 8

// daveVersion is the newest version of the DAVE protocol that Mynah speaks.
const daveVersion = 1

var errMessage = errors.New("voice: malformed gateway message")

// snowflakeJSON is an id that Discord sends as a string and some servers as a number.
type snowflakeJSON uint64

func (s *snowflakeJSON) UnmarshalJSON(b []byte) error {
	if len(b) >= 2 && b[0] == '"' {
		b = b[1 : len(b)-1]
	}
	n, err := strconv.ParseUint(string(b), 10, 64)
	if err != nil {
		return fmt.Errorf("voice: id: %w", errMessage)
	}
	*s = snowflakeJSON(n)
	return nil
}

func (s snowflakeJSON) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, strconv.FormatUint(uint64(s), 10)), nil
}

// envelope is a JSON message. Seq is there in messages that the server sends again after a resume.
type envelope struct {
	Op  int             `json:"op"`
	D   json.RawMessage `json:"d"`
	Seq *int64          `json:"seq,omitempty"`
}

type identify struct {
	ServerID       snowflakeJSON `json:"server_id"`
	UserID         snowflakeJSON `json:"user_id"`
	SessionID      string        `json:"session_id"`
	Token          string        `json:"token"`
	MaxDAVEVersion int           `json:"max_dave_protocol_version"`
}

type resume struct {
	ServerID  snowflakeJSON `json:"server_id"`
	SessionID string        `json:"session_id"`
	Token     string        `json:"token"`
	SeqAck    int64         `json:"seq_ack"`
}

type selectProtocol struct {
	Protocol string             `json:"protocol"`
	Data     selectProtocolData `json:"data"`
}

type selectProtocolData struct {
	Address string `json:"address"`
	Port    uint16 `json:"port"`
	Mode    string `json:"mode"`
}

type ready struct {
	SSRC  uint32   `json:"ssrc"`
	IP    string   `json:"ip"`
	Port  uint16   `json:"port"`
	Modes []string `json:"modes"`
}

type heartbeat struct {
	T      int64 `json:"t"`
	SeqAck int64 `json:"seq_ack"`
}

type hello struct {
	// HeartbeatInterval is in milliseconds and may have a fraction.
	HeartbeatInterval float64 `json:"heartbeat_interval"`
}

type sessionDescription struct {
	Mode        string  `json:"mode"`
	SecretKey   []uint8 `json:"secret_key"`
	DAVEVersion int     `json:"dave_protocol_version"`
}

// UnmarshalJSON reads the key, which is an array of numbers and not the base64 that encoding/json takes for bytes.
func (s *sessionDescription) UnmarshalJSON(b []byte) error {
	var raw struct {
		Mode        string `json:"mode"`
		SecretKey   []int  `json:"secret_key"`
		DAVEVersion int    `json:"dave_protocol_version"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return errMessage // the cause could quote the key
	}
	s.Mode, s.DAVEVersion = raw.Mode, raw.DAVEVersion
	s.SecretKey = make([]byte, len(raw.SecretKey))
	for i, n := range raw.SecretKey {
		if n < 0 || n > math.MaxUint8 {
			return errMessage
		}
		s.SecretKey[i] = byte(n)
	}
	return nil
}

type speaking struct {
	Speaking int           `json:"speaking"`
	Delay    int           `json:"delay"`
	SSRC     uint32        `json:"ssrc"`
	UserID   snowflakeJSON `json:"user_id,omitzero"`
}

type clientsConnect struct {
	UserIDs []snowflakeJSON `json:"user_ids"`
}

type clientDisconnect struct {
	UserID snowflakeJSON `json:"user_id"`
}

// binaryMessage is a message from the server that is no JSON: u16 seq, u8 op, payload. body begins with the opcode.
type binaryMessage struct {
	seq  uint16
	op   int
	body []byte
}

func parseBinary(b []byte) (binaryMessage, error) {
	if len(b) < 3 {
		return binaryMessage{}, errMessage
	}
	return binaryMessage{seq: binary.BigEndian.Uint16(b), op: int(b[2]), body: b[2:]}, nil
}

// advanceSeq moves the last sequence number on to seq, which is known modulo 2^16. JSON and binary messages share the
// count; -1 stands for none yet.
func advanceSeq(last int64, seq uint16) int64 {
	if last < 0 {
		return int64(seq)
	}
	if d := int16(seq - uint16(last)); d > 0 {
		return (last + int64(d)) & 0xffff
	}
	return last
}
