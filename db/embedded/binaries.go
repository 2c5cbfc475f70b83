package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// minMajor is the oldest PostgreSQL that Muster is tested with; older ones are out of support or about to be.
const minMajor = 15

// installation is a folder that holds postgres and initdb.
type installation struct {
	dir   string
	major int
}

var errNoPostgres = errors.New(installHint())

func installHint() string {
	const orElse = ", or set DATABASE_URL to a server that you have"
	switch runtime.GOOS {
	case "darwin":
		return "no PostgreSQL found: install it with `brew install postgresql@17`" + orElse
	case "windows":
		return "no PostgreSQL found: install it with `winget install PostgreSQL.PostgreSQL.17`" + orElse
	default:
		return "no PostgreSQL found: install it with `sudo apt install postgresql` (Debian, Ubuntu), " +
			"`sudo dnf install postgresql-server` (Fedora) or your system's package" + orElse
	}
}

// FindBinaries returns the folder with PostgreSQL's programs that a first run takes: the one on PATH, else the newest of
// those in the usual places of Debian, Red Hat, Alpine, Homebrew and Windows. Start prefers the version that made the data
// directory. The error is one sentence that says what to install.
func FindBinaries() (dir string, err error) {
	ctx := context.Background() //nolint:forbidigo // nothing to cancel: each program that is asked has a time limit
	found, err := chooseInstallation(ctx, installations(ctx), 0, "")
	return found.dir, err
}

// chooseInstallation takes the first for a fresh directory (want 0), else the first of the wanted major version.
func chooseInstallation(ctx context.Context, all []installation, want int, data string) (installation, error) {
	if err := ctx.Err(); err != nil {
		return installation{}, fmt.Errorf("look for PostgreSQL: %w", context.Cause(ctx))
	}
	if len(all) == 0 {
		return installation{}, errNoPostgres
	}
	if want == 0 {
		for _, i := range all {
			if i.major >= minMajor {
				return i, nil
			}
		}
		return installation{}, fmt.Errorf("only PostgreSQL %s is installed and Muster needs %d or newer: install that, "+
			"or set DATABASE_URL to a server that you have", majors(all), minMajor)
	}
	for _, i := range all {
		if i.major == want {
			return i, nil
		}
	}
	return installation{}, fmt.Errorf("the data in %s was written by PostgreSQL %d, and only PostgreSQL %s is installed: "+
		"install PostgreSQL %d, or move that folder away to start afresh (nothing was changed)", data, want, majors(all), want)
}

func majors(all []installation) string {
	var names []string
	for _, i := range all {
		if name := strconv.Itoa(i.major); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// installations lists what is on this machine, in the order of preference.
func installations(ctx context.Context) []installation {
	var all []installation
	add := func(dir string) {
		known := slices.ContainsFunc(all, func(i installation) bool { return i.dir == dir })
		if known || !isProgram(filepath.Join(dir, program("initdb"))) {
			return
		}
		if major, err := majorOf(ctx, dir); err == nil {
			all = append(all, installation{dir, major})
		}
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		// PATH often holds links: the real folder also has initdb.
		if real, err := filepath.EvalSymlinks(path); err == nil {
			add(filepath.Dir(real))
		}
		if abs, err := filepath.Abs(path); err == nil {
			add(filepath.Dir(abs))
		}
	}
	for _, pattern := range usualPlaces() {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			continue // only a malformed pattern; a test globs them all
		}
		slices.SortFunc(dirs, func(a, b string) int { return versionIn(b) - versionIn(a) })
		for _, dir := range dirs {
			add(dir)
		}
	}
	return all
}

func usualPlaces() []string {
	if runtime.GOOS == "windows" {
		var places []string
		for _, env := range []string{"ProgramW6432", "ProgramFiles"} {
			if root := os.Getenv(env); root != "" {
				places = append(places, filepath.Join(root, "PostgreSQL", "*", "bin"))
			}
		}
		return places
	}
	return []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/usr/libexec/postgresql*",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
		"/usr/local/pgsql/bin",
	}
}

var (
	firstNumber = regexp.MustCompile(`[0-9]+`)
	versionLine = regexp.MustCompile(`\(PostgreSQL\) ([0-9]+)`)
)

// versionIn is the first number in a path, 0 for none: newest first without running anything.
func versionIn(path string) int {
	n, err := strconv.Atoi(firstNumber.FindString(path))
	if err != nil {
		return 0
	}
	return n
}

// majorOf asks the program itself: folders and links may lie.
func majorOf(ctx context.Context, dir string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, filepath.Join(dir, program("postgres")), "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("ask %s for its version: %w", dir, err)
	}
	match := versionLine.FindSubmatch(out)
	if match == nil {
		return 0, fmt.Errorf("ask %s for its version: it answers %q", dir, out)
	}
	return strconv.Atoi(string(match[1]))
}

func program(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
