package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// halfMade is the prefix of the folders that initdb works in. Only a complete one is renamed to "postgres", so a folder
// that still has this prefix was never served from and may be removed.
const halfMade = "postgres.new-"

// prepareData makes the data directory if there is none, and returns the folder of the binaries that fit it.
func prepareData(ctx context.Context, c config, account *account) (bin string, err error) {
	want, err := dataVersion(c.data())
	if err != nil {
		return "", err
	}
	found, err := chooseInstallation(ctx, installations(ctx), want, c.data())
	if err != nil {
		return "", err
	}
	if err := removeHalfMade(ctx, c); err != nil {
		return "", err
	}
	if want != 0 {
		return found.dir, nil
	}
	c.log.InfoContext(ctx, "making a PostgreSQL of Muster's own", "version", found.major, "folder", c.data())
	return found.dir, initialize(ctx, c, found.dir, account)
}

// dataVersion is the major version that made the data directory, 0 when there is none. A folder that holds anything else
// is an error: it is not ours to remove.
func dataVersion(data string) (int, error) {
	text, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if err == nil {
		version := strings.TrimSpace(string(text))
		major, err := strconv.Atoi(version)
		if err != nil {
			return 0, fmt.Errorf("the data in %s was written by PostgreSQL %q, which Muster cannot use: move that folder away", data, version)
		}
		return major, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("read the data directory's version: %w", err)
	}
	entries, err := os.ReadDir(data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("read the data directory: %w", err)
	case len(entries) > 0:
		return 0, fmt.Errorf("%s holds files and is not a PostgreSQL data directory (it has no PG_VERSION): "+
			"move it away or use another data folder", data)
	}
	return 0, nil
}

// leftoverPatience is for an initdb that was killed with its Muster and whose child still writes.
const leftoverPatience = 2 * time.Second

// removeHalfMade is no reason to fail: what cannot be removed now is in nobody's way, and the next start tries again.
func removeHalfMade(ctx context.Context, c config) error {
	leftovers, err := filepath.Glob(filepath.Join(escapeGlob(c.dir), halfMade+"*"))
	if err != nil {
		return fmt.Errorf("look for unfinished data directories: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, leftoverPatience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, leftover := range leftovers {
		err := os.RemoveAll(leftover)
		for err != nil && ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-tick.C:
				err = os.RemoveAll(leftover)
			}
		}
		if err != nil {
			c.log.WarnContext(ctx, "an unfinished data directory cannot be removed", "error", err)
		}
	}
	return nil
}

// escapeGlob lets a folder be named like a pattern. On Windows the backslash is no escape, and brackets are rare.
func escapeGlob(dir string) string {
	if runtime.GOOS == "windows" {
		return dir
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// initialize runs initdb beside the data directory and renames it when it is complete and on disk: a crash in the middle
// leaves nothing that looks like data.
func initialize(ctx context.Context, c config, bin string, account *account) (err error) {
	fresh, err := os.MkdirTemp(c.dir, halfMade)
	if err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(fresh))
		}
	}()
	if err := account.own(fresh); err != nil {
		return err
	}
	var failed error
	for _, ctype := range characterTypes() {
		if failed = initdb(ctx, c, bin, fresh, ctype, account); failed == nil || ctx.Err() != nil {
			break
		}
	}
	if failed != nil {
		return failed
	}
	if err := os.Remove(c.data()); err != nil && !errors.Is(err, fs.ErrNotExist) { // succeeds on an empty folder only
		return fmt.Errorf("make the data directory: %w", err)
	}
	if err := os.Rename(fresh, c.data()); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if c.throwaway {
		return nil
	}
	return syncDir(c.dir)
}

// characterTypes are tried in turn. Sorting is by code point everywhere, so that indexes survive a change of the C
// library; upper and lower case should know more than ASCII where the system can.
func characterTypes() []string {
	switch runtime.GOOS {
	case "windows":
		return []string{"C"}
	case "darwin":
		return []string{"en_US.UTF-8", "C"}
	default:
		return []string{"C.UTF-8", "C"}
	}
}

func initdb(ctx context.Context, c config, bin, fresh, ctype string, account *account) error {
	args := []string{
		"--username=" + superuser, "--encoding=UTF8", "--locale=C", "--lc-ctype=" + ctype, "--no-instructions",
	}
	auth, err := initdbAuth(c)
	if err != nil {
		return err
	}
	args = append(args, auth...)
	if c.throwaway {
		args = append(args, "--no-sync")
	}
	cmd, release, err := command(ctx, filepath.Join(bin, program("initdb")), fresh, account, true)
	if err != nil {
		return err
	}
	defer release()
	cmd.Args = append(cmd.Args, args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	process, err := startLocked(cmd)
	if err != nil {
		return fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	select {
	case <-process.exited:
	case <-ctx.Done():
		process.killGroup()
		<-process.exited
		return fmt.Errorf("make the data directory: %w", context.Cause(ctx))
	}
	if process.err != nil {
		return fmt.Errorf("initdb does not succeed (%s): %s", process.how(), lastLines(output.Bytes()))
	}
	return nil
}

// maxLog is the size, in bytes, above which the log of earlier runs is dropped at the next start.
const maxLog = 4 << 20

func openLog(path string) (*os.File, error) {
	flags := os.O_CREATE | os.O_APPEND | os.O_RDWR
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		flags |= os.O_TRUNC
	}
	file, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL's log: %w", err)
	}
	return file, nil
}

// logTail is what a run that did not come up left in its log, in a line.
func logTail(path string, offset int64) string {
	file, err := os.Open(path)
	if err != nil {
		return "and its log cannot be read: " + err.Error()
	}
	defer func() { _ = file.Close() }() // only read
	text, err := io.ReadAll(io.NewSectionReader(file, offset, 1<<20))
	if err != nil {
		return "and its log cannot be read: " + err.Error()
	}
	return lastLines(text)
}

// lastLines prefers the lines that name a cause, and is never more than three of them.
func lastLines(text []byte) string {
	var all, causes []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		all = append(all, line)
		for _, word := range []string{"FATAL:", "PANIC:", "error:"} {
			if _, cause, ok := strings.Cut(line, word); ok {
				causes = append(causes, strings.TrimSpace(cause))
			}
		}
	}
	if len(causes) > 0 {
		all = causes
	}
	if len(all) == 0 {
		return "it said nothing"
	}
	return strings.Join(all[max(0, len(all)-3):], "; ")
}

// pidFile is what PostgreSQL says about itself in postmaster.pid.
type pidFile struct {
	pid     int
	started int64 // seconds since 1970
	status  string
	rest    string // everything after the first line
}

var errMalformedPIDFile = errors.New("postmaster.pid is malformed")

func pidPath(data string) string { return filepath.Join(data, "postmaster.pid") }

// readPIDFile reads the lines that PostgreSQL documents in its pidfile.h: 1 the process, 3 its start, 8 its state.
func readPIDFile(data string) (pidFile, error) {
	text, err := os.ReadFile(pidPath(data))
	if err != nil {
		return pidFile{}, err
	}
	first, rest, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 0 {
		return pidFile{}, errMalformedPIDFile
	}
	f := pidFile{pid: pid, rest: rest}
	lines := strings.Split(string(text), "\n")
	if len(lines) > 2 {
		f.started, err = strconv.ParseInt(strings.TrimSpace(lines[2]), 10, 64)
		if err != nil {
			return pidFile{}, errMalformedPIDFile
		}
	}
	if len(lines) > 7 {
		f.status = strings.TrimSpace(lines[7])
	}
	return f, nil
}
