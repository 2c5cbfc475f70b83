package main

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"muster/app"
	"muster/server/settings"
)

// Sockets are counted by the client's address, which a trusted proxy names: one network that has its bound keeps nobody else
// out, and a session is no way around it.
func TestOneNetworkTakesNotAllSockets(t *testing.T) {
	t.Parallel()
	m := start(t, func(s *settings.Settings, _ *app.Config) {
		s.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	m.Sockets.MaxNetworkSockets = 2
	open := func(from string) (*http.Response, error) {
		dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}}
		conn, response, err := dialer.Dial("ws"+strings.TrimPrefix(m.URL, "http")+"/graphql", http.Header{"X-Forwarded-For": {from}})
		if response == nil {
			t.Fatal(err)
		}
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() })
		}
		return response, err
	}
	for i, from := range []string{"203.0.113.7", "203.0.113.7", "198.51.100.9, 203.0.113.7", "203.0.113.8"} {
		response, err := open(from)
		if refused := err != nil; refused != (i == 2) {
			t.Fatalf("socket %d, of %s: %d %v", i+1, from, response.StatusCode, err)
		}
		if i == 2 && (response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") == "") {
			t.Errorf("one too many: got %d with Retry-After %q", response.StatusCode, response.Header.Get("Retry-After"))
		}
		_ = response.Body.Close()
	}
}

// An account's sockets are counted together, whichever of its sessions and tokens they are of, and so are those of an
// organization's service tokens, however many it makes.
func TestOneAccountTakesNotAllSockets(t *testing.T) {
	t.Parallel()
	m := start(t)
	m.Sockets.MaxAccountSockets, m.Sockets.MaxSessionSockets = 2, 3
	vera, otto := m.someone(t, "Vera"), m.signUp(t, "Otto")
	mine, other := vera.organization(t), vera.organization(t)
	screen, wall := vera.serviceToken(t, mine, "audit:read").Token, vera.serviceToken(t, mine, "audit:read").Token
	elsewheres := vera.serviceToken(t, other, "audit:read").Token
	elsewhere := *vera
	elsewhere.signIn(t)
	code := func(token string) int {
		t.Helper()
		s := m.init(t, token)
		f, err := s.tryRead()
		var closed *websocket.CloseError
		switch {
		case err == nil && f.Type == "connection_ack":
			return 0
		case !errors.As(err, &closed):
			t.Fatalf("got %+v, %v", f, err)
		}
		return closed.Code
	}
	for i, step := range []struct {
		token string
		want  int
	}{
		{vera.Token, 0},
		{elsewhere.Token, 0},
		{vera.Token, 4429},
		{elsewhere.Token, 4429},
		{otto.Token, 0},
		{screen, 0},
		{wall, 0},
		{screen, 4429},
		{wall, 4429},
		{elsewheres, 0},
	} {
		if got := code(step.token); got != step.want {
			t.Errorf("socket %d: got %d, want %d", i+1, got, step.want)
		}
	}
}
