package discord

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/disgo/rest"
	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/spoken"
)

// Post sends a message to a channel. An archived thread is left alone.
func (c *Client) Post(ctx context.Context, channel record.ChannelID, r bot.Reply) (record.MessageID, error) {
	if t, ok := c.thread(snowflake.ID(channel)); ok && t.ThreadMetadata.Archived {
		return 0, errArchived
	}
	return c.post(ctx, target{channel: snowflake.ID(channel)}, r)
}

// Edit replaces the text of a message of Mynah's own, and adds files to it. What
// doesn't fit into one message is sent after it.
func (c *Client) Edit(ctx context.Context, channel record.ChannelID, message record.MessageID, r bot.Reply) error {
	parts := parts(r)
	first := parts[0]
	_, err := c.disgo.Rest.UpdateMessage(snowflake.ID(channel), snowflake.ID(message), discord.MessageUpdate{
		Content: &first.text, Files: first.files, Attachments: survivors(first.files), AllowedMentions: mentions(0),
	}, rest.WithCtx(ctx))
	if err := errors.Join(err, closeFiles(first.files)); err != nil {
		return err
	}
	t := target{channel: snowflake.ID(channel)}
	for _, p := range parts[1:] {
		m, err := c.create(ctx, &t, p)
		if err != nil {
			return err
		}
		sent(r, record.MessageID(m.ID))
	}
	return nil
}

// Delete deletes a message of Mynah's own.
func (c *Client) Delete(ctx context.Context, channel record.ChannelID, message record.MessageID) error {
	err := c.disgo.Rest.DeleteMessage(snowflake.ID(channel), snowflake.ID(message), rest.WithCtx(ctx))
	switch errorCode(err) {
	case codeUnknownMessage, codeUnknownChannel:
		return nil
	}
	return err
}

// Writable reports whether Mynah may write in a channel and that is one of the server's.
func (c *Client) Writable(ctx context.Context, server record.ServerID, channel record.ChannelID) (bool, error) {
	found, err := c.disgo.Rest.GetChannel(snowflake.ID(channel), rest.WithCtx(ctx))
	if refused, ok := errors.AsType[*apiError](err); ok && refused.status < 500 {
		return false, nil // there is no such channel, or Mynah may not see it
	}
	if err != nil {
		return false, err
	}
	room, ok := found.(discord.GuildMessageChannel)
	if !ok || room.GuildID() != snowflake.ID(server) {
		return false, nil
	}
	want := discord.PermissionViewChannel | discord.PermissionSendMessages
	var place discord.GuildChannel = room
	if t, thread := found.(discord.GuildThread); thread {
		// Who may write in a thread is said by the channel that it belongs to.
		if t.ThreadMetadata.Archived || t.ParentID() == nil {
			return false, nil
		}
		above, err := c.disgo.Rest.GetChannel(*t.ParentID(), rest.WithCtx(ctx))
		if err != nil {
			return false, err
		}
		if place, ok = above.(discord.GuildChannel); !ok {
			return false, nil
		}
		want = discord.PermissionViewChannel | discord.PermissionSendMessagesInThreads
	}
	may, err := c.permissions(ctx, place, c.self)
	return may.Has(want), err
}

// Member implements [bot.Members].
func (c *Client) Member(ctx context.Context, server record.ServerID, user record.UserID) (p bot.Person, is bool, err error) {
	guild := snowflake.ID(server)
	m, err := c.disgo.Rest.GetMember(guild, snowflake.ID(user), rest.WithCtx(ctx))
	switch errorCode(err) {
	case codeUnknownServer, codeUnknownMember, codeUnknownUser, codeMissingAccess:
		return bot.Person{}, false, nil
	}
	if err != nil {
		return bot.Person{}, false, err
	}
	return c.person(&guild, m.User, m), true, nil
}

// Sees implements [bot.Members].
func (c *Client) Sees(ctx context.Context, server record.ServerID, channel record.ChannelID, user record.UserID) (bool, error) {
	found, err := c.disgo.Rest.GetChannel(snowflake.ID(channel), rest.WithCtx(ctx))
	if refused, ok := errors.AsType[*apiError](err); ok && refused.status < 500 {
		return false, nil // it is gone, or Mynah may not see it any more
	}
	if err != nil {
		return false, err
	}
	place, ok := found.(discord.GuildChannel)
	if !ok || place.GuildID() != snowflake.ID(server) {
		return false, nil
	}
	private := false
	if t, thread := found.(discord.GuildThread); thread {
		// Who may see a thread is said by the channel that it belongs to; a private one is for those who are in it.
		if t.ParentID() == nil {
			return false, nil
		}
		private = t.Type() == discord.ChannelTypeGuildPrivateThread
		above, err := c.disgo.Rest.GetChannel(*t.ParentID(), rest.WithCtx(ctx))
		if err != nil {
			return false, err
		}
		if place, ok = above.(discord.GuildChannel); !ok {
			return false, nil
		}
	}
	may, err := c.permissions(ctx, place, snowflake.ID(user))
	switch errorCode(err) {
	case codeUnknownMember, codeUnknownUser:
		return false, nil
	}
	if err != nil || !may.Has(discord.PermissionViewChannel) {
		return false, err
	}
	if !private || may.Has(discord.PermissionManageThreads) {
		return true, nil
	}
	_, err = c.disgo.Rest.GetThreadMember(snowflake.ID(channel), snowflake.ID(user), false, rest.WithCtx(ctx))
	if refused, ok := errors.AsType[*apiError](err); ok && refused.status < 500 {
		return false, nil
	}
	return err == nil, err
}

