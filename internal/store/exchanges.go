package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mynahbot/mynah/internal/record"
)

const exchangeColumns = `id, server, channel, asker, asked_in, answered_in, parts, question, answer, label, source, taught, score, at`

func scanExchange(row scanner) (e record.Exchange, err error) {
	var server, channel, asker, askedIn, answeredIn, at int64
	var parts string
	err = row.Scan(&e.ID, &server, &channel, &asker, &askedIn, &answeredIn, &parts, &e.Question, &e.Answer, &e.Label, &e.Source, &e.Taught, &e.Score, &at)
	e.Server, e.Channel, e.Asker = record.ServerID(server), record.ChannelID(channel), record.UserID(asker)
	e.AskedIn, e.AnsweredIn, e.At = record.MessageID(askedIn), record.MessageID(answeredIn), moment(at)
	for id := range strings.FieldsFuncSeq(parts, func(r rune) bool { return r == ',' }) {
		n, wrong := strconv.ParseUint(id, 10, 64)
		err = errors.Join(err, wrong)
		e.Parts = append(e.Parts, record.MessageID(n))
	}
	return e, err
}

// partList is how the further messages of an answer are kept, so that each can
// be looked for.
func partList(ids []record.MessageID) string {
	if len(ids) == 0 {
		return ""
	}
	list := ","
	for _, id := range ids {
		list += strconv.FormatUint(uint64(id), 10) + ","
	}
	return list
}

// SaveExchange keeps a new exchange and returns its id; e.ID is ignored.
func (s *Store) SaveExchange(ctx context.Context, e record.Exchange) (id record.ExchangeID, err error) {
	err = s.write.QueryRowContext(ctx, `INSERT INTO exchange
		(server, channel, asker, asked_in, answered_in, parts, question, answer, label, source, taught, score, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id`,
		int64(e.Server), int64(e.Channel), int64(e.Asker), int64(e.AskedIn), int64(e.AnsweredIn), partList(e.Parts),
		clean(e.Question), clean(e.Answer), clean(e.Label), string(e.Source), clean(e.Taught), e.Score, micros(e.At)).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("keep an exchange of server %s: %w", e.Server, err)
	}
	return id, nil
}

// ExchangeByAnswer returns the exchange that Mynah's message answered, or was a
// part of the answer of.
func (s *Store) ExchangeByAnswer(ctx context.Context, server record.ServerID, answer record.MessageID) (record.Exchange, bool, error) {
	return first(ctx, s.read, scanExchange, `SELECT `+exchangeColumns+` FROM exchange
		WHERE answered_in = $1 AND server = $2 OR server = $2 AND parts <> '' AND parts LIKE $3 ORDER BY id DESC LIMIT 1`,
		int64(answer), int64(server), "%"+partList([]record.MessageID{answer})+"%")
}

// LastExchange returns the newest exchange of a channel.
func (s *Store) LastExchange(ctx context.Context, server record.ServerID, channel record.ChannelID) (record.Exchange, bool, error) {
	return first(ctx, s.read, scanExchange, `SELECT `+exchangeColumns+` FROM exchange
		WHERE server = $1 AND channel = $2 ORDER BY id DESC LIMIT 1`, int64(server), int64(channel))
}
