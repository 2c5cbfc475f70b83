//go:build !unix

package embedded

import "context"

// Connect gives the URL of a data folder's database to a second process, such as a command on the command line: of a
// server that it starts and that stop ends. While another Muster runs on the folder it is refused here.
func Connect(ctx context.Context, o Options) (url string, stop func() error, err error) {
	server, err := Start(ctx, o)
	if err != nil {
		return "", nil, err
	}
	return server.URL(), server.Stop, nil
}
