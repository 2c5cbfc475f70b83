//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Connect gives the URL of a data folder's database to a second process, such as a command on the command line: of the
// server that runs there, or else of one that it starts and that stop ends.
func Connect(ctx context.Context, o Options) (url string, stop func() error, err error) {
	if _, err := os.Stat(o.Dir); err != nil {
		return "", nil, fmt.Errorf("there is no data folder %s: start the server once, or set MUSTER_DATA_DIR", o.Dir)
	}
	server, err := Start(ctx, o)
	if err == nil {
		return server.URL(), server.Stop, nil
	}
	if !errors.Is(err, errLocked) {
		return "", nil, err
	}
	database := o.Database
	if database == "" {
		database = defaultDatabase
	}
	dir, err := os.ReadFile(rememberedSocket(config{dir: o.Dir}))
	if err != nil {
		return "", nil, fmt.Errorf("find the server that runs on %s: %w", o.Dir, err)
	}
	return endpoint{host: strings.TrimSpace(string(dir)), port: socketPort}.url(database), func() error { return nil }, nil
}
