package voice

import (
	"encoding/binary"
	"encoding/json"

	"github.com/mynahbot/mynah/internal/localdiscord"
)

// Opcodes of voice gateway v8.
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
	opVideo              = 12
	opClientDisconnect   = 13
	opClientFlags        = 18
	opClientPlatform     = 20
	opTransitionReady    = 23
	opInvalidCommit      = 31
)

// Close codes of the voice gateway.
const (
	closeUnknownOpcode  = 4001
	closeDecode         = 4002
	closeNotIdentified  = 4003
	closeAuthentication = 4004
	closeIdentifiedTwo  = 4005
	closeSessionInvalid = 4006
	closeTimeout        = 4009
	closeServerNotFound = 4011
	closeProtocol       = 4012
	closeDisconnected   = 4014
	closeCrashed        = 4015
	closeMode           = 4016
	closeDAVERequired   = 4017
)

// maxMessage bounds a message from a client in bytes: a commit with its welcome in a full channel is the largest.
const maxMessage = 1 << 20

type envelope struct {
	Op  int             `json:"op"`
	D   json.RawMessage `json:"d"`
	Seq *uint16         `json:"seq,omitempty"`
}

type identify struct {
	ServerID  localdiscord.ID `json:"server_id"`
	UserID    localdiscord.ID `json:"user_id"`
	SessionID string          `json:"session_id"`
	Token     string          `json:"token"`
	MaxDAVE   int             `json:"max_dave_protocol_version"`
}

type resume struct {
	ServerID  localdiscord.ID `json:"server_id"`
	SessionID string          `json:"session_id"`
	Token     string          `json:"token"`
	SeqAck    int64           `json:"seq_ack"`
}

type selectProtocol struct {
	Protocol string `json:"protocol"`
	Data     struct {
		Address string `json:"address"`
		Port    uint16 `json:"port"`
		Mode    string `json:"mode"`
	} `json:"data"`
}

type speaking struct {
	Speaking int              `json:"speaking"`
	Delay    int              `json:"delay"`
	SSRC     uint32           `json:"ssrc"`
	UserID   *localdiscord.ID `json:"user_id,omitempty"`
}

// frame is an encoded message to a client, kept for a replay.
type frame struct {
	op     int
	seq    uint16
	binary bool
	data   []byte
}

// jsonFrame encodes a JSON message; one with a sequence number is sent again after a resume.
func jsonFrame(op int, seq *uint16, d any) frame {
	raw, err := json.Marshal(d)
	if err != nil {
		panic(err) // our own types
	}
	b, err := json.Marshal(envelope{Op: op, D: raw, Seq: seq})
	if err != nil {
		panic(err)
	}
	f := frame{op: op, data: b}
	if seq != nil {
		f.seq = *seq
	}
	return f
}

// binaryFrame encodes a DAVE message: u16 seq, then the message, which begins with its opcode.
func binaryFrame(seq uint16, message []byte) frame {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(message)), seq)
	return frame{op: int(message[0]), seq: seq, binary: true, data: append(b, message...)}
}

func ids(members []*member) []string {
	out := []string{}
	for _, m := range members {
		out = append(out, m.user.String())
	}
	return out
}
