// Package storetest gives tests empty databases of every kind that the store
// can use: SQLite always; PostgreSQL where MYNAH_TEST_POSTGRES holds the URL of
// a server on which databases may be created, or where PostgreSQL's programs are
// installed, so that one can be started for the test run.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Backend is one kind of database.
type Backend struct {
	Name string
	// URL returns the store URL of a new, empty database; "" is SQLite in the
	// data folder. It skips the test where there is no such database here.
	URL func(t testing.TB) string
}

// Server is a PostgreSQL server for a test run. Its zero value starts one when
// it is first needed. Stop it in TestMain.
type Server struct {
	address string // without a database
	dir     string
	cmd     *exec.Cmd
	err     error
	started bool
	count   atomic.Int64
}

// Backends returns what the store's suite must pass on.
func (s *Server) Backends() []Backend {
	return []Backend{
		{"sqlite", func(testing.TB) string { return "" }},
		{"postgres", s.url},
	}
}

// url makes a new database.
func (s *Server) url(t testing.TB) string {
	t.Helper()
	if !s.started {
		s.started = true
		s.err = s.start()
	}
	if s.err != nil {
		t.Skipf("no PostgreSQL here: %v", s.err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	name := fmt.Sprintf("mynah_test_%d_%d", os.Getpid(), s.count.Add(1))
	admin, err := pgx.Connect(ctx, s.database("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return s.database(name)
}

func (s *Server) database(name string) string {
	u, err := url.Parse(s.address)
	if err != nil {
		return s.address
	}
	u.Path = "/" + name
	return u.String()
}

// start finds or starts a server.
func (s *Server) start() error {
	if s.address = os.Getenv("MYNAH_TEST_POSTGRES"); s.address != "" {
		return nil
	}
	bin, err := programs()
	if err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "mynah-postgres-"); err != nil {
		return err
	}
	as, err := unprivileged(s.dir)
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-A", "trust", "-U", "mynah", "-E", "UTF8", "--no-locale", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = as, s.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	// A Unix socket in a folder of our own needs no free port.
	s.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", s.dir, "-h", "", "-F")
	s.cmd.SysProcAttr, s.cmd.Dir = as, s.dir
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		return err
	}
	s.address = "postgres://mynah@/postgres?host=" + url.QueryEscape(s.dir)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		c, err := pgx.Connect(ctx, s.address)
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return errors.Join(errors.New("PostgreSQL doesn't start"), err)
		case <-time.After(20 * time.Millisecond): // it tells nobody when it is ready
		}
	}
}

// Stop ends the server that was started, if one was.
func (s *Server) Stop() {
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(syscall.SIGINT) // a fast shutdown
		_ = s.cmd.Wait()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// programs finds the folder of PostgreSQL's programs.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		path, err = filepath.EvalSymlinks(path)
		return filepath.Dir(path), err
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("neither MYNAH_TEST_POSTGRES is set nor is PostgreSQL installed")
	}
	return filepath.Dir(slices.Max(found)), nil
}

// unprivileged gives dir to a user other than root, as whom PostgreSQL insists
// to run.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		return attr, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, os.Chown(dir, int(uid), int(gid))
}
