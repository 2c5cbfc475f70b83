package db_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"muster/db"
	"muster/db/dbtest"
	"muster/db/embedded"
	"muster/org"
)

// insufficientPrivilege is what PostgreSQL answers to somebody who may not.
const insufficientPrivilege = "42501"

// code is the SQLSTATE of an error, "" for none.
func code(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

// logged is an organization of one owner with one entry in its log and one in the owner's.
type logged struct {
	user         *org.User
	organization *org.Organization
	entry        *org.AuditLogEntry
	event        *org.SecurityEvent
}

// write writes through the same functions as Muster does, as the role that serves.
func write(t *testing.T, d *db.DB) logged {
	t.Helper()
	email := db.NewID(db.UserID) + "@people.example"
	l := logged{
		user:         &org.User{ID: db.NewID(db.UserID), Name: "Olivia", Email: &email},
		organization: &org.Organization{ID: db.NewID(db.OrganizationID), Name: "Acme"},
		entry:        &org.AuditLogEntry{Action: org.ActionOrgCreate, ActorLabel: "Olivia", TargetLabel: "Acme", Message: "created the organization"},
	}
	l.organization.Slug = l.organization.ID[len(l.organization.ID)-20:]
	l.event = &org.SecurityEvent{ID: db.NewID(db.SecurityEventID), UserID: l.user.ID, Action: org.EventSignUp, Message: "Created the account."}
	err := d.InTx(t.Context(), func(tx *db.Tx) error {
		return errors.Join(
			tx.CreateUser(t.Context(), l.user, "hash"),
			tx.AddSecurityEvent(t.Context(), l.event),
			tx.CreateOrganization(t.Context(), l.organization),
			tx.CreateMember(t.Context(), db.NewID(db.MemberID), l.organization.ID, l.user.ID, org.RoleOwner),
			tx.AddAuditEntries(t.Context(), l.organization.ID, []*org.AuditLogEntry{l.entry}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// rewrites are the ways to change what a log says; $log is its table.
var rewrites = map[string]string{
	"update":                   `UPDATE $log SET message = 'nothing happened'`,
	"update none":              `UPDATE $log SET message = message WHERE false`,
	"delete":                   `DELETE FROM $log`,
	"truncate":                 `TRUNCATE $log`,
	"truncate cascade":         `TRUNCATE users, organizations CASCADE`,
	"upsert":                   `INSERT INTO $log SELECT * FROM $log ON CONFLICT ON CONSTRAINT $log_pkey DO UPDATE SET message = 'nothing happened'`,
	"lock rows":                `SELECT FROM $log FOR UPDATE`,
	"drop":                     `DROP TABLE $log`,
	"drop cascade":             `DROP TABLE $log CASCADE`,
	"rename":                   `ALTER TABLE $log RENAME TO elsewhere`,
	"drop column":              `ALTER TABLE $log DROP COLUMN message`,
	"take it":                  `ALTER TABLE $log OWNER TO muster_app`,
	"disable trigger":          `ALTER TABLE $log DISABLE TRIGGER append_only`,
	"disable all triggers":     `ALTER TABLE $log DISABLE TRIGGER ALL`,
	"drop trigger":             `DROP TRIGGER append_only ON $log`,
	"replace trigger":          `CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE ON $log FOR EACH STATEMENT EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
	"trigger that drops rows":  `CREATE TRIGGER forget BEFORE INSERT ON $log FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
	"rule that drops rows":     `CREATE RULE forget AS ON INSERT TO $log DO INSTEAD NOTHING`,
	"row security":             `ALTER TABLE $log ENABLE ROW LEVEL SECURITY`,
	"policy":                   `CREATE POLICY hide ON $log USING (false)`,
	"replace the function":     `CREATE OR REPLACE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
	"drop the function":        `DROP FUNCTION refuse_rewrite() CASCADE`,
	"triggers off":             `SET session_replication_role = replica`,
	"a table of the same name": `CREATE TABLE $log_2 (LIKE $log)`,
	"drop the schema":          `DROP SCHEMA public CASCADE`,
	"another role":             `CREATE ROLE helper SUPERUSER`,
	"a file":                   `COPY $log TO '/tmp/log.copy'`,
}

var logs = []string{"audit_entries", "security_events"}

// TestServingRoleOnlyAppends tries everything as the role that serves: once as db.Open gets there (SET ROLE), once after
// logging in as that role, which also cannot go back to another.
func TestServingRoleOnlyAppends(t *testing.T) {
	t.Parallel()
	address := dbtest.URL(t)
	opened, err := db.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	l := write(t, opened)

	acquired, err := opened.Pool().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer acquired.Release()
	login := loginAs(t, address)
	if _, err := login.Exec(t.Context(), `RESET ROLE`); err != nil {
		t.Fatal(err)
	}
	for way, conn := range map[string]*pgx.Conn{"SET ROLE": acquired.Conn(), "login": login} {
		var role string
		if err := conn.QueryRow(t.Context(), `SELECT current_user`).Scan(&role); err != nil || role != db.AppRole {
			t.Fatalf("%s: serves as %q (%v), want %s", way, role, err, db.AppRole)
		}
		for _, table := range logs {
			for name, sql := range rewrites {
				if err := try(t, conn, sql, table); code(err) != insufficientPrivilege {
					t.Errorf("%s: %s of %s: got %v, want the refusal %s", way, name, table, err, insufficientPrivilege)
				}
			}
			grants(t, way, conn, table)
		}
		for _, sql := range []string{`UPDATE installation SET key_mark = 'x'`, `DELETE FROM installation`, `TRUNCATE installation`} {
			if err := try(t, conn, sql, ""); code(err) != insufficientPrivilege {
				t.Errorf("%s: %s: got %v, want the refusal %s", way, sql, err, insufficientPrivilege)
			}
		}
	}
	// What these rows hang on cannot take them along.
	for _, sql := range []string{
		`DELETE FROM organizations`, `UPDATE organizations SET id = 'x'`, `DELETE FROM users`, `UPDATE users SET id = 'x'`,
	} {
		if err := try(t, acquired.Conn(), sql, ""); err == nil {
			t.Errorf("%s took the log along", sql)
		}
	}
	// The log says what it said, and goes on.
	write(t, opened)
	kept, err := opened.AuditEntry(t.Context(), l.entry.ID)
	if err != nil || kept.Message != l.entry.Message {
		t.Errorf("the entry is %+v (%v) now", kept, err)
	}
	events, _, err := opened.SecurityEvents(t.Context(), l.user.ID, "", 10)
	if err != nil || len(events) != 1 || events[0].Message != l.event.Message {
		t.Errorf("the account's log is %+v (%v) now", events, err)
	}
}

// try runs a statement in a transaction that never commits.
func try(t *testing.T, conn *pgx.Conn, sql, table string) error {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	_, err = tx.Exec(t.Context(), strings.ReplaceAll(sql, "$log", table))
	return err
}

// grants tries to hand rights out. PostgreSQL answers a grant that grants nothing with a warning only, so what counts is
// what may be done afterwards.
func grants(t *testing.T, way string, conn *pgx.Conn, table string) {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	for _, to := range []string{db.AppRole, "PUBLIC"} {
		if _, err := tx.Exec(t.Context(), `GRANT ALL ON `+table+` TO `+to); err != nil {
			return // refused outright
		}
	}
	var may bool
	const question = `SELECT has_table_privilege($1, 'UPDATE, DELETE, TRUNCATE, TRIGGER, REFERENCES')
	  OR has_table_privilege($1, 'SELECT WITH GRANT OPTION, INSERT WITH GRANT OPTION') OR has_any_column_privilege($1, 'UPDATE')`
	if err := tx.QueryRow(t.Context(), question, table).Scan(&may); err != nil {
		t.Fatal(err)
	}
	if may {
		t.Errorf("%s: the serving role may do more than SELECT and INSERT on %s", way, table)
	}
}

// loginAs logs in as the serving role itself, as a server with a DATABASE_URL of its own does.
func loginAs(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	if _, err := dbtest.Admin(t, address).Exec(t.Context(), `ALTER ROLE `+db.AppRole+` LOGIN PASSWORD 'only on this server'`); err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	config.User, config.Password = db.AppRole, "only on this server"
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// TestOwnerRewritesNothingByAccident: where the serving role owns the tables, because somebody set one URL and no role, the
// trigger still refuses.
func TestOwnerRewritesNothingByAccident(t *testing.T) {
	t.Parallel()
	address := dbtest.URL(t)
	opened, err := db.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	write(t, opened)
	owner := dbtest.Admin(t, address)
	for _, table := range logs {
		for _, name := range []string{"update", "update none", "delete", "truncate", "truncate cascade", "upsert"} {
			if err := try(t, owner, rewrites[name], table); code(err) != insufficientPrivilege {
				t.Errorf("%s of %s as the owner: got %v, want the trigger's refusal", name, table, err)
			}
		}
	}
}

// TestSecretsTravelAsParameters lets Muster's own statements with secrets fail, on an embedded server. Its log has
// nothing of them; nor has it when told to log failing statements, as other people's servers do: the values are not
// in the SQL.
func TestSecretsTravelAsParameters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	server, err := embedded.Start(ctx, embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	if err := db.Migrate(ctx, server.URL(), 0); err != nil {
		t.Fatal(err)
	}
	failWithSecrets(t, server.URL())
	admin, err := pgx.Connect(ctx, server.URL())
	if err != nil {
		t.Fatal(err)
	}
	quiet := readLog(t, dir)
	if bytes.Contains(quiet, []byte("STATEMENT")) {
		t.Errorf("the embedded server logs statements:\n%s", quiet)
	}
	_, err = admin.Exec(ctx, `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET log_min_messages = error', current_database());
		EXECUTE format('ALTER DATABASE %I SET log_min_error_statement = error', current_database());
	END $$`)
	if err := errors.Join(err, admin.Close(ctx)); err != nil {
		t.Fatal(err)
	}
	failWithSecrets(t, server.URL())
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	text := readLog(t, dir)
	for _, statement := range []string{"INSERT INTO users", "INSERT INTO totp_seeds", "INSERT INTO sessions", "INSERT INTO invitations", "INSERT INTO sso_connections"} {
		if !bytes.Contains(text, []byte("STATEMENT:  ")) || !bytes.Contains(text, []byte(statement)) {
			t.Errorf("%s did not fail into the log, so this test proves nothing:\n%s", statement, text)
		}
	}
	hexed := []byte(hex.EncodeToString([]byte(canary)))
	if bytes.Contains(text, []byte(canary)) || bytes.Contains(text, hexed) {
		t.Errorf("a value reached the log:\n%s", text)
	}
}

func readLog(t *testing.T, dir string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "postgres.log"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// canary stands for an address, a hash, a token, a seed.
const canary = "canary-71c20e5b"

// failWithSecrets runs the statements that carry something secret into a constraint.
func failWithSecrets(t *testing.T, address string) {
	t.Helper()
	d, err := db.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ctx, secret, email := t.Context(), []byte(canary), canary+"@people.example"
	fresh := func() *org.User { return &org.User{ID: db.NewID(db.UserID), Name: "Olivia", Email: &email} }
	taken := fresh()
	err = d.InTx(ctx, func(tx *db.Tx) error { return tx.CreateUser(ctx, taken, canary) })
	if err != nil && !errors.Is(err, &org.Error{Code: org.CodeEmailTaken}) {
		t.Fatal(err)
	}
	nobody := db.NewID(db.UserID)
	for name, fail := range map[string]func(tx *db.Tx) error{
		"an address that is taken": func(tx *db.Tx) error { return tx.CreateUser(ctx, fresh(), canary) },
		"an account twice": func(tx *db.Tx) error {
			user, other := &org.User{ID: db.NewID(db.UserID), Name: "Nobody"}, canary+"@elsewhere.example"
			return cmp.Or(tx.CreateUser(ctx, user, canary), tx.CreateUser(ctx, &org.User{ID: user.ID, Name: canary, Email: &other}, canary))
		},
		"two sessions with one token": func(tx *db.Tx) error {
			user := &org.User{ID: db.NewID(db.UserID), Name: "Nobody"}
			session := func() error {
				return tx.CreateSession(ctx, &db.NewSession{ID: db.NewID(db.SessionID), UserID: user.ID, TokenHash: secret, CookieHash: secret, IPAddress: canary, UserAgent: canary})
			}
			return cmp.Or(tx.CreateUser(ctx, user, canary), session(), session())
		},
		"an alert of nobody": func(tx *db.Tx) error {
			return tx.AddAlert(ctx, &db.Alert{Alert: org.Alert{EventID: db.NewID(db.SecurityEventID), UserID: nobody, Email: email}, Nonce: secret, TokenHash: secret})
		},
		"a challenge of nobody": func(tx *db.Tx) error {
			return tx.CreateChallenge(ctx, &db.Challenge{ID: db.NewID(db.ChallengeID), UserID: nobody}, secret)
		},
		"a seed of nothing": func(tx *db.Tx) error {
			return tx.AddTOTPSeed(ctx, db.TOTPSeed{AuthenticatorID: nobody, Sealed: secret})
		},
		"a number of nothing": func(tx *db.Tx) error { return tx.AddPhoneNumber(ctx, nobody, canary) },
		"a code of nobody": func(tx *db.Tx) error {
			return tx.AddPhoneCode(ctx, &db.PhoneCode{ID: db.NewID(db.PhoneCodeID), UserID: nobody, CodeHash: secret})
		},
		"recovery codes of nobody": func(tx *db.Tx) error { return tx.ReplaceRecoveryCodes(ctx, nobody, "", [][]byte{secret}) },
		"a link of nobody": func(tx *db.Tx) error {
			return tx.SetLink(ctx, db.NewLink{MemberID: nobody, Reason: org.ReasonInvited, Nonce: secret, TokenHash: secret})
		},
		"an invitation to nowhere": func(tx *db.Tx) error {
			return tx.CreateInvited(ctx, db.NewID(db.MemberID), nobody, email, org.RoleMember, "")
		},
		"a provider of nothing": func(tx *db.Tx) error {
			return tx.ConnectSSO(ctx, nobody, &org.SSO{Issuer: "https://login.example.com", ClientID: canary}, secret)
		},
	} {
		if err := d.InTx(ctx, fail); err == nil {
			t.Errorf("%s did not fail", name)
		}
	}
}
