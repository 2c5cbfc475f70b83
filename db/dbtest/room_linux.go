package dbtest

import "golang.org/x/sys/unix"

// roomy says whether a folder is there, can be written and has so many bytes free.
func roomy(dir string, bytes uint64) bool {
	var stat unix.Statfs_t
	if unix.Access(dir, unix.W_OK) != nil || unix.Statfs(dir, &stat) != nil {
		return false
	}
	return stat.Bavail*uint64(stat.Bsize) >= bytes
}