// part is one message of a reply.
type part struct {
	text    string
	files   []*discord.File
	buttons []discord.LayoutComponent
}

// parts divides a reply into messages. Files and buttons go with the last text.
func parts(r bot.Reply) []part {
	var out []part
	for _, text := range bot.Split(r.Text, bot.MaxMessageRunes) {
		out = append(out, part{text: text})
	}
	for at := 0; at < len(r.Files); at += bot.MaxFilesPerMessage {
		var files []*discord.File
		for _, f := range r.Files[at:min(at+bot.MaxFilesPerMessage, len(r.Files))] {
			files = append(files, discord.NewFile(fileName(f.Name), "", &lazyFile{open: f.Open}))
		}
		if at == 0 && len(out) > 0 {
			out[len(out)-1].files = files
			continue
		}
		out = append(out, part{files: files})
	}
	if len(out) == 0 {
		out = append(out, part{text: "\u200b"}) // Discord takes no empty message
	}
	out[len(out)-1].buttons = buttons(r.Buttons)
	return out
}

// fileName is a name that can stand in a multipart header.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == '"' || r == '\\' || r == '/' || r == 0x7f {
			return '_'
		}
		return r
	}, name)
	return clip(name, 100)
}

// clip cuts s to at most n characters.
func clip(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n])
	}
	return s
}

// lazyFile opens its file when it is read first.
type lazyFile struct {
	open func() (io.ReadCloser, error)
	r    io.ReadCloser
}

func (f *lazyFile) Read(p []byte) (int, error) {
	if f.r == nil {
		r, err := f.open()
		if err != nil {
			return 0, err
		}
		f.r = r
	}
	return f.r.Read(p)
}

func closeFiles(files []*discord.File) error {
	var err error
	for _, f := range files {
		if l, ok := f.Reader.(*lazyFile); ok && l.r != nil {
			err = errors.Join(err, l.r.Close())
		}
	}
	return err
}

// mentions lets a message notify nobody but the one it answers.
func mentions(author snowflake.ID) *discord.AllowedMentions {
	m := &discord.AllowedMentions{Parse: []discord.AllowedMentionType{}, Roles: []snowflake.ID{}, Users: []snowflake.ID{}}
	if author != 0 {
		m.Users = append(m.Users, author)
		m.RepliedUser = true
	}
	return m
}

// reopened returns the same files, to be read again.
func reopened(files []*discord.File) []*discord.File {
	var out []*discord.File
	for _, f := range files {
		again := *f
		if l, ok := f.Reader.(*lazyFile); ok {
			again.Reader = &lazyFile{open: l.open}
		}
		out = append(out, &again)
	}
	return out
}

func nonce() string { return strconv.FormatUint(rand.Uint64(), 36) }

// maxWaveform is how many points of loudness Discord draws.
const maxWaveform = 256

// postVoice sends a Discord voice message
// (https://docs.discord.com/developers/resources/message, "Voice Messages").
// disgo can't describe its attachment, so the request is written here.
func (c *Client) postVoice(ctx context.Context, t target, v *spoken.VoiceMessage) (record.MessageID, error) {
	waveform := v.Waveform
	if len(waveform) > maxWaveform {
		waveform = waveform[:maxWaveform]
	}
	if len(waveform) == 0 {
		waveform = []byte{0}
	}
	payload := map[string]any{
		"flags":            int(discord.MessageFlagIsVoiceMessage),
		"allowed_mentions": mentions(t.author),
		"nonce":            nonce(),
		"enforce_nonce":    true,
		"attachments": []map[string]any{{
			"id": 0, "filename": voiceFile, "duration_secs": v.Duration.Seconds(), "waveform": base64.StdEncoding.EncodeToString(waveform),
		}},
	}
	if t.to != nil {
		payload["message_reference"] = map[string]any{"message_id": t.to.String(), "fail_if_not_exists": false}
	}
	body := &bytes.Buffer{}
	form := multipart.NewWriter(body)
	describe, err := json.Marshal(payload)
	if err != nil {
		return 0, err
	}
	for _, p := range []struct {
		header  textproto.MIMEHeader
		content []byte
	}{
		{textproto.MIMEHeader{"Content-Disposition": {`form-data; name="payload_json"`}, "Content-Type": {"application/json"}}, describe},
		{textproto.MIMEHeader{"Content-Disposition": {`form-data; name="files[0]"; filename="` + voiceFile + `"`}, "Content-Type": {"audio/ogg"}}, v.Ogg},
	} {
		w, err := form.CreatePart(p.header)
		if err != nil {
			return 0, err
		}
		if _, err := w.Write(p.content); err != nil {
			return 0, err
		}
	}
	if err := form.Close(); err != nil {
		return 0, err
	}
	var m discord.Message
	err = c.disgo.Rest.Do(rest.CreateMessage.Compile(nil, t.channel), &discord.MultipartBuffer{Buffer: body, ContentType: form.FormDataContentType()}, &m, rest.WithCtx(ctx))
	return record.MessageID(m.ID), err
}

// voiceFile is how Discord's own clients name the recording of a voice message.
const voiceFile = "voice-message.ogg"
