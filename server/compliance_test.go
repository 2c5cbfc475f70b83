package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/db/dbtest"
)

// figures are an organization's, as the test counts them by hand.
type figures struct{ Active, With2FA, Invited, RemovedFor2FA int }

// teller tells a random story of people in two organizations, and counts on its fingers.
type teller struct {
	*muster
	t      *testing.T
	rng    *rand.Rand
	orgs   [2]*organization
	on     [2]bool // the requirement
	cast   []*character
	open   [2][]string  // ids of invitations that nobody will accept
	closed [2][]figures // of the days that are over
	did    map[string]int
}

// character is somebody in the story.
type character struct {
	*person
	factor bool
	place  [2]string // "", ACTIVE or REMOVED_FOR_2FA
	member [2]string // the id
}

// count is what the organization's figures must be.
func (s *teller) count(o int) figures {
	f := figures{Active: 1, With2FA: 1, Invited: len(s.open[o])} // the owner
	for _, c := range s.cast {
		switch {
		case c.place[o] == "REMOVED_FOR_2FA":
			f.RemovedFor2FA++
		case c.place[o] == "ACTIVE" && c.factor:
			f.With2FA++
			f.Active++
		case c.place[o] == "ACTIVE":
			f.Active++
		}
	}
	return f
}

const keptFigures = `query($s: String!, $d: Int!) { organization(slug: $s) {
  memberCounts { active with2FA invited removedFor2FA }
  all: members(first: 1) { totalCount } removed: members(first: 1, filter: {status: [REMOVED_FOR_2FA]}) { totalCount }
  complianceHistory(days: $d) { day active with2FA removedFor2FA } } }`

// compare holds what is kept against what was counted.
func (s *teller) compare() {
	s.t.Helper()
	for i, o := range s.orgs {
		var out struct {
			Organization struct {
				MemberCounts      figures
				All, Removed      struct{ TotalCount int }
				ComplianceHistory []figures
			}
		}
		days := len(s.closed[i]) + 1
		o.Owner.do(s.t, keptFigures, vars{"s": o.Slug, "d": days}, &out)
		want := s.count(i)
		if diff := cmp.Diff(want, out.Organization.MemberCounts); diff != "" {
			s.t.Fatalf("the figures of organization %d (-want +got):\n%s", i, diff)
		}
		if all := want.Active + want.Invited + want.RemovedFor2FA; out.Organization.All.TotalCount != all || out.Organization.Removed.TotalCount != want.RemovedFor2FA {
			s.t.Fatalf("totalCount is %d and %d, want %d and %d", out.Organization.All.TotalCount, out.Organization.Removed.TotalCount, all, want.RemovedFor2FA)
		}
		history := append(slices.Clone(s.closed[i]), want)
		for n := range history {
			history[n].Invited = 0 // which no history tells
		}
		if diff := cmp.Diff(history, out.Organization.ComplianceHistory); diff != "" {
			s.t.Fatalf("the history of organization %d (-want +got):\n%s", i, diff)
		}
	}
}

// some are those of whom a condition holds, in random order.
func (s *teller) some(condition func(c *character) bool) []*character {
	found := slices.DeleteFunc(slices.Clone(s.cast), func(c *character) bool { return !condition(c) })
	s.rng.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	return found
}

// comesBack is what bringing a factor, or a link where none is required any more, does to a place.
func (c *character) comesBack(o int) { c.place[o] = "ACTIVE" }

