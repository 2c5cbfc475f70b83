//go:build unix && !linux

package transport

// unsent answers 0: these systems say that a socket can be written as soon as two kilobytes are free, so that what the
// kernel takes shows whether the client reads.
func unsent(int) int { return 0 }
