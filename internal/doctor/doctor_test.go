package doctor_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/doctor"
	"github.com/mynahbot/mynah/internal/localdiscord"
	"github.com/mynahbot/mynah/internal/speech/models"
)

// Without a sentence encoder doctor says what is missed; a damaged one is named, with what mends it.
func TestSentenceEncoder(t *testing.T) {
	folder := t.TempDir()
	catalogue, err := models.BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	store, err := models.Open(catalogue, folder)
	if err != nil {
		t.Fatal(err)
	}
	look := func() map[string]doctor.Finding {
		found := map[string]doctor.Finding{}
		for _, f := range doctor.Run(t.Context(), doctor.Config{Data: t.TempDir(), Models: store}) {
			found[f.Check] = f
		}
		return found
	}
	if f := look()["sentence encoder"]; !f.OK || !strings.Contains(f.Detail, "known by its words alone") || !strings.Contains(f.Mend, "models pull speech-pack") {
		t.Errorf("without one: %+v", f)
	}
	addEncoder(t, store, "mine")
	if f := look()["sentence encoder"]; !f.OK || f.Detail != filepath.Join(folder, "mine") || f.Mend != "" {
		t.Errorf("with one: %+v", f)
	}
	if err := os.WriteFile(filepath.Join(folder, "mine", "model.onnx"), []byte("short"), 0o644); err != nil {
		t.Fatal(err)
	}
	found := look()
	if f := found["sentence encoder mine"]; f.OK || !strings.Contains(f.Detail, "5 bytes instead of 10") || !strings.Contains(f.Mend, "models remove mine") {
		t.Errorf("with a damaged one: %+v", f)
	}
	if f := found["sentence encoder"]; !f.OK || !strings.Contains(f.Mend, "models pull speech-pack") {
		t.Errorf("with a damaged one alone: %+v", f)
	}
}

func TestRun(t *testing.T) {
	off := false
	world := localdiscord.DefaultWorld()
	world.Bots = append(world.Bots, localdiscord.WorldBot{
		WorldAccount: localdiscord.WorldAccount{Name: "Deaf"}, Intents: localdiscord.WorldIntents{MessageContent: &off},
	})
	server, err := localdiscord.Start(t.Context(), localdiscord.Config{World: world})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	line := server.Ready()
	token := func(name string) string {
		a, ok := line.Account(name)
		if !ok {
			t.Fatalf("no account %s", name)
		}
		return a.Token
	}
	catalogue, err := models.BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	empty, err := models.Open(catalogue, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data, token, rest string
		want              map[string]bool   // check → passes
		mend              map[string]string // check → part of how to mend it
	}{
		"all is well with Discord": {t.TempDir(), token("Mynah"), line.REST, map[string]bool{"data folder": true, "disk": true, "token": true, "message content intent": true}, nil},
		"an intent is off":         {t.TempDir(), token("Deaf"), line.REST, map[string]bool{"token": true, "message content intent": false}, map[string]string{"message content intent": "Message Content Intent"}},
		"a wrong token":            {t.TempDir(), "geheim", line.REST, map[string]bool{"token": false}, map[string]string{"token": "Reset Token"}},
		"nobody answers":           {t.TempDir(), "geheim", "http://127.0.0.1:1/api", map[string]bool{"token": false}, map[string]string{"token": "reaches discord.com"}},
		"no token":                 {t.TempDir(), "", "", map[string]bool{"token": true}, nil},
		"no such folder":           {filepath.Join(t.TempDir(), "new", "one"), "", "", map[string]bool{"data folder": true, "disk": true}, nil},
		"the folder is a file":     {filepath.Join(file, "data"), "", "", map[string]bool{"data folder": false}, map[string]string{"data folder": "--data"}},
		"no speech pack":           {t.TempDir(), "", "", map[string]bool{"model moonshine-tiny-en": false}, map[string]string{"model moonshine-tiny-en": "mynah models pull speech-pack"}},
	} {
		t.Run(name, func(t *testing.T) {
			found := map[string]doctor.Finding{}
			for _, f := range doctor.Run(t.Context(), doctor.Config{Data: c.data, Token: c.token, RESTURL: c.rest, MessageContent: true, Models: empty}) {
				found[f.Check] = f
				if !f.OK && f.Mend == "" {
					t.Errorf("%+v doesn't say how to mend it", f)
				}
				if c.token != "" && strings.Contains(f.Detail+f.Mend, c.token) {
					t.Errorf("%+v tells the token", f)
				}
			}
			for check, ok := range c.want {
				if f, there := found[check]; !there || f.OK != ok {
					t.Errorf("%s: %+v, want %v", check, f, ok)
				}
			}
			for check, part := range c.mend {
				if !strings.Contains(found[check].Mend, part) {
					t.Errorf("%s: %q doesn't tell of %q", check, found[check].Mend, part)
				}
			}
		})
	}
}

// addEncoder installs a sentence encoder that looks whole.
func addEncoder(t *testing.T, store *models.Store, name string) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), name)
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"model.onnx", "tokenizer.json"} {
		if err := os.WriteFile(filepath.Join(folder, file), []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Add(t.Context(), folder, models.Addition{}); err != nil {
		t.Fatal(err)
	}
}
