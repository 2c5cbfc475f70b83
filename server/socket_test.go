package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"muster/secret"
)

// socket is a client of graphql-transport-ws.
type socket struct {
	t    testing.TB
	conn *websocket.Conn
}

// frame is one message of the protocol.
type frame struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// dial opens a socket and begins with the token.
func (m *muster) dial(t testing.TB, token string) *socket {
	t.Helper()
	s := m.init(t, token)
	if f := s.read(); f.Type != "connection_ack" {
		t.Fatalf("got %+v, want connection_ack", f)
	}
	return s
}

// init opens a socket and says whose it is, and does not look at the answer.
func (m *muster) init(t testing.TB, token string) *socket {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}}
	conn, response, err := dialer.Dial("ws"+strings.TrimPrefix(m.URL, "http")+"/graphql", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	s := &socket{t: t, conn: conn}
	payload := vars{}
	if token != "" {
		payload["authorization"] = "Bearer " + token
	}
	s.send("", "connection_init", payload)
	return s
}

func (s *socket) send(id, kind string, payload any) {
	s.t.Helper()
	raw, err := json.Marshal(payload)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.conn.WriteJSON(frame{ID: id, Type: kind, Payload: raw}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *socket) subscribe(id, query string, v vars) {
	s.t.Helper()
	s.send(id, "subscribe", map[string]any{"query": query, "variables": v})
}

// read is the next frame that is no ping.
func (s *socket) read() frame {
	s.t.Helper()
	f, err := s.tryRead()
	if err != nil {
		s.t.Fatal(err)
	}
	return f
}

func (s *socket) tryRead() (frame, error) {
	_ = s.conn.SetReadDeadline(time.Now().Add(patience)) // for all pings together: they must not keep it waiting
	for {
		var f frame
		if err := s.conn.ReadJSON(&f); err != nil {
			return f, err
		}
		if f.Type == "ping" {
			if err := s.conn.WriteJSON(frame{Type: "pong"}); err != nil {
				return f, err
			}
			continue
		}
		return f, nil
	}
}

// next is the data of the next frame, which must be of the operation.
func (s *socket) next(id string, out any) {
	s.t.Helper()
	f := s.read()
	if f.Type != "next" || f.ID != id {
		s.t.Fatalf("got %+v %s, want next of %s", f, f.Payload, id)
	}
	var a answer
	if err := json.Unmarshal(f.Payload, &a); err != nil {
		s.t.Fatal(err)
	}
	if len(a.Errors) > 0 {
		s.t.Fatalf("got %+v", a.Errors)
	}
	if err := json.Unmarshal(a.Data, out); err != nil {
		s.t.Fatal(err)
	}
}

// ends is the code of the error frame that ends the operation.
func (s *socket) ends(id string) string {
	s.t.Helper()
	f := s.read()
	if f.Type != "error" || f.ID != id {
		s.t.Fatalf("got %+v %s, want error of %s", f, f.Payload, id)
	}
	var errors []answerError
	if err := json.Unmarshal(f.Payload, &errors); err != nil {
		s.t.Fatal(err)
	}
	code, _ := errors[0].Extensions["code"].(string)
	return code
}

// A token that belongs to no session is refused. While nobody can look that up it is not: the client is told to come back.
func TestRefusedIsNotUnknown(t *testing.T) {
	t.Parallel()
	m := start(t)
	p := m.signUp(t, "Paula")
	if code := m.init(t, secret.NewToken()).closedWith(); code != 4403 {
		t.Errorf("a token of nobody's was closed with %d, want 4403", code)
	}
	m.exec(t, `ALTER TABLE sessions RENAME TO gone`)
	if code := m.init(t, p.Token).closedWith(); code != websocket.CloseTryAgainLater {
		t.Errorf("a session that could not be looked up was closed with %d, want 1013", code)
	}
	m.exec(t, `ALTER TABLE gone RENAME TO sessions`)
	m.dial(t, p.Token)
}
