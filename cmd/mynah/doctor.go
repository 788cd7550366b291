package main

import (
	"context"
	"errors"

	"github.com/mynahbot/mynah/internal/config"
	"github.com/mynahbot/mynah/internal/doctor"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/store"
)

type doctorCmd struct {
	config.Folder `embed:""`
}

// Run prints the configuration and what each check found. It fails when a check
// does.
func (c *doctorCmd) Run(ctx contextBox, cfg *config.Config, o *output, given origin) (err error) {
	dir, err := c.Folder.Path()
	if err != nil {
		return err
	}
	installed, err := openModels(cfg, c.Folder)
	if err != nil {
		return err
	}
	check := doctor.Config{
		Data: dir, RESTURL: cfg.Discord.RestURL, MessageContent: cfg.Discord.MessageContent,
		Models: installed, Languages: []string{"en", "ru"},
	}
	kept := store.Config{Dir: dir, URL: cfg.Store.URL, Blobs: cfg.Blobs.URL}
	check.Kept = []doctor.Check{
		{Name: "database", Run: func(ctx context.Context) (string, error) { return store.CheckDatabase(ctx, kept) },
			Mend: "stop Mynah and put back the last backup of the data folder; sqlite3 mynah.db .recover may save what is whole"},
		{Name: "blobs", Run: func(ctx context.Context) (string, error) { return store.CheckBlobs(ctx, kept) },
			Mend: "see whether this machine reaches the place that blobs.url names, with its keys"},
	}
	if _, err := installed.Find(models.Library, ""); err == nil {
		tries, err := newTrial(cfg, c.Folder, installed)
		if err != nil {
			return err
		}
		check.Load = tries.Try
	}
	if cfg.Speech.Model != "" {
		check.Recognizer = func() (*speech.Model, error) { return namedModel(cfg, installed) }
	}
	if cfg.Speech.Voice != "off" {
		v, _ := openVoices(cfg, installed, nil, nil)
		defer func() { err = errors.Join(err, v.Close()) }()
		check.Voices = v
	}
	for _, e := range cfg.Exposed(given.args, given.files) {
		check.Secrets = append(check.Secrets, doctor.Finding{Check: "secret in " + e.Key, OK: true, Detail: e.Where, Mend: e.Mend})
	}
	token, err := cfg.ReadToken(ctx, o.stderr)
	check.Token, check.TokenErr = string(token), err
	if !o.json {
		cfg.Data = dir
		for _, e := range cfg.Entries() {
			if e.Value != "" {
				o.say("%-26s %s", e.Key, e.Value)
			}
		}
		o.say("")
	}
	failed := false
	for _, f := range doctor.Run(ctx, check) {
		mark, mend := "ok", "could be better"
		if !f.OK {
			failed, mark, mend = true, "!!", "mend it"
		}
		if f.Mend != "" {
			mend = "\n     " + mend + ": " + f.Mend
		} else {
			mend = ""
		}
		if err := o.result(f, "%s   %s: %s%s", mark, f.Check, f.Detail, mend); err != nil {
			return err
		}
	}
	if failed {
		return errReported
	}
	return nil
}
