package main

import (
	"context"
	_ "embed" // the profiler's source
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"muster/db/embedded"
	"muster/secret"
)

// poolSize is how many connections to PostgreSQL each of the two servers may have.
const poolSize = 8

// arena is one PostgreSQL with Muster and the limit on it.
type arena struct {
	options options
	// DB is for filling and looking, as the owner of the tables.
	DB *pgxpool.Pool

	muster, limit *server
	quiet         *server // Muster without wake-ups, once a path has asked for it

	dir      string
	key      string // Muster's, the same for all instances
	program  string // Muster's binary
	postgres *embedded.Server
	stderr   io.Writer
	people   *people
	crowds   map[int]*crowd // by how many they are
	undo     []func() error
}

func (a *arena) say(format string, args ...any) {
	_, _ = fmt.Fprintf(a.stderr, format+"\n", args...) // nobody is left to tell
}

func newArena(ctx context.Context, o options, stderr io.Writer) (_ *arena, err error) {
	a := &arena{options: o, stderr: stderr, key: secret.NewMaster()}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	left, err := removeLeftovers(os.TempDir())
	for _, dir := range left {
		a.say("removed %s, which a run that was killed had left", dir)
	}
	if err != nil {
		a.say("what a run that was killed had left stays: %v", err)
	}
	var remove func() error
	if a.dir, remove, err = newFolder(os.TempDir()); err != nil {
		return nil, err
	}
	a.undo = append(a.undo, remove)
	// All that is made on the way is in the folder too: PostgreSQL's sockets, and what the compiler writes.
	if err := os.Setenv("TMPDIR", a.dir); err != nil {
		return nil, err
	}
	if err := a.build(ctx); err != nil {
		return nil, err
	}
	a.postgres, err = embedded.Start(ctx, embedded.Options{Dir: filepath.Join(a.dir, "database"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	a.undo = append(a.undo, a.postgres.Stop)
	if a.muster, err = a.startMuster(ctx); err != nil { // migrates
		return nil, err
	}
	a.undo = append(a.undo, func() error { return a.muster.stop() })
	if a.limit, err = a.startLimit(ctx); err != nil {
		return nil, err
	}
	a.undo = append(a.undo, func() error { return a.limit.stop() })
	if a.DB, err = pgxpool.New(ctx, a.postgres.URL()); err != nil {
		return nil, err
	}
	a.undo = append(a.undo, func() error { a.DB.Close(); return nil })
	return a, nil
}

// close ends everything in the opposite order.
func (a *arena) close() error {
	var errs []error
	for i := len(a.undo) - 1; i >= 0; i-- {
		errs = append(errs, a.undo[i]())
	}
	a.undo = nil
	return errors.Join(errs...)
}

//go:embed profiler.go.txt
var profiler []byte

// build makes Muster's binary from the sources, as it is shipped. Where profiles are wanted one more file is laid over the
// sources for this build alone, so that the shipped program has no door for them.
func (a *arena) build(ctx context.Context) error {
	a.program = filepath.Join(a.dir, "muster")
	overlay := ""
	if a.options.Profile != "" {
		var err error
		if a.options.Profile, err = filepath.Abs(a.options.Profile); err != nil {
			return err
		}
		if err := os.MkdirAll(a.options.Profile, 0o700); err != nil {
			return err
		}
		if overlay, err = a.overlay(); err != nil {
			return err
		}
	}
	return a.compile(ctx, a.program, overlay)
}

// compile builds the program, where it is given with an overlay.
func (a *arena) compile(ctx context.Context, program, overlay string) error {
	args := []string{"build", "-o", program}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./server")...)
	if out, err := output(cmd); err != nil {
		return fmt.Errorf("build ./server (run this from the top of the repository): %w\n%s", err, out)
	}
	return nil
}

func (a *arena) overlay() (string, error) {
	source, err := filepath.Abs(filepath.Join("server", "profiler.go"))
	if err != nil {
		return "", err
	}
	replacement, overlay := filepath.Join(a.dir, "profiler.go"), filepath.Join(a.dir, "overlay.json")
	if err := os.WriteFile(replacement, profiler, 0o600); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{source: replacement}})
	if err != nil {
		return "", err
	}
	return overlay, os.WriteFile(overlay, text, 0o600)
}

// environment is what a program needs of the caller's, and no setting of Muster.
func environment(extra ...string) []string {
	var env []string
	for _, entry := range os.Environ() {
		switch name, _, _ := strings.Cut(entry, "="); name {
		case "PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH":
			env = append(env, entry)
		}
	}
	return append(env, extra...)
}

// place is where a server listens, and the database's URL with the pool's size.
func (a *arena) place(ctx context.Context) (address, database string, err error) {
	if address, err = freeAddress(ctx); err != nil {
		return "", "", err
	}
	u, err := url.Parse(a.postgres.URL())
	if err != nil {
		return "", "", err
	}
	query := u.Query()
	query.Set("pool_max_conns", fmt.Sprint(poolSize))
	u.RawQuery = query.Encode()
	return address, u.String(), nil
}

// startMuster starts the program as an operator does, with everything that an operator does not set at its default.
func (a *arena) startMuster(ctx context.Context) (*server, error) {
	return a.startProgram(ctx, "Muster", a.program)
}

func (a *arena) startProgram(ctx context.Context, name, program string) (*server, error) {
	address, database, err := a.place(ctx)
	if err != nil {
		return nil, err
	}
	_, port, _ := strings.Cut(address, ":")
	env := environment(
		"DATABASE_URL="+database, "MUSTER_ADDR="+address, "MUSTER_PUBLIC_URL=http://localhost:"+port,
		"MUSTER_SECRET_KEY="+a.key, "SMTP_URL=smtp://127.0.0.1:1", "BENCH_PROFILE="+filepath.Join(a.dir, "profile"),
	)
	return startServer(ctx, name, program+"-"+port+".log", address, env, program)
}

func (a *arena) startLimit(ctx context.Context) (*server, error) {
	address, database, err := a.place(ctx)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startServer(ctx, "the limit", filepath.Join(a.dir, "limit.log"), address, environment(), self, limitArgument, address, database)
}
