//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// stopPatience is how long an orderly shutdown may take: it writes a checkpoint, which a slow disk can stretch.
	stopPatience = 30 * time.Second
	// killPatience is how long an immediate shutdown may take: it writes nothing.
	killPatience = 5 * time.Second
)

// process is a child of ours. err and how are to be read after exited is closed.
type process struct {
	cmd    *exec.Cmd
	pid    int
	exited chan struct{}
	err    error
}

// command prepares one of PostgreSQL's programs to work on a data directory. The caller releases what it holds once the
// program has started.
func command(ctx context.Context, path, data string, account *account, throwaway bool) (cmd *exec.Cmd, release func(), err error) {
	cmd = exec.CommandContext(context.WithoutCancel(ctx), path) // it outlives its start
	cmd.Dir = "/"                                               // PostgreSQL's programs want a working directory that their account may enter
	// Nothing of Muster's environment: it may hold the secret key, or PGPORT and the like.
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	if libraries, ok := os.LookupEnv("LD_LIBRARY_PATH"); ok {
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+libraries)
	}
	// A process group of its own, or Ctrl-C in the terminal would stop PostgreSQL before Muster has drained.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if account != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: account.uid, Gid: account.gid}
	}
	endWithParent(cmd.SysProcAttr, throwaway)
	dataArg, release, err := passData(cmd, data, account)
	if err != nil {
		return nil, nil, err
	}
	cmd.Args = append(cmd.Args, "-D", dataArg)
	return cmd, release, nil
}

func launch(ctx context.Context, bin string, c config, at endpoint, account *account, output *os.File) (*process, error) {
	cmd, release, err := command(ctx, filepath.Join(bin, "postgres"), c.data(), account, c.throwaway)
	if err != nil {
		return nil, err
	}
	defer release()
	for _, setting := range append(c.settings, at.settings...) {
		cmd.Args = append(cmd.Args, "-c", setting)
	}
	cmd.Stdout, cmd.Stderr = output, output
	return startLocked(cmd)
}

// stop ends PostgreSQL and returns when it is gone. now leaves out the orderly part.
func (p *process) stop(now bool) error {
	if !now {
		if p.signalAndWait(syscall.SIGINT, stopPatience) {
			return nil
		}
	}
	if p.signalAndWait(syscall.SIGQUIT, killPatience) {
		if now {
			return nil
		}
		return fmt.Errorf("PostgreSQL did not stop within %s and was ended by force: the next start recovers", stopPatience)
	}
	p.killGroup()
	<-p.exited
	return errors.New("PostgreSQL did not react to any request to stop and was killed: the next start recovers")
}

func (p *process) signalAndWait(signal syscall.Signal, patience time.Duration) bool {
	// A refused signal means that it has ended already.
	_ = p.cmd.Process.Signal(signal)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return false
	}
}

// killGroup kills the child and what it started in its process group.
func (p *process) killGroup() {
	_ = p.cmd.Process.Kill()
	select {
	case <-p.exited: // reaped: the number may be somebody else's by now
	default:
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	}
}

func initdbAuth(config) ([]string, error) {
	// No password: the socket lies in a folder that only PostgreSQL's account (and root) may enter.
	return []string{"--auth=trust"}, nil
}

// syncDir makes a rename in dir survive a power cut.
func syncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("write the data folder to disk: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	if err := file.Sync(); err != nil {
		return fmt.Errorf("write the data folder to disk: %w", err)
	}
	return nil
}
