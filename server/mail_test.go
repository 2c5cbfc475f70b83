package main

import (
	"context"
	"fmt"
	"html"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"muster/app"
	"muster/mail"
	"muster/server/settings"
)

// bothWays sends over SMTP, and keeps in the mailbox what the mail server took: there the harness looks for links.
type bothWays struct {
	smtp    *mail.SMTP
	mailbox mail.Sender
}

func (b bothWays) Send(ctx context.Context, m mail.Message) error {
	if err := b.smtp.Send(ctx, m); err != nil {
		return err
	}
	return b.mailbox.Send(ctx, m)
}

// startWithMailServer starts a Muster that mails through a real SMTP server.
func startWithMailServer(t *testing.T) (*muster, *sink) {
	t.Helper()
	s := newSink(t)
	m := start(t, func(_ *settings.Settings, c *app.Config) {
		sender, err := mail.NewSMTP(s.url(), "Muster <muster@muster.example.com>")
		if err != nil {
			t.Fatal(err)
		}
		c.Mailer = bothWays{sender, c.Mailer}
	})
	return m, s
}

// await waits until the sink has n mails to the address, and gives the last.
func (s *sink) await(t *testing.T, email, subject string, n int) letter {
	t.Helper()
	eventually(t, "mail "+subject+" to "+email, func() bool { return len(s.to(email, subject)) >= n })
	return s.to(email, subject)[n-1]
}

