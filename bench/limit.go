package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"muster/db"
	"muster/secret"
)

// limit is the server that Muster is compared with, in a process of its own: what net/http, pgx and encoding/json do when
// nothing else is between them.
type limit struct {
	pool  *pgxpool.Pool
	rooms rooms
}

// handle registers what the paths ask of the limit.
func (l *limit) handle(mux *http.ServeMux) {
	mux.HandleFunc("POST /members", answers(l.members))
	mux.HandleFunc("POST /crowd", answers(l.crowd))
	mux.HandleFunc("POST /impact", answers(l.impact))
	mux.HandleFunc("POST /audit", answers(l.audit))
	mux.HandleFunc("POST /sweep", answers(l.sweep))
	mux.HandleFunc("GET /live", l.rooms.join)
	mux.HandleFunc("GET /live/publish", answers(l.rooms.publish))
}

// serveLimit runs the limit's server: its arguments are the address and the database.
func serveLimit(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("the limit's server is started by the harness, with an address and a database")
	}
	config, err := pgxpool.ParseConfig(args[1])
	if err != nil {
		return err
	}
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "SET ROLE "+db.AppRole)
		return err
	}
	l := &limit{}
	if l.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return err
	}
	defer l.pool.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("GET /metrics", promhttp.Handler())
	l.handle(mux)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", args[0])
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // nobody waits for an answer any more
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// errRefused is the gate's no. No path is about refusals, so none is told from another.
var errRefused = errors.New("refused")

// answers is a handler whose failures are told as such: the harness takes none for an answer.
func answers(fn func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := fn(w, r); err != nil {
			http.Error(w, fmt.Sprint(err), http.StatusInternalServerError)
		}
	}
}

// answer writes a value as JSON, in one piece.
func answer(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, err = w.Write(body)
	return err
}

// bearerHash is what the database knows the request's token by.
func bearerHash(r *http.Request) []byte {
	return secret.Hash(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
}
