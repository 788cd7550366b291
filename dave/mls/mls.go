// Package mls is the part of Messaging Layer Security (RFC 9420) that
// Discord's end-to-end encrypted calls need, for the members of a group and
// for the delivery service between them.
//
// # A member
//
// A member has a [SignatureKey], which it may keep, and for each group a
// [KeyPackageBundle] from [NewKeyPackage]. It starts a group with [NewGroup]
// or enters one with [JoinWelcome]. A [Group] is one epoch and never changes:
//
//   - [Group.ProcessProposal] checks a proposal and returns it for later;
//   - [Group.Commit] commits proposals and returns, besides the messages, the
//     Group of the next epoch, to be adopted only if the delivery service
//     chooses this commit;
//   - [Group.ProcessCommit] checks another member's commit and returns the
//     Group of the next epoch.
//
// [Group.Export] gives the secrets that the members of an epoch share. Call
// [Group.Erase] on an epoch that is over. Keys that only live inside the
// standard library's types are left to the garbage collector.
//
// # A delivery service
//
// It needs no secret of a group: [ParseMessage] and [ReadMessage] show what a
// message holds, [PublicMessage.ProposalRef] names a proposal as commits do,
// [SignExternalProposal] proposes as an external sender, [KeyPackage.Validate]
// checks who wants to join, and [Welcome.For] cuts a welcome down to one
// addressee.
//
// # What is promised
//
// Everything that comes from outside is checked as the RFC demands, and each
// refusal wraps one of this package's errors, which name the rule. Parsers
// take at most [MaxMessageSize] bytes, and what they accept encodes to the
// same bytes again. What the RFC leaves to the application is decided so: a
// member can't change its identity within a group; whether a credential is
// true, and whether its owner is already a member, is for the caller to check;
// so is the lifetime of a key package, since this package has no clock.
//
// # What is left out
//
// PrivateMessage and the secret tree, application messages, pre-shared keys,
// reinitialisation, subgroups, external commits and joins by proposal, own
// Updates, X.509 credentials, and ratchet trees outside of the Welcome. Such messages
// are parsed where they can occur, and refused.
package mls