// settled waits until no job is left to do.
func (m *muster) settled(t *testing.T) {
	t.Helper()
	admin := m.admin(t)
	eventually(t, "all jobs are done", func() bool {
		var left int
		err := admin.QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE finalized_at IS NULL`).Scan(&left)
		if err != nil {
			t.Fatal(err)
		}
		return left == 0
	})
}

// delivery is how far the mail of a member has got, as a manager sees it.
func (o *organization) delivery(t *testing.T, memberID string) string {
	t.Helper()
	var out struct {
		Organization struct {
			Member struct{ InviteDelivery string }
		}
	}
	o.Owner.do(t, `query($s: String!, $m: ID!) { organization(slug: $s) { member(id: $m) { inviteDelivery } } }`,
		vars{"s": o.Slug, "m": memberID}, &out)
	return out.Organization.Member.InviteDelivery
}

func (o *organization) mailAgain(t *testing.T, memberID string) {
	t.Helper()
	o.Owner.do(t, `mutation($m: ID!) { resendInvite(input: {memberId: $m}) { member { id } } }`, vars{"m": memberID}, nil)
}

// dead says whether a link leads nowhere.
func (m *muster) dead(t *testing.T, token string) bool {
	t.Helper()
	var out struct{ Invitation *struct{ Reason string } }
	(&person{m: m, Name: "anybody"}).do(t, `query($t: String!) { invitation(token: $t) { reason } }`, vars{"t": token}, &out)
	return out.Invitation == nil
}

// anyLink is every link, with or without a token.
var anyLink = regexp.MustCompile(`https?://[^\s"<>]+`)

var (
	style = regexp.MustCompile(`(?s)<style>.*?</style>|<title>.*?</title>`)
	tag   = regexp.MustCompile(`<[^>]*>`)
)

// shown is the text of a part with single spaces, as a person reads it.
func shown(part string) string {
	part = tag.ReplaceAllString(style.ReplaceAllString(part, " "), " ")
	return strings.Join(strings.Fields(html.UnescapeString(part)), " ")
}

func TestMandatoryMail(t *testing.T) {
	t.Parallel()
	m, s := startWithMailServer(t)
	owner, mia := m.signUp(t, "Olivia"), m.signUp(t, "Mia")
	owner.enroll(t)
	o := owner.organization(t)
	team := o.createTeam(t, "platform")
	memberID := o.join(t, mia, "ADMIN", team)
	o.require(t, true)
	l := s.await(t, mia.Email, mandatory, 1)
	if l.Subject != "Mandatory: Enable Two-Factor Authentication" {
		t.Errorf("the subject is %q", l.Subject)
	}

	var until time.Time
	admin := m.admin(t)
	if err := admin.QueryRow(t.Context(), `SELECT reinstatable_until FROM members WHERE id = $1`, memberID).Scan(&until); err != nil {
		t.Fatal(err)
	}
	text, page := shown(l.Text), shown(l.HTML)
	for what, fact := range map[string]string{
		"the organization":    "Organization " + o.Slug,
		"who asked":           "Olivia <" + owner.Email + "> turned this on",
		"what is lost":        "you cannot open Organization " + o.Slug + " or its projects, and you get no notifications",
		"the role kept":       "your role (admin)",
		"the teams kept":      "your teams (Team platform)",
		"the settings kept":   "your notification settings",
		"what to do":          "Set up two-factor authentication, best with an authenticator app.",
		"recovery codes":      "Save your recovery codes",
		"a backup phone":      "Add a backup phone",
		"until when":          until.UTC().Format("2 January 2006 at 15:04 UTC"),
		"whom to ask":         "Questions? Ask",
		"the owner's address": owner.Email,
		"the button":          "Enable Two-Factor Authentication",
	} {
		// The mail does not quote angle brackets around addresses where it makes text of names.
		if !strings.Contains(text, fact) && !strings.Contains(l.Text, fact) {
			t.Errorf("the text does not say %s: %q in\n%s", what, fact, l.Text)
		}
		if !strings.Contains(page, fact) {
			t.Errorf("the page does not say %s: %q in\n%s", what, fact, page)
		}
	}
	// Beyond those: no word in one that is not in the other, but for the hint about the button.
	page = strings.ReplaceAll(page, "If the button does not work, open this address:", "")
	for _, pair := range [][2]string{{l.Text, page}, {page, l.Text}} {
		for _, word := range strings.Fields(pair[0]) {
			word = strings.Trim(word, `.,:;()"<>`)
			if len(word) > 3 && !strings.Contains(pair[1], word) {
				t.Errorf("%q stands in one part only", word)
			}
		}
	}

	links := anyLink.FindAllString(l.Text, -1)
	token := strings.TrimPrefix(links[0], m.App.PublicURL+"/rejoin#token=")
	if token == links[0] || len(token) < 43 { // 256 bits in base64 without padding
		t.Fatalf("the first link is %s, want %s/rejoin#token= and 256 bits", links[0], m.App.PublicURL)
	}
	if !regexp.MustCompile(`<a [^>]*href="` + regexp.QuoteMeta(links[0]) + `"[^>]*>Enable Two-Factor Authentication</a>`).MatchString(l.HTML) {
		t.Errorf("the page has no button with the link:\n%s", l.HTML)
	}
	// The token stands in the link and nowhere else: not in the rest of the mail, not in the database, not in the log.
	for _, part := range []string{l.Text, l.HTML} {
		if strings.Contains(strings.ReplaceAll(part, links[0], ""), token) {
			t.Error("the token stands outside of the link")
		}
	}
	if strings.Contains(m.Log.String(), token) {
		t.Error("the token was logged")
	}
	var found int
	err := admin.QueryRow(t.Context(), `
SELECT (SELECT count(*) FROM river_job j WHERE j::text LIKE '%' || $1 || '%') + (SELECT count(*) FROM invitations i WHERE i::text LIKE '%' || $1 || '%')
     + (SELECT count(*) FROM audit_entries e WHERE e::text LIKE '%' || $1 || '%')`, token).Scan(&found)
	if err != nil || found != 0 {
		t.Errorf("the token stands in %d rows of the database: %v", found, err)
	}
	if m.dead(t, token) {
		t.Error("the link is dead")
	}
}

func TestMailServerDown(t *testing.T) {
	t.Parallel()
	m, s := startWithMailServer(t)
	o := m.signUp(t, "Olivia").organization(t)
	s.down()
	const email = "late@people.example"
	id := o.invite(t, o.Owner, email, "MEMBER")
	admin := m.admin(t)
	eventually(t, "a first try has failed", func() bool {
		var tries int
		err := admin.QueryRow(t.Context(), `SELECT coalesce(sum(cardinality(errors)), 0) FROM river_job WHERE kind = 'mail'`).Scan(&tries)
		if err != nil {
			t.Fatal(err)
		}
		return tries > 0
	})
	if got := o.delivery(t, id); got != "QUEUED" {
		t.Errorf("while the mail server is down, inviteDelivery is %s, want QUEUED", got)
	}
	o.mailAgain(t, id) // the first mail, which still waits, has a dead link now and is not sent
	s.up(t)
	s.await(t, email, "Join ", 1)
	eventually(t, "inviteDelivery is SENT", func() bool { return o.delivery(t, id) == "SENT" })
	m.settled(t)
	if n := len(s.to(email, "")); n != 1 {
		t.Errorf("%d mails, want 1", n)
	}
}

func TestMailRefusedForGood(t *testing.T) {
	t.Parallel()
	m, s := startWithMailServer(t)
	o := m.signUp(t, "Olivia").organization(t)
	const email = "nobody@people.example"
	s.refuse[email] = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user here"}
	id := o.invite(t, o.Owner, email, "MEMBER")
	eventually(t, "inviteDelivery is FAILED", func() bool { return o.delivery(t, id) == "FAILED" })
	m.settled(t)
	var attempts int
	if err := m.admin(t).QueryRow(t.Context(), `SELECT max(attempt) FROM river_job WHERE kind = 'mail'`).Scan(&attempts); err != nil || attempts != 1 {
		t.Errorf("it was tried %d times, want once: %v", attempts, err)
	}
	s.accept(email)
	o.mailAgain(t, id)
	s.await(t, email, "Join ", 1)
	eventually(t, "inviteDelivery is SENT", func() bool { return o.delivery(t, id) == "SENT" })
}

// accept takes mails to an address that was refused.
func (s *sink) accept(email string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refuse, email)
}

func TestResentMail(t *testing.T) {
	t.Parallel()
	m, s := startWithMailServer(t)
	owner, mia := m.signUp(t, "Olivia"), m.signUp(t, "Mia")
	owner.enroll(t)
	o := owner.organization(t)
	removed := o.join(t, mia, "MEMBER")
	o.require(t, true)
	const guest = "guest@people.example"
	invited := o.invite(t, owner, guest, "MEMBER")
	for _, c := range []struct{ memberID, email, subject, page string }{
		{invited, guest, "Join Organization " + o.Slug, "/join"},
		{removed, mia.Email, mandatory, "/rejoin"},
	} {
		first := anyLink.FindString(s.await(t, c.email, c.subject, 1).Text)
		o.mailAgain(t, c.memberID)
		second := anyLink.FindString(s.await(t, c.email, c.subject, 2).Text)
		for n, link := range []string{first, second} {
			token, ok := strings.CutPrefix(link, m.App.PublicURL+c.page+"#token=")
			if !ok {
				t.Errorf("%s: link %d is %s, want one to %s", c.subject, n+1, link, c.page)
			}
			if dead := m.dead(t, token); dead != (n == 0) {
				t.Errorf("%s: link %d dead is %v, want only the first one to be", c.subject, n+1, dead)
			}
		}
		if first == second {
			t.Errorf("%s: the link was sent again instead of a new one", c.subject)
		}
	}
	m.settled(t)
	if joins := s.to(mia.Email, "Join "); len(joins) != 1 { // the one that she came in by
		t.Errorf("the removed member got %d invitations, want the one from before", len(joins))
	}
}

// Whoever is back before the mail server is gets no mail that says to come back.
func TestNoMandatoryMailAfterComingBack(t *testing.T) {
	t.Parallel()
	m, s := startWithMailServer(t)
	owner, mia := m.signUp(t, "Olivia"), m.signUp(t, "Mia")
	owner.enroll(t)
	o := owner.organization(t)
	memberID := o.join(t, mia, "MEMBER")
	m.settled(t)
	s.down()
	o.require(t, true)
	var nonce []byte
	if err := m.admin(t).QueryRow(t.Context(), `SELECT nonce FROM invitations WHERE member_id = $1`, memberID).Scan(&nonce); err != nil {
		t.Fatal(err)
	}
	mia.signIn(t)
	mia.do(t, acceptInvite, vars{"t": m.App.Keys.Link(nonce)}, nil)
	if back := mia.enroll(t); len(back) != 1 {
		t.Fatalf("reinstated %+v", back)
	}
	s.up(t)
	s.await(t, mia.Email, "You are back in Organization "+o.Slug, 1)
	m.settled(t)
	if got := s.to(mia.Email, mandatory); len(got) != 0 {
		t.Errorf("%d mails told somebody to come back who was back", len(got))
	}
}

func TestNotificationsGoToActiveMembersWhoWantThem(t *testing.T) {
	t.Parallel()
	m, s := startWithMailServer(t)
	owner, wants, quiet, removed := m.signUp(t, "Olivia"), m.signUp(t, "Wanda"), m.signUp(t, "Quentin"), m.signUp(t, "Remo")
	owner.enroll(t)
	o := owner.organization(t)
	for _, p := range []*person{wants, quiet, removed} {
		o.join(t, p, "MEMBER")
	}
	quiet.do(t, `mutation($o: ID!) { updateNotificationSettings(input: {organizationId: $o, membership: false, security: false}) { member { id } } }`,
		vars{"o": o.ID}, nil)
	wants.enroll(t)
	quiet.enroll(t)
	m.settled(t)
	o.require(t, true)
	m.settled(t)
	var (
		membership = "Organization " + o.Slug + ": membership changed"
		security   = "Organization " + o.Slug + ": security settings changed"
	)
	before := map[string][2]int{}
	for _, p := range []*person{owner, wants, quiet, removed} {
		before[p.Email] = [2]int{len(s.to(p.Email, membership)), len(s.to(p.Email, security))}
	}
	if got := before[removed.Email][1]; got != 0 {
		t.Errorf("the removed member got %d notifications of the requirement, want the mandatory mail only", got)
	}
	if got := before[wants.Email][1]; got != 1 {
		t.Errorf("a member who wants to know got %d mails about the requirement, want 1", got)
	}

	newcomer := m.signUp(t, "Nils")
	newcomer.enroll(t)
	o.join(t, newcomer, "MEMBER")
	o.require(t, false)
	m.settled(t)
	for _, c := range []struct {
		who                  *person
		membership, security int
	}{
		{owner, 1, 1}, // of security also who did it: somebody else may act in their name
		{wants, 1, 1},
		{quiet, 0, 0},
		{removed, 0, 0},
	} {
		if got := len(s.to(c.who.Email, membership)) - before[c.who.Email][0]; got != c.membership {
			t.Errorf("%s got %d mails about the new member, want %d", c.who.Name, got, c.membership)
		}
		if got := len(s.to(c.who.Email, security)) - before[c.who.Email][1]; got != c.security {
			t.Errorf("%s got %d mails about the requirement that ended, want %d", c.who.Name, got, c.security)
		}
	}
	last := s.to(wants.Email, membership)
	if l := last[len(last)-1]; !strings.Contains(l.Text, "Nils") || !strings.Contains(l.HTML, "Nils") {
		t.Errorf("the notification does not say who: %s", l.Text)
	}
}

// A mail server that takes connections and says nothing holds up mails only: a sweep begins at once all the same.
func TestMailsDoNotHoldUpSweep(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	m := start(t, func(_ *settings.Settings, c *app.Config) {
		sender, err := mail.NewSMTP("smtp://"+silent.Addr().String(), "Muster <muster@muster.example.com>")
		if err != nil {
			t.Fatal(err)
		}
		c.Mailer = sender
	})
	owner := m.signUp(t, "Olivia")
	owner.enroll(t)
	o := owner.organization(t)
	// More mails than there are workers, all of them waiting for the server.
	for n := range 40 {
		o.invite(t, owner, fmt.Sprintf("guest%d@people.example", n), "MEMBER")
	}
	o.require(t, true)
	admin := m.admin(t)
	eventually(t, "the jobs that are no mails are done", func() bool {
		var left int
		if err := admin.QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE kind <> 'mail' AND finalized_at IS NULL`).Scan(&left); err != nil {
			t.Fatal(err)
		}
		return left == 0
	})
	var mails int
	if err := admin.QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE kind = 'mail' AND finalized_at IS NULL`).Scan(&mails); err != nil || mails < 40 {
		t.Errorf("only %d mails are waiting, want 40: nothing was held up; %v", mails, err)
	}
}

// The mail that proves the mailbox has the link of before, and is sent again although that was sent already.
func TestProofIsMailedAgain(t *testing.T) {
	t.Parallel()
	m, s := startWithMailServer(t)
	owner, mia := m.signUp(t, "Olivia"), m.signUp(t, "Mia")
	owner.enroll(t)
	o := owner.organization(t)
	memberID := o.join(t, mia, "MEMBER")
	o.require(t, true)
	first := anyLink.FindString(s.await(t, mia.Email, mandatory, 1).Text)
	eventually(t, "inviteDelivery is SENT", func() bool { return o.delivery(t, memberID) == "SENT" })
	mia.signIn(t)
	mia.refused(t, "MAILBOX_PROOF_REQUIRED", enrollTOTP, nil)
	if again := anyLink.FindString(s.await(t, mia.Email, mandatory, 2).Text); again != first {
		t.Errorf("the second mail has the link %s, want the living one of the first", again)
	}
	eventually(t, "inviteDelivery is SENT again", func() bool { return o.delivery(t, memberID) == "SENT" })
}
