package embedded

import (
	"context"
	"path/filepath"
	"testing"
)

func TestFindBinaries(t *testing.T) {
	t.Parallel()
	dir, err := FindBinaries()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postgres", "initdb"} {
		if !isProgram(filepath.Join(dir, name)) {
			t.Errorf("%s has no %s", dir, name)
		}
	}
	for _, pattern := range usualPlaces() {
		if _, err := filepath.Glob(pattern); err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

func TestFindBinariesBesidesPath(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := FindBinaries(); err != nil {
		t.Errorf("the usual places are not searched: %v", err)
	}
}

func TestChooseInstallation(t *testing.T) {
	t.Parallel()
	onPath, newest, old := installation{"/path", 16}, installation{"/usr/17", 17}, installation{"/usr/13", 13}
	for name, test := range map[string]struct {
		all  []installation
		want int
		dir  string
		says []string
	}{
		"the first for fresh data":     {all: []installation{onPath, newest}, dir: "/path"},
		"old ones are left out":        {all: []installation{old, newest}, dir: "/usr/17"},
		"only old ones":                {all: []installation{old}, says: []string{"only PostgreSQL 13 is installed", "15 or newer"}},
		"the version of the data":      {all: []installation{onPath, newest}, want: 17, dir: "/usr/17"},
		"an old version has its data":  {all: []installation{onPath, old}, want: 13, dir: "/usr/13"},
		"the data of another version":  {all: []installation{onPath, newest}, want: 14, says: []string{"PostgreSQL 14", "16, 17", "/data", "nothing was changed"}},
		"nothing for fresh data":       {says: []string{"no PostgreSQL found: install it with", "DATABASE_URL"}},
		"nothing for data that exists": {want: 17, says: []string{"no PostgreSQL found: install it with"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := chooseInstallation(context.Background(), test.all, test.want, "/data")
			if test.says != nil {
				wantError(t, err, test.says...)
			} else if err != nil {
				t.Error(err)
			}
			if got.dir != test.dir {
				t.Errorf("took %q, want %q", got.dir, test.dir)
			}
		})
	}
}

func TestVersionIn(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]int{
		"/usr/lib/postgresql/9.6/bin":               9,
		"/usr/lib/postgresql/17/bin":                17,
		"/opt/homebrew/opt/postgresql@18/bin":       18,
		`C:\Program Files\PostgreSQL\16\bin`:        16,
		"/usr/local/pgsql/bin":                      0,
		"/usr/pgsql-99999999999999999999999999/bin": 0,
	} {
		if got := versionIn(path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
}
