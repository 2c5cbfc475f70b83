package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"muster/app"
	"muster/org"
	"muster/secret"
	"muster/server/settings"
)

const (
	sessionsQuery    = `{ viewer { sessions { id current beganBy userAgent ipAddress createdAt lastUsedAt expiresAt organizationId } } }`
	endSession       = `mutation($s: ID!) { endSession(input: {sessionId: $s}) { user { id } } }`
	endOtherSessions = `mutation { endOtherSessions(input: {}) { user { id } } }`
)

type sessionView struct {
	ID, BeganBy, UserAgent, IPAddress string
	Current                           bool
	LastUsedAt, ExpiresAt             time.Time
}

func (p *person) sessions(t testing.TB) []sessionView {
	t.Helper()
	var out struct {
		Viewer struct{ Sessions []sessionView }
	}
	p.do(t, sessionsQuery, nil, &out)
	return out.Viewer.Sessions
}

// closed waits for the end of a socket and is its close code.
func (s *socket) closed() int {
	s.t.Helper()
	for until := time.Now().Add(patience); ; {
		if time.Now().After(until) {
			s.t.Fatal("the socket was not closed")
		}
		_, err := s.tryRead()
		var closing *websocket.CloseError
		if errors.As(err, &closing) {
			return closing.Code
		}
		if err != nil {
			s.t.Fatalf("the socket ended with %v, want a close frame", err)
		}
	}
}

// A person sees where they are signed in, and ends one session or all others; the sockets of those close at once.
func TestListAndEndSessions(t *testing.T) {
	t.Parallel()
	m := start(t, behindProxy)
	p, other := m.signUp(t, "Lia"), m.signUp(t, "Otto")
	in := vars{"i": vars{"email": p.Email, "password": p.Password}}
	signIn := func(agent, from string) *person {
		var out struct {
			SignIn struct{ Session struct{ Token string } }
		}
		m.call(t, call{Query: signInQuery, Vars: in, Agent: agent, From: from}).decode(t, &out)
		twin := *p
		twin.Token = out.SignIn.Session.Token
		return &twin
	}
	phone, laptop := signIn("A phone", "198.51.100.7"), signIn("A laptop", "203.0.113.9")
	idOf := func(agent string) string {
		return m.find(t, `SELECT id FROM sessions WHERE user_agent = $1`, agent)
	}
	// Last used first.
	m.exec(t, `UPDATE sessions SET used_at = clock_timestamp() - interval '2 minutes' WHERE user_agent = 'A laptop'`)
	m.exec(t, `UPDATE sessions SET used_at = clock_timestamp() - interval '30 minutes' WHERE user_agent NOT IN ('A laptop', 'A phone')`)
	list := phone.sessions(t)
	if len(list) != 3 {
		t.Fatalf("%d sessions are listed, want 3: %+v", len(list), list)
	}
	if !list[0].Current || list[1].Current || list[2].Current {
		t.Errorf("current is said of %+v, want it of the phone alone", list)
	}
	if list[0].UserAgent != "A phone" || list[0].IPAddress != "198.51.100.7" || list[0].BeganBy != "PASSWORD" ||
		list[1].UserAgent != "A laptop" || list[1].IPAddress != "203.0.113.9" {
		t.Errorf("listed are %+v", list)
	}
	if life := time.Until(list[0].ExpiresAt); life < 23*time.Hour || life > 24*time.Hour {
		t.Errorf("the session is said to end in %v, want 24 hours at the latest", life)
	}

	// One ends, with its socket; the others and their sockets go on.
	lost, kept := m.dial(t, laptop.Token), m.dial(t, p.Token)
	phone.refused(t, "CONFLICT", endSession, vars{"s": idOf("A phone")})
	other.refused(t, "NOT_FOUND", endSession, vars{"s": idOf("A laptop")})
	phone.do(t, endSession, vars{"s": idOf("A laptop")}, nil)
	if code := lost.closed(); code != 4401 {
		t.Errorf("the socket was closed with %d, want 4401", code)
	}
	if m.signedIn(t, laptop.Token) || !m.signedIn(t, p.Token) || !m.signedIn(t, phone.Token) || !m.signedIn(t, other.Token) {
		t.Error("the wrong session ended")
	}
	phone.refused(t, "NOT_FOUND", endSession, vars{"s": idOf("A laptop")})
	if list := phone.sessions(t); len(list) != 2 {
		t.Errorf("after ending one, %d are listed", len(list))
	}

	// One that is over by itself is neither listed nor ended.
	m.exec(t, `UPDATE sessions SET expires_at = clock_timestamp() WHERE user_agent = 'A laptop'`)
	tablet := signIn("A tablet", "203.0.113.10")
	m.exec(t, `UPDATE sessions SET expires_at = clock_timestamp() WHERE user_agent = 'A tablet'`)
	phone.refused(t, "NOT_FOUND", endSession, vars{"s": idOf("A tablet")})
	tablet.refused(t, "UNAUTHENTICATED", endOtherSessions, nil)
	if list := phone.sessions(t); len(list) != 2 {
		t.Errorf("one that is over is listed: %+v", list)
	}

	phone.do(t, endOtherSessions, nil, nil)
	if code := kept.closed(); code != 4401 {
		t.Errorf("the socket was closed with %d, want 4401", code)
	}
	if m.signedIn(t, p.Token) || !m.signedIn(t, phone.Token) || !m.signedIn(t, other.Token) {
		t.Error("ending all others ended the wrong sessions")
	}
	if list := phone.sessions(t); len(list) != 1 || !list[0].Current {
		t.Errorf("listed are %+v, want the one that asks", list)
	}
}

