//go:build unix

package embedded

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// spawnHelper is startHelper without waiting for the server.
func spawnHelper(t *testing.T, dir string) *helper {
	t.Helper()
	cmd := exec.CommandContext(testContext(t), os.Args[0])
	cmd.Env = append(os.Environ(), helperDir+"="+dir)
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = cmd.Wait() // an error when the test has killed it
	})
	return &helper{cmd: cmd}
}

// await asks until it is true.
func await(t *testing.T, what string, ask func() bool) {
	t.Helper()
	ctx := testContext(t)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ask() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

func awaitGlob(t *testing.T, pattern string) {
	t.Helper()
	await(t, pattern, func() bool {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		return len(found) > 0
	})
}

func awaitActive(t *testing.T, url string, pid uint32) {
	t.Helper()
	conn := mustConnect(t, url)
	await(t, "the statement to run", func() bool {
		var active bool
		const query = `SELECT count(*) > 0 FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND wait_event = 'PgSleep'`
		if err := conn.QueryRow(testContext(t), query, int(pid)).Scan(&active); err != nil {
			t.Fatal(err)
		}
		return active
	})
}

// TestKillMinusNine kills the process that runs the server while it writes, and starts again at once, three times.
func TestKillMinusNine(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), ".muster")
	for round := range 3 {
		h := startHelper(t, dir)
		mustExec(t, h.url, `CREATE TABLE IF NOT EXISTS kept (n int); INSERT INTO kept SELECT generate_series(1, 1000)`)
		conn := mustConnect(t, h.url)
		if _, err := conn.Exec(testContext(t), `BEGIN; INSERT INTO kept SELECT generate_series(1, 300000)`); err != nil {
			t.Fatal(err)
		}
		socket := readText(t, filepath.Join(dir, "postgres.socket"))
		h.kill(t)

		s := mustStart(t, dir)
		mustNotExist(t, socket)
		if n, want := mustCount(t, s.URL(), "kept"), 1000*(round+1); n != want {
			t.Errorf("%d rows after the kill, want the %d that were committed", n, want)
		}
		mustStop(t, s)
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// runOrphan runs a server on the folder that no Muster holds, and which does not end when its parent does.
func runOrphan(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	s := mustStart(t, dir)
	mustStop(t, s)
	account, err := chooseAccount(s.config.data())
	if err != nil {
		t.Fatal(err)
	}
	bin, err := FindBinaries()
	if err != nil {
		t.Fatal(err)
	}
	cmd, release, err := command(testContext(t), filepath.Join(bin, "postgres"), s.config.data(), account, false)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	// Without the kernel's signal for a parent's death, as on macOS.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: cmd.SysProcAttr.Credential}
	at, err := listenAt(s.config, account) // PostgreSQL does not run without a socket
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range at.settings {
		cmd.Args = append(cmd.Args, "-c", setting)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // says only that it was killed
	})
	await(t, "the orphan", func() bool {
		f, err := readPIDFile(s.config.data())
		return err == nil && f.pid == cmd.Process.Pid && f.status == "ready"
	})
	return cmd
}

// TestOrphanIsStopped: where the kernel does not end PostgreSQL with Muster, the next start meets it. Nobody waits for
// this child, so it is a zombie from then on as well.
func TestOrphanIsStopped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	orphan := runOrphan(t, dir)
	s := mustStart(t, dir)
	if s.process.pid == orphan.Process.Pid {
		t.Error("the orphan was adopted")
	}
	mustExec(t, s.URL(), `CREATE TABLE works()`)
}

// TestZombiePostmaster: killed and not yet reaped, its number still exists and its file is still there.
func TestZombiePostmaster(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	orphan := runOrphan(t, dir)
	if err := orphan.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	mustExec(t, mustStart(t, dir).URL(), `CREATE TABLE works()`)
}

// TestNumberGivenAnew: the number in a file that a crash left behind belongs to a stranger now, who must not be ended.
func TestNumberGivenAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustStart(t, dir)
	text := readText(t, pidPath(s.config.data()))
	mustStop(t, s)

	// After a restart of the machine the number belongs to a stranger, of the same account even.
	stranger := exec.CommandContext(testContext(t), "sleep", "600")
	stranger.Dir = "/"
	if account, err := chooseAccount(s.config.data()); err != nil {
		t.Fatal(err)
	} else if account != nil {
		stranger.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: account.uid, Gid: account.gid}}
	}
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- stranger.Wait() }()
	t.Cleanup(func() {
		_ = stranger.Process.Kill()
		if err := <-ended; err == nil {
			t.Error("the stranger ended by itself")
		}
	})
	f := pidFile{pid: stranger.Process.Pid, rest: text[len(strconv.Itoa(s.process.pid))+1:]}
	mustWrite(t, pidPath(s.config.data()), strconv.Itoa(f.pid)+"\n"+f.rest)
	if os.Geteuid() == 0 {
		chownTree(t, pidPath(s.config.data()))
	}
	mustExec(t, mustStart(t, dir).URL(), `CREATE TABLE works()`)
	select {
	case err := <-ended:
		t.Errorf("the stranger was ended: %v", err)
	default:
	}
}

func TestMalformedPIDFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustStart(t, dir)
	for name, text := range map[string]string{"empty": "", "no number": "x\n", "zero": "0\n/data\n1\n"} {
		mustStop(t, s)
		mustWrite(t, pidPath(s.config.data()), text)
		var err error
		if s, err = Start(testContext(t), Options{Dir: dir}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	mustStop(t, s)
}

// TestSocketFolderOfOthers: the remembered name may be somebody else's by now.
func TestSocketFolderOfOthers(t *testing.T) {
	t.Parallel()
	dir, foreign := t.TempDir(), t.TempDir()
	c := config{dir: dir}
	for _, place := range []string{filepath.Join(foreign, "data"), filepath.Join(foreign, "muster-1"), filepath.Join(foreign, "gone")} {
		precious := filepath.Join(place, "precious")
		if filepath.Base(place) != "gone" {
			mustWrite(t, precious, "x")
		}
		mustWrite(t, rememberedSocket(c), place)
		if err := forgetSocket(c); err != nil {
			t.Error(err)
		}
		mustNotExist(t, rememberedSocket(c))
		if filepath.Base(place) != "gone" && readText(t, precious) != "x" {
			t.Errorf("%s was touched", precious)
		}
	}
}
