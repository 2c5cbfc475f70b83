package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// process is a child of ours, or the server that pg_ctl started, which has no cmd. err and how are to be read after exited
// is closed.
type process struct {
	cmd    *exec.Cmd
	pid    int
	exited chan struct{}
	err    error
	halt   func(now bool) error // asks the server to end, which no signal can
}

// account has no meaning here: pg_ctl and initdb give up an administrator's rights by themselves.
type account struct{}

func chooseAccount(string) (*account, error) { return nil, nil }

func (*account) own(string) error { return nil }

func command(ctx context.Context, path, data string, _ *account, _ bool) (cmd *exec.Cmd, release func(), err error) {
	cmd = exec.CommandContext(context.WithoutCancel(ctx), path, "-D", data) // it outlives its start
	for _, entry := range os.Environ() {
		if name := strings.ToUpper(entry); !strings.HasPrefix(name, "PG") && !strings.HasPrefix(name, "MUSTER_") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	return cmd, func() {}, nil
}

// passwordFile holds the superuser's password: a port of this machine is open to all its users.
func passwordFile(c config) string { return filepath.Join(c.dir, "postgres.password") }

func initdbAuth(c config) ([]string, error) {
	if err := os.WriteFile(passwordFile(c), []byte(rand.Text()), 0o600); err != nil {
		return nil, fmt.Errorf("write PostgreSQL's password: %w", err)
	}
	return []string{"--auth=scram-sha-256", "--pwfile=" + passwordFile(c)}, nil
}

// listenAt chooses a free port. Another program may take it before PostgreSQL does, and then the start fails and
// says so.
func listenAt(c config, _ *account) (endpoint, error) {
	password, err := os.ReadFile(passwordFile(c))
	if err != nil {
		return endpoint{}, fmt.Errorf("read PostgreSQL's password: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return endpoint{}, fmt.Errorf("find a free port for PostgreSQL: %w", err)
	}
	host, port, err := net.SplitHostPort(listener.Addr().String())
	if err := errors.Join(err, listener.Close()); err != nil {
		return endpoint{}, fmt.Errorf("find a free port for PostgreSQL: %w", err)
	}
	return endpoint{
		host: host, port: port, password: string(password),
		settings: []string{"listen_addresses=" + host, "port=" + port, "unix_socket_directories="},
	}, nil
}

func (endpoint) remove(config) error { return nil }

// launch goes through pg_ctl, which gives up an administrator's rights: PostgreSQL refuses them.
func launch(ctx context.Context, bin string, c config, at endpoint, _ *account, output *os.File) (*process, error) {
	var options []string
	for _, setting := range append(c.settings, at.settings...) {
		options = append(options, "-c "+setting)
	}
	cmd, _, err := pgCtl(ctx, bin, c.data(), "start", "-W", "-l", output.Name(), "-o", strings.Join(options, " "))
	if err != nil {
		return nil, err
	}
	// No pipes: the server would inherit them, and waiting for pg_ctl would be waiting for the server.
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("run pg_ctl start: %w", err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for {
		if f, err := readPIDFile(c.data()); err == nil {
			return follow(ctx, bin, c.data(), f.pid)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-limit:
			return nil, fmt.Errorf("it does not come up, its log is %s", output.Name())
		case <-tick.C:
		}
	}
}

// follow watches a server that pg_ctl started.
func follow(ctx context.Context, bin, data string, pid int) (*process, error) {
	server, err := os.FindProcess(pid)
	if err != nil {
		return nil, fmt.Errorf("find the server: %w", err)
	}
	p := &process{pid: pid, exited: make(chan struct{})}
	ctx = context.WithoutCancel(ctx) // the stop comes long after the start
	p.halt = func(now bool) error {
		mode := "fast"
		if now {
			mode = "immediate"
		}
		cmd, _, err := pgCtl(ctx, bin, data, "stop", "-w", "-m", mode)
		if err != nil {
			return err
		}
		return cmd.Run()
	}
	go func() {
		_, p.err = server.Wait()
		close(p.exited)
	}()
	return p, nil
}

func pgCtl(ctx context.Context, bin, data string, args ...string) (*exec.Cmd, func(), error) {
	cmd, release, err := command(ctx, filepath.Join(bin, program("pg_ctl")), data, nil, false)
	if err != nil {
		return nil, nil, err
	}
	cmd.Args = append(cmd.Args, args...)
	return cmd, release, nil
}

func (p *process) stop(now bool) error {
	select {
	case <-p.exited:
		return nil
	default:
	}
	if err := p.halt(now); err != nil {
		if err := p.halt(true); err != nil {
			return fmt.Errorf("stop PostgreSQL: %w", err)
		}
	}
	<-p.exited
	return nil
}

// killGroup kills the child.
func (p *process) killGroup() { _ = p.cmd.Process.Kill() }

// syncDir has nothing to do: NTFS journals a rename.
func syncDir(string) error { return nil }

// clearStale stops a server that an earlier Muster left behind, which holds no lock any more. What else is left in
// postmaster.pid PostgreSQL judges by itself.
func clearStale(ctx context.Context, bin, data string, log *slog.Logger) error {
	if _, err := os.Stat(pidPath(data)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	status, _, err := pgCtl(ctx, bin, data, "status")
	if err != nil {
		return err
	}
	if status.Run() != nil {
		return nil // not running
	}
	log.InfoContext(ctx, "stopping the PostgreSQL that an earlier Muster left behind")
	stop, _, err := pgCtl(ctx, bin, data, "stop", "-w", "-m", "fast")
	if err != nil {
		return err
	}
	if err := stop.Run(); err != nil {
		return fmt.Errorf("stop the PostgreSQL that an earlier Muster left behind: %w", err)
	}
	return nil
}
