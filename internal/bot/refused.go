package bot

import (
	"context"

	"github.com/mynahbot/mynah/internal/record"
)

// Refusal is why Discord didn't take something the way it was meant. Its value is the key of the sentence that says what to grant.
type Refusal string

// The refusals.
const (
	RefusedWrite    Refusal = "refused.write"     // Mynah may not write in {channel}
	RefusedFiles    Refusal = "refused.files"     // it may not send files in {channel}
	RefusedTooLarge Refusal = "refused.too_large" // the files are larger than the server lets them be
	RefusedSlow     Refusal = "refused.slow"      // the slow mode of {channel} holds Mynah back
	RefusedTimeout  Refusal = "refused.timeout"   // a moderator has put Mynah into a timeout
	RefusedLocked   Refusal = "refused.locked"    // the thread {channel} is locked
	RefusedGone     Refusal = "refused.gone"      // the channel isn't there any more
	RefusedStranger Refusal = "refused.stranger"  // Mynah isn't a member of the server; {invite} lets it in
)

// Refused says a refusal in the language of a server, or of the locale where there is no server. pairs fill its places.
func (b *Bot) Refused(ctx context.Context, server record.ServerID, locale string, r Refusal, pairs ...any) string {
	settings, err := b.settings(ctx, server)
	if err != nil {
		b.log.Error("settings can't be read", "server", server, "err", err)
	}
	return b.in(b.language(settings, locale), settings).T(string(r), pairs...)
}
