package mls

// A ProposalType is one of RFC 9420 section 17.4.
type ProposalType uint16

// The proposals of RFC 9420 section 17.4. A [Group] makes and accepts Add and
// Remove, and accepts Update and GroupContextExtensions; the others are parsed only.
const (
	ProposalAdd                    ProposalType = 1
	ProposalUpdate                 ProposalType = 2
	ProposalRemove                 ProposalType = 3
	ProposalPreSharedKey           ProposalType = 4
	ProposalReInit                 ProposalType = 5
	ProposalExternalInit           ProposalType = 6
	ProposalGroupContextExtensions ProposalType = 7

	lastDefaultProposal = ProposalGroupContextExtensions
)

// A Proposal mirrors Proposal of RFC 9420 section 12.1: the field named by
// its type is set.
type Proposal struct {
	Type         ProposalType
	Add          *KeyPackage // section 12.1.1
	Update       *LeafNode   // section 12.1.2
	Remove       LeafIndex   // section 12.1.3
	PreSharedKey *PreSharedKeyID
	ReInit       *ReInit
	ExternalInit []byte      // kem_output: section 12.1.6
	Extensions   []Extension // section 12.1.7
}

// AddProposal proposes to add the owner of a key package: RFC 9420 section 12.1.1.
func AddProposal(k *KeyPackage) *Proposal { return &Proposal{Type: ProposalAdd, Add: k} }

// RemoveProposal proposes to remove a member: RFC 9420 section 12.1.3.
func RemoveProposal(l LeafIndex) *Proposal { return &Proposal{Type: ProposalRemove, Remove: l} }

// A PreSharedKeyID mirrors PreSharedKeyID of RFC 9420 section 8.4.
type PreSharedKeyID struct {
	Type  uint8  // 1 external, 2 resumption
	ID    []byte // external
	Usage uint8  // resumption: 1 application, 2 reinit, 3 branch
	Group []byte // resumption
	Epoch uint64 // resumption
	Nonce []byte
}

const (
	pskExternal   = 1
	pskResumption = 2
)

func (p PreSharedKeyID) append(b []byte) []byte {
	b = append(b, p.Type)
	if p.Type == pskExternal {
		b = appendOpaque(b, p.ID)
	} else {
		b = appendUint64(appendOpaque(append(b, p.Usage), p.Group), p.Epoch)
	}
	return appendOpaque(b, p.Nonce)
}

func readPreSharedKeyID(d *decoder) PreSharedKeyID {
	p := PreSharedKeyID{Type: d.uint8()}
	switch p.Type {
	case pskExternal:
		p.ID = d.opaque()
	case pskResumption:
		p.Usage = d.uint8()
		if p.Usage < 1 || p.Usage > 3 {
			d.fail(ErrMalformed, "PSK usage %d", p.Usage)
		}
		p.Group = d.opaque()
		p.Epoch = d.uint64()
	default:
		d.fail(ErrMalformed, "PSK type %d", p.Type)
	}
	p.Nonce = d.opaque()
	return p
}

// A ReInit mirrors ReInit of RFC 9420 section 12.1.5.
type ReInit struct {
	GroupID    []byte
	Version    uint16
	Suite      CipherSuite
	Extensions []Extension
}

func (p *Proposal) append(b []byte) []byte {
	b = appendUint16(b, uint16(p.Type))
	switch p.Type {
	case ProposalAdd:
		return p.Add.append(b)
	case ProposalUpdate:
		return p.Update.append(b)
	case ProposalRemove:
		return appendUint32(b, uint32(p.Remove))
	case ProposalPreSharedKey:
		return p.PreSharedKey.append(b)
	case ProposalReInit:
		b = appendOpaque(b, p.ReInit.GroupID)
		b = appendUint16(appendUint16(b, p.ReInit.Version), uint16(p.ReInit.Suite))
		return appendExtensions(b, p.ReInit.Extensions)
	case ProposalExternalInit:
		return appendOpaque(b, p.ExternalInit)
	default: // ProposalGroupContextExtensions: nothing else is parsed or made
		return appendExtensions(b, p.Extensions)
	}
}