// A session ends at its limits and not a second before, by the clock that decides.
func TestSessionLimitsToTheSecond(t *testing.T) {
	t.Parallel()
	noon := time.Now().UTC().Truncate(time.Second)
	m := start(t, func(_ *settings.Settings, c *app.Config) {
		c.SessionIdle, c.SessionMax, c.Now = time.Hour, 24*time.Hour, func() time.Time { return noon }
	})
	p := m.signUp(t, "Tia")
	m.exec(t, `UPDATE sessions SET expires_at = $1::timestamptz + interval '1 hour'`, noon)
	for _, test := range []struct {
		sentence   string
		used, ends time.Duration // ago; from now
		want       bool
	}{
		{"a second before the idle time is over it holds", time.Hour - time.Second, time.Hour, true},
		{"when the idle time is over it does not", time.Hour, time.Hour, false},
		{"a second later it does not", time.Hour + time.Second, time.Hour, false},
		{"a second before its end it holds", 0, time.Second, true},
		{"at its end it does not, though in use", 0, 0, false},
		{"a second later it does not", 0, -time.Second, false},
	} {
		m.exec(t, `UPDATE sessions SET used_at = $1, expires_at = $2`, noon.Add(-test.used), noon.Add(test.ends))
		if got := m.signedIn(t, p.Token); got != test.want {
			t.Errorf("%s: signed in %v, want %v", test.sentence, got, test.want)
		}
		if listed := m.post(t, p.Token, sessionsQuery, nil).Data; test.want != strings.Contains(string(listed), `"current":true`) {
			t.Errorf("%s: listed are %s", test.sentence, listed)
		}
	}
}

// TestFixation goes every route of the table in a browser whose cookie somebody else may know: where a session begins, that
// cookie never becomes its; where one is raised, its cookie gets a new value and the old one is dead (ASVS 5.0, 7.2.4).
func TestFixation(t *testing.T) {
	t.Parallel()
	for _, route := range org.Routes {
		if schema(t).Mutation.Fields.ForName(route.Name) == nil || route.Issues {
			continue // a page, or the demo's: it has a test of its own; or what makes no cookie
		}
		for _, c := range loggedCalls {
			if c.mutation != route.Name || c.code != "" {
				continue
			}
			t.Run(strings.TrimSpace(c.mutation+" "+c.variant), func(t *testing.T) {
				t.Parallel()
				m := start(t)
				p, input := c.prepare(t, m)
				victim, planted := p, secret.NewToken()
				holder := p.Token // whose session the planted cookie is of
				if route.Begins {
					victim, holder = nil, m.signUp(t, "Mallory").Token
				}
				m.exec(t, `UPDATE sessions SET cookie_hash = $1 WHERE token_hash = $2`, secret.Hash(planted), secret.Hash(holder))
				origin := "http://localhost" + m.URL[strings.LastIndex(m.URL, ":"):]
				before := m.standings(t)
				got := m.call(t, call{Query: c.query(), Vars: vars{"i": input}, Origin: origin, Cookie: "muster=" + planted})
				got.expect(t, "", c.mutation)
				cookie := got.cookie()
				who := func(value string) string {
					return m.call(t, call{Query: whoami, Origin: origin, Cookie: "muster=" + value}).who(t)
				}
				changed := false
				for id, now := range m.standings(t) {
					changed = changed || before[id] != now
				}
				if !changed {
					if cookie != nil {
						t.Errorf("no session has a new standing, and the cookie becomes %v", cookie)
					}
					return // such as a link that joins without proving anything that was not proved
				}
				if cookie == nil || cookie.Value == "" || cookie.Value == planted || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode {
					t.Fatalf("the cookie becomes %v, want a new value", cookie)
				}
				if route.Begins {
					if who(planted) == who(cookie.Value) {
						t.Errorf("the cookie of before is for %q, the new session's", who(planted))
					}
					if who(cookie.Value) == "" {
						t.Error("the new cookie is for nobody")
					}
					return
				}
				if who(planted) != "" {
					t.Errorf("the old cookie is for %q still", who(planted))
				}
				if who(cookie.Value) != victim.Email {
					t.Errorf("the new cookie is for %q", who(cookie.Value))
				}
				if !m.signedIn(t, victim.Token) {
					t.Error("the bearer token ended; it is to stay")
				}
			})
		}
	}
}
