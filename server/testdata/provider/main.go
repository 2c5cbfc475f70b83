// Command provider is an OpenID Connect provider for tests: zitadel's certified implementation with its example's storage
// and login page, users that a test names, and the methods (amr) that each signs in with. It is a module of its own, so
// that nothing of it is in Muster's.
//
// It reads one JSON object from stdin, prints its issuer on stdout, and ends when stdin does.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
)

type input struct {
	ClientID     string
	ClientSecret string
	RedirectURI  string
	Users        map[string]person // by subject; the password is the name
}

type person struct {
	Name  string
	Email string
	AMR   []string

	Unverified bool
}

// people are the input's, as the example's storage asks for them.
type people struct{ input }

func (p people) GetUserByID(id string) *storage.User {
	one, ok := p.Users[id]
	if !ok {
		return nil
	}
	return &storage.User{ID: id, Username: one.Name, Password: one.Name, FirstName: one.Name, LastName: "Provided", Email: one.Email, EmailVerified: !one.Unverified}
}

func (p people) GetUserByUsername(name string) *storage.User {
	for id, one := range p.Users {
		if one.Name == name {
			return p.GetUserByID(id)
		}
	}
	return nil
}

func (people) ExampleClientID() string { return storage.ServiceUserID }

// store says by which methods each user has signed in.
type store struct {
	*storage.Storage
	people people
}

type request struct {
	op.AuthRequest
	amr []string
}

func (r request) GetAMR() []string { return r.amr }

func (s store) wrap(r op.AuthRequest, err error) (op.AuthRequest, error) {
	if err != nil {
		return nil, err
	}
	return request{r, s.people.Users[r.GetSubject()].AMR}, nil
}

func (s store) AuthRequestByID(ctx context.Context, id string) (op.AuthRequest, error) {
	return s.wrap(s.Storage.AuthRequestByID(ctx, id))
}

func (s store) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	return s.wrap(s.Storage.AuthRequestByCode(ctx, code))
}

func (s store) CreateAccessToken(ctx context.Context, r op.TokenRequest) (string, time.Time, error) {
	if wrapped, ok := r.(request); ok {
		r = wrapped.AuthRequest
	}
	return s.Storage.CreateAccessToken(ctx, r)
}

func main() {
	var in input
	stdin := json.NewDecoder(os.Stdin)
	if err := stdin.Decode(&in); err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	issuer := "http://" + listener.Addr().String()
	storage.RegisterClients(storage.WebClient(in.ClientID, in.ClientSecret, in.RedirectURI))
	all := people{in}
	quiet := slog.New(slog.DiscardHandler)
	handler := exampleop.SetupServer(issuer, store{storage.NewStorage(all), all}, quiet, false)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		// Whoever started this closes stdin, or is gone: both end it.
		_, _ = io.Copy(io.Discard, io.MultiReader(stdin.Buffered(), os.Stdin))
		os.Exit(0)
	}()
	fmt.Println(issuer)
	log.Fatal(server.Serve(listener))
}
