package main

import (
	"io"
	"strings"
	"testing"
)

// TestOptionsAreRefused: what cannot be measured is refused before anything is built or filled.
func TestOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for args, says := range map[string]string{
		"--each=-5s":           "--each is -5s and has to be 10ms or more",
		"--each=0s":            "--each is 0s and has to be 10ms or more",
		"--each=9ms --quick":   "--each is 9ms and has to be 10ms or more",
		"--rounds=0":           "--rounds is 0 and has to be 1 or more",
		"--rounds=-1":          "--rounds is -1 and has to be 1 or more",
		"--quick members":      `"members" is no option: paths are named by --only`,
		"--only=nobody":        "nothing to measure: --only takes one of members, ",
		"--only=idle --quick":  "nothing to measure: --only takes one of members, ",
		"--only=(":             "--only takes the beginning of a name, or a regular expression: ",
		"--only=peer":          "what begins with peer needs --peers",
		"--rounds=1 -- --json": `"--json" is no option`,
	} {
		err := bench(t.Context(), strings.Fields(args), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, and not %q", args, err, says)
		}
	}
}
