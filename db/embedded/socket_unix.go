//go:build unix

package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	socketPort   = "5432" // only a part of the socket's name
	socketPrefix = "muster-"
	// maxSocketDir leaves room for "/.s.PGSQL.5432" in the 103 bytes that the strictest system (macOS) allows a socket.
	maxSocketDir = 88
)

// rememberedSocket is the file that names the socket's folder, so that the next start removes it after a crash.
func rememberedSocket(c config) string { return filepath.Join(c.dir, "postgres.socket") }

// listenAt makes a folder for the socket: a short path that only PostgreSQL's account may enter. The data directory would
// be the obvious place, but its path may be longer than a socket's may be.
func listenAt(c config, account *account) (endpoint, error) {
	if err := forgetSocket(c); err != nil {
		return endpoint{}, err
	}
	parents := []string{os.TempDir(), "/tmp", "/var/tmp"}
	if c.throwaway { // the folder is removed as a whole
		parents = append([]string{c.dir}, parents...)
	}
	failed := errors.New("every path is too long or closed to PostgreSQL's account")
	for _, parent := range parents {
		if !suitsSocket(parent, account) {
			continue
		}
		dir, err := os.MkdirTemp(parent, socketPrefix)
		if err != nil {
			failed = err
			continue
		}
		if err := account.own(dir); err != nil {
			return endpoint{}, errors.Join(err, os.Remove(dir))
		}
		if err := os.WriteFile(rememberedSocket(c), []byte(dir), 0o600); err != nil {
			return endpoint{}, errors.Join(fmt.Errorf("remember the socket's folder: %w", err), os.Remove(dir))
		}
		return endpoint{
			host: dir, port: socketPort,
			settings: []string{"listen_addresses=", "unix_socket_directories=" + dir, "unix_socket_permissions=0700", "port=" + socketPort},
		}, nil
	}
	return endpoint{}, fmt.Errorf("make a folder for PostgreSQL's socket (TMPDIR can name another place): %w", failed)
}

func suitsSocket(parent string, account *account) bool {
	// MkdirTemp adds at most ten digits; PostgreSQL reads a comma as the end of a path.
	if len(parent)+len("/")+len(socketPrefix)+10 > maxSocketDir || !filepath.IsAbs(parent) || strings.ContainsAny(parent, `,"`) {
		return false
	}
	for dir := parent; account != nil; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return true
}

// remove takes the socket's folder away.
func (e endpoint) remove(c config) error {
	return forgetSocket(c)
}

// forgetSocket removes the folder that this or an earlier run made. It removes a socket and its lock from a folder of our
// naming and nothing else, as the folder's name may have been taken by others since.
func forgetSocket(c config) error {
	text, err := os.ReadFile(rememberedSocket(c))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read where the socket was: %w", err)
	}
	dir := string(text)
	info, err := os.Lstat(dir)
	if err == nil && info.IsDir() && strings.HasPrefix(filepath.Base(dir), socketPrefix) {
		name := filepath.Join(dir, ".s.PGSQL."+socketPort)
		_ = os.Remove(name)
		_ = os.Remove(name + ".lock")
		// One that is not empty is not ours any more.
		if err := os.Remove(dir); err != nil && !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, fs.ErrNotExist) &&
			!errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("remove the socket's folder: %w", err)
		}
	}
	if err := os.Remove(rememberedSocket(c)); err != nil {
		return fmt.Errorf("forget where the socket was: %w", err)
	}
	return nil
}
