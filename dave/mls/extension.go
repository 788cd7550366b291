package mls

import "fmt"

// An ExtensionType is one of RFC 9420 section 17.3.
type ExtensionType uint16

// The extensions of RFC 9420 section 17.3, which every client supports.
const (
	ExtensionApplicationID        ExtensionType = 1
	ExtensionRatchetTree          ExtensionType = 2
	ExtensionRequiredCapabilities ExtensionType = 3
	ExtensionExternalPub          ExtensionType = 4
	ExtensionExternalSenders      ExtensionType = 5

	lastDefaultExtension = ExtensionExternalSenders
)

// An Extension mirrors Extension of RFC 9420 section 13.4, and a list of them may hold
// each type once.
type Extension struct {
	Type ExtensionType
	Data []byte
}

func (x Extension) append(b []byte) []byte {
	return appendOpaque(appendUint16(b, uint16(x.Type)), x.Data)
}

func appendExtensions(b []byte, xs []Extension) []byte {
	if len(xs) == 0 {
		return append(b, 0)
	}
	return appendVector(b, xs, func(b []byte, x Extension) []byte { return x.append(b) })
}

// readExtensions reads a list, in which each type may occur once: section 13.4.
func readExtensions(d *decoder) []Extension {
	xs := vector(d, maxExtensions, func(d *decoder) Extension {
		return Extension{Type: ExtensionType(d.uint16()), Data: d.opaque()}
	})
	for i, x := range xs {
		if _, again := findExtension(xs[:i], x.Type); again {
			d.fail(ErrMalformed, "extension %d occurs twice", x.Type)
		}
	}
	return xs
}

func findExtension(xs []Extension, t ExtensionType) ([]byte, bool) {
	for _, x := range xs {
		if x.Type == t {
			return x.Data, true
		}
	}
	return nil, false
}

// An ExternalSender mirrors ExternalSender of RFC 9420 section 12.1.8.1: a
// party outside of the group that may propose changes to it.
type ExternalSender struct {
	SignatureKey []byte
	Credential   Credential
}

func (s ExternalSender) append(b []byte) []byte {
	return s.Credential.append(appendOpaque(b, s.SignatureKey))
}

// Marshal encodes the sender.
func (s ExternalSender) Marshal() []byte { return s.append(nil) }

func readExternalSender(d *decoder) ExternalSender {
	return ExternalSender{SignatureKey: d.opaque(), Credential: readCredential(d)}
}

// ParseExternalSender reads what [ExternalSender.Marshal] wrote.
func ParseExternalSender(b []byte) (ExternalSender, error) {
	return decode(b, readExternalSender)
}

// ExternalSendersExtension returns the external_senders extension of RFC 9420
// section 12.1.8.1, for the extensions of a new group.
func ExternalSendersExtension(senders ...ExternalSender) Extension {
	return Extension{
		Type: ExtensionExternalSenders,
		Data: appendVector(nil, senders, func(b []byte, s ExternalSender) []byte { return s.append(b) }),
	}
}

// externalSenders returns those that a group's extensions name.
func externalSenders(xs []Extension) ([]ExternalSender, error) {
	data, ok := findExtension(xs, ExtensionExternalSenders)
	if !ok {
		return nil, nil
	}
	senders, err := decode(data, func(d *decoder) []ExternalSender {
		return vector(d, maxExtensions, readExternalSender)
	})
	if err != nil {
		return nil, fmt.Errorf("external_senders: %w", err)
	}
	return senders, nil
}

// requiredCapabilities mirrors RequiredCapabilities of section 11.1.
type requiredCapabilities struct {
	extensions  []ExtensionType
	proposals   []ProposalType
	credentials []CredentialType
}

func readRequiredCapabilities(d *decoder) requiredCapabilities {
	return requiredCapabilities{
		extensions:  readUint16s[ExtensionType](d),
		proposals:   readUint16s[ProposalType](d),
		credentials: readUint16s[CredentialType](d),
	}
}