// step lets one thing happen in an organization, if it can. It says what.
func (s *teller) step(o int) string {
	t, here := s.t, s.orgs[o]
	first := func(condition func(c *character) bool) *character {
		if found := s.some(condition); len(found) > 0 {
			return found[0]
		}
		return nil
	}
	switch s.rng.IntN(9) {
	case 0:
		s.open[o] = append(s.open[o], here.invite(t, here.Owner, newAddress(), "MEMBER"))
		return "invite"
	case 1:
		if len(s.open[o]) > 0 {
			here.Owner.do(t, removeMember, vars{"m": s.open[o][0]}, nil)
			s.open[o] = s.open[o][1:]
			return "withdraw"
		}
	case 2: // a new person
		c := &character{person: s.signUp(t, fmt.Sprintf("Person%d", len(s.cast)))}
		if c.factor = s.on[o] || s.rng.IntN(2) == 0; c.factor {
			c.enroll(t)
		}
		c.member[o], c.place[o] = here.enter(t, c.person, "MEMBER"), "ACTIVE"
		s.cast = append(s.cast, c)
		return "join"
	case 3: // of the other organization
		if c := first(func(c *character) bool { return c.place[o] == "" && (c.factor || !s.on[o] && c.place[1-o] == "ACTIVE") }); c != nil {
			c.member[o], c.place[o] = here.enter(t, c.person, "MEMBER"), "ACTIVE"
			return "join both"
		}
	case 4: // whoever was removed comes back by the link and a factor
		if c := first(func(c *character) bool { return !c.factor && (s.on[o] || c.place[o] != "REMOVED_FOR_2FA") }); c != nil {
			for i := range s.orgs {
				if c.place[i] == "REMOVED_FOR_2FA" && s.on[i] {
					c.do(t, acceptInvite, vars{"t": s.tokenOf(t, s.admin(t), c.member[i])}, nil)
				}
			}
			if slices.Contains(c.place[:], "REMOVED_FOR_2FA") && !s.anyOn(c) {
				return "" // an address that is frozen, and nobody requires a factor: the link alone brings back
			}
			c.enroll(t)
			c.factor = true
			for i := range s.orgs {
				if c.place[i] == "REMOVED_FOR_2FA" {
					c.comesBack(i)
				}
			}
			return "enroll"
		}
	case 5:
		if c := first(func(c *character) bool { return c.factor && !s.anyOn(c) }); c != nil {
			c.do(t, removeFactor, vars{"a": c.authenticator(t)}, nil)
			c.factor = false
			return "drop the factor"
		}
	case 6:
		if c := first(func(c *character) bool { return c.place[o] == "ACTIVE" }); c != nil {
			c.do(t, `mutation($o: ID!) { leaveOrganization(input: {organizationId: $o}) { user { id } } }`, vars{"o": here.ID}, nil)
			c.place[o] = ""
			return "leave"
		}
	case 7:
		if c := first(func(c *character) bool { return c.place[o] != "" }); c != nil {
			here.Owner.do(t, removeMember, vars{"m": c.member[o]}, nil)
			c.place[o] = ""
			return "remove"
		}
	default:
		s.on[o] = !s.on[o]
		here.require(t, s.on[o])
		if s.on[o] {
			for _, c := range s.cast {
				if c.place[o] == "ACTIVE" && !c.factor {
					c.place[o] = "REMOVED_FOR_2FA"
				}
			}
			return "turn on"
		}
		return "turn off"
	}
	return ""
}

// anyOn says whether an organization of c's requires 2FA.
func (s *teller) anyOn(c *character) bool {
	return s.on[0] && c.place[0] != "" || s.on[1] && c.place[1] != ""
}

const removeMember = `mutation($m: ID!) { removeMember(input: {memberId: $m}) { removedMemberId } }`

// After each step of a long random story the kept figures are those that were counted by hand, of each day that is over and
// of today.
func TestKeptFigures(t *testing.T) {
	t.Parallel()
	const steps = 150
	seed := *raceSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	defer func() { t.Logf("repeat it with -race.seed=%d", seed) }()
	m := start(t)
	s := &teller{muster: m, t: t, rng: rand.New(rand.NewPCG(seed, 0)), did: map[string]int{}}
	owner := m.someone(t, "Olivia")
	s.orgs = [2]*organization{owner.organization(t), owner.organization(t)}
	s.compare()
	for range steps {
		m.exec(t, `DELETE FROM rate_limits`)
		if s.rng.IntN(12) == 0 { // a day passes: today's row is yesterday's, and there is none of today yet
			for i := range s.orgs {
				s.closed[i] = append(s.closed[i], s.count(i))
			}
			m.exec(t, `UPDATE compliance_days SET day = day - 1000`)
			m.exec(t, `UPDATE compliance_days SET day = day + 999`)
			s.did["a day"]++
		}
		did := s.step(s.rng.IntN(2))
		s.did[did]++
		s.compare()
	}
	m.atRest(t)
	conn, done := m.brief(t)
	defer done()
	rows, err := conn.Query(t.Context(), dbtest.Miscounted)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		t.Errorf("%s", rows.RawValues()[0])
	}
	for _, what := range []string{"a day", "invite", "join", "join both", "enroll", "leave", "remove", "turn on", "turn off"} {
		if s.did[what] == 0 {
			t.Errorf("it never happened to %s", what)
		}
	}
	t.Log(s.did)
}
