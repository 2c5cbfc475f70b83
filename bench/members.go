package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// pageOf is how many rows a page has.
const pageOf = 50

const membersDocument = `query Members($slug: String!, $after: String) {
  organization(slug: $slug) {
    members(first: 50, after: $after) {
      nodes { id role twoFactor user { id name email } }
      pageInfo { endCursor hasNextPage }
    }
  }
}`

// membersPath is the page that a dashboard shows most.
func membersPath() path {
	return pages(path{
		Name: "members",
		About: "50 members with role, 2FA state, name and address, signed in and through the gate, each time another organization " +
			"and cursor; the limit looks the same up in two statements (session, membership and requirement; page)",
		Allocs: 420, CPU: 1.9,
		Goals: []goal{{Figure: "rate", Least: 0.75}, {Figure: "cpu", Most: 1.33}},
	}, membersDocument, "/members", membersQuestions)
}

// membersQuestions are for another organization and cursor each time.
func membersQuestions(ctx context.Context, a *arena) ([]question, error) {
	p, err := a.fillPeople(ctx)
	if err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(2, 0)) //nolint:gosec // the same questions each time
	questions := make([]question, 4000)
	for i := range questions {
		o := p.organizations[random.IntN(len(p.organizations))]
		questions[i] = question{p.tokens[o.viewer], map[string]any{
			"slug": o.slug, "after": cursor(o.members[random.IntN(len(o.members)-pageOf-1)]),
		}}
	}
	return questions, nil
}

// The limit's answer, as encoding/json writes it.
type (
	limitAnswer struct {
		Data struct {
			Organization struct {
				Members struct {
					Nodes    []limitMember `json:"nodes"`
					PageInfo limitPageInfo `json:"pageInfo"`
				} `json:"members"`
			} `json:"organization"`
		} `json:"data"`
	}
	limitMember struct {
		ID        string    `json:"id"`
		Role      string    `json:"role"`
		TwoFactor string    `json:"twoFactor"`
		User      limitUser `json:"user"`
	}
	limitUser struct {
		ID    string `json:"id"`
		Name  string `json:"name"`
		Email string `json:"email"`
	}
	limitPageInfo struct {
		EndCursor   *string `json:"endCursor"`
		HasNextPage bool    `json:"hasNextPage"`
	}
)

// members is the limit of the members page.
func (l *limit) members(w http.ResponseWriter, r *http.Request) error {
	in, err := l.admit(r)
	if err != nil {
		return err
	}
	rows, err := l.pool.Query(r.Context(), `
SELECT m.id, m.role, u.two_factor, u.id, u.name, u.email FROM members m JOIN users u ON u.id = m.user_id
 WHERE m.organization_id = $1 AND m.id > $2 ORDER BY m.id LIMIT $3`, in.organizationID, in.After, pageOf+1)
	if err != nil {
		return err
	}
	return answerMembers(w, rows)
}

// answerMembers writes a page of members.
func answerMembers(w http.ResponseWriter, rows pgx.Rows) error {
	defer rows.Close()
	var out limitAnswer
	page := &out.Data.Organization.Members
	page.Nodes = make([]limitMember, 0, pageOf+1)
	for rows.Next() {
		var m limitMember
		if err := rows.Scan(&m.ID, &m.Role, &m.TwoFactor, &m.User.ID, &m.User.Name, &m.User.Email); err != nil {
			return err
		}
		page.Nodes = append(page.Nodes, m)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if page.PageInfo.HasNextPage = len(page.Nodes) > pageOf; page.PageInfo.HasNextPage {
		page.Nodes = page.Nodes[:pageOf]
	}
	if n := len(page.Nodes); n > 0 {
		end := cursor(page.Nodes[n-1].ID)
		page.PageInfo.EndCursor = &end
	}
	return answer(w, out)
}

// cursor and key are how the API writes a place in a list, which is opaque to its clients.
func cursor(key string) string { return base64.RawURLEncoding.EncodeToString([]byte("c:" + key)) }

func key(cursor string) (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	return strings.TrimPrefix(string(raw), "c:"), err
}

// asked is what any page is asked with, by somebody whom the gate has let into the organization.
type asked struct {
	organizationID string
	Slug           string
	After          string // a cursor, and then the key that it stands for
	Action         string // of entries of the log
	Filter         struct {
		Query           string
		Role, TwoFactor []string
	}
}

// admit reads what is asked, and is the gate by hand, in one statement: the session, the membership and the requirement.
func (l *limit) admit(r *http.Request) (*asked, error) {
	var in struct{ Variables asked }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	a := &in.Variables
	var err error
	if a.After, err = key(a.After); err != nil {
		return nil, err
	}
	var twoFactor, role, status string
	var expires, used time.Time
	var ended, proved, frozen *time.Time
	var required bool
	err = l.pool.QueryRow(r.Context(), `
SELECT s.expires_at, s.used_at, s.ended_at, s.proved_at, u.two_factor, u.frozen_since, o.id, o.require2fa, m.role, m.status
  FROM sessions s JOIN users u ON u.id = s.user_id JOIN organizations o ON o.slug = $2 JOIN members m ON m.organization_id = o.id AND m.user_id = s.user_id
 WHERE s.token_hash = $1`, bearerHash(r), a.Slug).
		Scan(&expires, &used, &ended, &proved, &twoFactor, &frozen, &a.organizationID, &required, &role, &status)
	if err != nil {
		return nil, err
	}
	if now := time.Now(); ended != nil || now.After(expires) || now.Sub(used) > time.Hour || frozen != nil {
		return nil, errRefused
	}
	if status != "ACTIVE" || required && (twoFactor == "DISABLED" || proved == nil) || role != "MANAGER" && role != "OWNER" {
		return nil, errRefused
	}
	return a, nil
}