func readProposal(d *decoder) *Proposal {
	p := &Proposal{Type: ProposalType(d.uint16())}
	switch p.Type {
	case ProposalAdd:
		p.Add = readKeyPackage(d)
	case ProposalUpdate:
		p.Update = readLeafNode(d)
	case ProposalRemove:
		p.Remove = LeafIndex(d.uint32())
	case ProposalPreSharedKey:
		id := readPreSharedKeyID(d)
		p.PreSharedKey = &id
	case ProposalReInit:
		p.ReInit = &ReInit{
			GroupID: d.opaque(), Version: d.uint16(), Suite: CipherSuite(d.uint16()), Extensions: readExtensions(d),
		}
	case ProposalExternalInit:
		p.ExternalInit = d.opaque()
	case ProposalGroupContextExtensions:
		p.Extensions = readExtensions(d)
	default:
		d.fail(ErrUnsupported, "proposal type %d", p.Type)
	}
	return p
}

// A ProposalOrRef mirrors ProposalOrRef of RFC 9420 section 12.4: either
// field is set.
type ProposalOrRef struct {
	Proposal *Proposal
	Ref      ProposalRef
}

// A ProposalRef is the hash that names a proposal: RFC 9420 section 5.2.
type ProposalRef []byte

func (p ProposalOrRef) append(b []byte) []byte {
	if p.Proposal != nil {
		return p.Proposal.append(append(b, 1))
	}
	return appendOpaque(append(b, 2), p.Ref)
}

func readProposalOrRef(d *decoder) (p ProposalOrRef) {
	switch kind := d.uint8(); kind {
	case 1:
		p.Proposal = readProposal(d)
	case 2:
		p.Ref = d.opaque()
	default:
		d.fail(ErrMalformed, "ProposalOrRef type %d", kind)
	}
	return p
}

// A Commit mirrors Commit of RFC 9420 section 12.4.
type Commit struct {
	Proposals []ProposalOrRef
	Path      *UpdatePath // nil if the commit carries none
}

func (c *Commit) append(b []byte) []byte {
	b = appendVector(b, c.Proposals, func(b []byte, p ProposalOrRef) []byte { return p.append(b) })
	b = appendOptional(b, c.Path != nil)
	if c.Path != nil {
		b = c.Path.append(b)
	}
	return b
}

func readCommit(d *decoder) *Commit {
	c := &Commit{Proposals: vector(d, maxProposals, readProposalOrRef)}
	if d.optional() {
		c.Path = readUpdatePath(d)
	}
	return c
}

// An UpdatePath mirrors UpdatePath of RFC 9420 section 7.6.
type UpdatePath struct {
	LeafNode *LeafNode
	nodes    []updatePathNode
}

// updatePathNode mirrors UpdatePathNode of section 7.6.
type updatePathNode struct {
	encryptionKey []byte
	secrets       []hpkeCiphertext // for the resolution of the copath child
}

func (p *UpdatePath) append(b []byte) []byte {
	b = p.LeafNode.append(b)
	return appendVector(b, p.nodes, func(b []byte, n updatePathNode) []byte {
		b = appendOpaque(b, n.encryptionKey)
		return appendVector(b, n.secrets, func(b []byte, c hpkeCiphertext) []byte { return c.append(b) })
	})
}

func readUpdatePath(d *decoder) *UpdatePath {
	return &UpdatePath{
		LeafNode: readLeafNode(d),
		nodes: vector(d, maxPathNodes, func(d *decoder) updatePathNode {
			return updatePathNode{encryptionKey: d.opaque(), secrets: vector(d, MaxLeaves, readHPKECiphertext)}
		}),
	}
}
