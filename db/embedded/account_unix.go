//go:build unix

package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is whom PostgreSQL runs as when Muster runs as root, which PostgreSQL refuses. Nil means: as ourselves.
type account struct {
	uid, gid uint32
}

// chooseAccount keeps the owner of a data directory that exists, else takes "postgres", else "nobody". It has to be an
// account that the system knows: initdb looks its own name up.
func chooseAccount(data string) (*account, error) {
	info, err := os.Stat(data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look at the data directory: %w", err)
	}
	if err == nil {
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return nil, fmt.Errorf("look at the data directory: no owner is known for %s", data)
		}
		return ownerAccount(data, stat.Uid, stat.Gid)
	}
	if os.Geteuid() != 0 {
		return nil, nil
	}
	a, err := knownAccount()
	if err != nil {
		return nil, err
	}
	return a, shareDir(filepath.Dir(data))
}

func ownerAccount(data string, uid, gid uint32) (*account, error) {
	self := os.Geteuid()
	switch {
	case self != 0 && int(uid) == self:
		return nil, nil
	case self != 0:
		return nil, fmt.Errorf("the data in %s belongs to account number %d, and Muster runs as %d: start Muster as root or as that account",
			data, uid, self)
	case uid == 0:
		empty, err := os.ReadDir(data)
		if err != nil {
			return nil, fmt.Errorf("look at the data directory: %w", err)
		}
		if len(empty) == 0 { // made by hand; it is replaced
			return knownAccount()
		}
		return nil, fmt.Errorf("the data in %s belongs to root, and PostgreSQL refuses to run as root: "+
			"give it to another account with `chown -R postgres %s`", data, data)
	}
	return &account{uid: uid, gid: gid}, shareDir(filepath.Dir(data))
}

func knownAccount() (*account, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue // also when the system's list cannot be read: the sentence below covers it
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil || uid == 0 {
			continue
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			continue
		}
		return &account{uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is neither an account named postgres nor one named nobody: " +
		"make one, or start Muster as an ordinary user")
}

// own gives a folder to the account.
func (a *account) own(dir string) error {
	if a == nil {
		return nil
	}
	if err := os.Chown(dir, int(a.uid), int(a.gid)); err != nil {
		return fmt.Errorf("give %s to PostgreSQL's account: %w", dir, err)
	}
	return nil
}
