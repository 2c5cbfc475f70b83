package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// TestSocketsOpenAFewAtATime: a server never has more sockets to accept at once than it is told of, whichever of them it speaks to.
func TestSocketsOpenAFewAtATime(t *testing.T) {
	t.Parallel()
	const sockets = 3 * openTogether
	for name, c := range map[string]struct {
		speaks           dialect
		accepts, answers string
	}{
		"graphql-transport-ws": {graphQL, `{"type":"connection_ack"}`, `{"id":"1","type":"next","payload":{}}`},
		"centrifuge":           {centrifugeJSON, `{"id":1,"connect":{"client":"x"}}`, `{"push":{"channel":"log","pub":{"data":1}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var waiting, most atomic.Int64
			address := listening(t, func(connection *websocket.Conn) {
				_, _, _ = connection.ReadMessage()
				n := waiting.Add(1)
				for seen := most.Load(); n > seen && !most.CompareAndSwap(seen, n); seen = most.Load() {
				}
				<-time.After(50 * time.Millisecond) // in which a client that does not wait opens the rest
				waiting.Add(-1)
				_ = connection.WriteMessage(websocket.TextMessage, []byte(c.accepts))
				_, _, _ = connection.ReadMessage()
				_ = connection.WriteMessage(websocket.TextMessage, []byte(c.answers))
				_, _, _ = connection.ReadMessage() // until the client leaves
			})
			au := &audience{speaks: c.speaks}
			err := au.open(t.Context(), &arena{stderr: io.Discard}, &server{name: name, Address: address}, sockets,
				func(int) (string, []string) { return "/", []string{"first", "second"} }, func(int) int64 { return 1 })
			defer au.close()
			if err != nil {
				t.Fatal(err)
			}
			if n := most.Load(); n > openTogether {
				t.Errorf("%d sockets waited to be accepted at once, want %d at most", n, openTogether)
			}
		})
	}
}

// TestFailuresNameWhoFailed: where a peer stands in the limit's place it is named, also when its sockets are not accepted.
func TestFailuresNameWhoFailed(t *testing.T) {
	t.Parallel()
	limit, peer := &server{name: "the limit"}, &server{name: "centrifuge"}
	_, err := new(arena).side(t.Context(), limit, func(_ context.Context, _ *arena, m *meter) error {
		m.server = peer
		return errors.New("broken")
	})
	if err == nil || err.Error() != "centrifuge: broken" {
		t.Errorf("a round failed with %v", err)
	}
	peer.Address = listening(t, func(connection *websocket.Conn) {
		_, _, _ = connection.ReadMessage()
		_ = connection.WriteMessage(websocket.TextMessage, []byte(`{"type":"connection_error"}`))
	})
	au := &audience{}
	defer au.close()
	err = au.open(t.Context(), &arena{stderr: io.Discard}, peer, 1,
		func(int) (string, []string) { return "/", []string{"first", "second"} }, func(int) int64 { return 0 })
	if want := `1 sockets of centrifuge: not accepted: {"type":"connection_error"}`; err == nil || err.Error() != want {
		t.Errorf("a socket was refused: %v", err)
	}
}

// listening is the address of a server that talks so on each socket.
func listening(t *testing.T, talk func(connection *websocket.Conn)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection, err := new(websocket.Upgrader).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer connection.Close()
		talk(connection)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}
