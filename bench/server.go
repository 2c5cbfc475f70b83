package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is a process that is measured.
type server struct {
	name    string // for messages
	Address string // host:port
	cmd     *exec.Cmd
	log     string // the file of its output
	exited  <-chan struct{}
	stopped bool      // by stop
	beside  []*server // others of its kind that share its load
}

// addressOf is where the n-th client of a load asks: the servers get one after the other.
func (s *server) addressOf(n int) string {
	if i := n % (len(s.beside) + 1); i > 0 {
		return s.beside[i-1].Address
	}
	return s.Address
}

// URL is the address of a page of the server.
func (s *server) URL(path string) string { return "http://" + s.Address + path }

// freeAddress is one that nobody listens on yet.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// startServer starts a program and waits until it answers that it is ready. Where the run is interrupted it goes on until it is
// stopped, as everything else that the run has made.
func startServer(ctx context.Context, name, logFile, address string, env []string, program string, args ...string) (*server, error) {
	said, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	defer func() { _ = said.Close() }() // the process has its own
	cmd := exec.CommandContext(context.WithoutCancel(ctx), program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Dir = env, said, said, filepath.Dir(logFile)
	exited, err := launch(cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	s := &server{name: name, Address: address, cmd: cmd, log: logFile, exited: exited}
	return s, s.await(ctx, time.Minute)
}

// await waits until the server answers that it is ready. One that does not in time is stopped.
func (s *server) await(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := fetch(ctx, s.URL("/readyz")); err == nil {
			return nil
		}
		select {
		case <-s.exited:
			text, err := os.ReadFile(s.log)
			return errors.Join(fmt.Errorf("%s has ended:\n%s", s.name, bytes.TrimSpace(text)), err)
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s does not get ready: %w", s.name, ctx.Err()), s.stop())
		case <-tick.C:
		}
	}
}

// stop ends the process as an operator would, where that was not done before.
func (s *server) stop() error {
	if s == nil || s.stopped {
		return nil
	}
	s.stopped = true
	select {
	case <-s.exited:
		return fmt.Errorf("%s had ended by itself: see %s", s.name, s.log)
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(15 * time.Second):
		err := errors.Join(fmt.Errorf("%s did not stop in time", s.name), s.cmd.Process.Kill())
		<-s.exited
		return err
	}
}

func fetch(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s: %.300s", url, response.Status, body.String())
	}
	return body.Bytes(), nil
}

// usage is what a process has used since it began.
type usage struct {
	cpu       time.Duration
	mallocs   float64
	allocated float64
	resident  int64
	// goroutines are those that there are, collections how often garbage was collected.
	goroutines, collections float64
}

// usage is what the server has used, and the others beside it.
func (s *server) usage(ctx context.Context) (usage, error) {
	sum, err := s.ownUsage(ctx)
	for _, other := range s.beside {
		u, failed := other.ownUsage(ctx)
		err = errors.Join(err, failed)
		sum.cpu, sum.mallocs, sum.allocated, sum.resident = sum.cpu+u.cpu, sum.mallocs+u.mallocs, sum.allocated+u.allocated, sum.resident+u.resident
	}
	return sum, err
}

// ownUsage reads CPU time and memory from /proc, and allocations from the server's own metrics.
func (s *server) ownUsage(ctx context.Context) (usage, error) {
	var u usage
	text, err := fetch(ctx, s.URL("/metrics"))
	if err != nil {
		return u, fmt.Errorf("read the metrics of %s: %w", s.name, err)
	}
	for line := range bytes.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		switch name {
		case "go_memstats_mallocs_total":
			u.mallocs, err = strconv.ParseFloat(value, 64)
		case "go_memstats_alloc_bytes_total":
			u.allocated, err = strconv.ParseFloat(value, 64)
		case "go_goroutines":
			u.goroutines, err = strconv.ParseFloat(value, 64)
		case "go_gc_duration_seconds_count":
			u.collections, err = strconv.ParseFloat(value, 64)
		}
		if err != nil {
			return u, fmt.Errorf("read the metrics of %s: %w", s.name, err)
		}
	}
	u.resident, err = residentBytes(s.cmd.Process.Pid)
	if err != nil {
		return u, err
	}
	u.cpu, err = cpuTime(s.cmd.Process.Pid)
	return u, err
}

// clockTick is the unit of times in /proc/PID/stat: USER_HZ, 100 on every Linux that Go runs on.
const clockTick = time.Second / 100

// cpuTime is what a process has computed, in user mode and in the kernel's.
func cpuTime(pid int) (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("CPU times are read from Linux's /proc: %w", err)
	}
	// The second field is the program's name in parentheses and may hold anything; utime and stime are fields 14 and 15.
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat is too short", pid)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * clockTick, err
}

// residentBytes is the memory that a process has now.
func residentBytes(pid int) (int64, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if rest, found := strings.CutPrefix(lines.Text(), "VmRSS:"); found {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.Join(fmt.Errorf("/proc/%d/status names no VmRSS", pid), lines.Err())
}
