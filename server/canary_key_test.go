package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// keyTables are the tables that may hold a part of what a security key sends, by the part: who knows the rest of a row knows no
// more by it. The others, which prove that a key was there, are kept nowhere.
var keyTables = map[string]string{"id": "security_keys", "rawId": "security_keys", "userHandle": "users", "challenge": "ceremonies"}

// keyPart is a part of what a key has sent.
type keyPart struct{ from, table string }

// attackKey sends what a security key answers in every form that is not taken, with a value of its own in each place, and notes
// the parts of the right one. The challenge, at which there is one try, is put back each time.
func (c *canaries) attackKey(t *testing.T, call loggedCall, p *person, input vars, path, name string) {
	t.Helper()
	right, ok := input[name].(vars)
	if !ok {
		return
	}
	again := c.keepCeremonies(t)
	try := func(form string, credential vars) {
		t.Helper()
		again()
		other := maps.Clone(input)
		other[name] = credential
		if got := c.send(t, call.mutation, p, other, path+" "+form); len(got.Errors) == 0 {
			t.Errorf("%s %s: taken", path, form)
		}
	}
	word := func() string { return c.keyWord(path) }
	for form, credential := range map[string]vars{
		"unknown members": {word(): word(), "deep": vars{word(): []any{word(), vars{word(): word()}}}},
		"another type":    {"id": word(), "rawId": word(), "type": word(), "response": vars{}},
		"no response":     {"id": word(), "rawId": word(), "type": "public-key", "response": word()},
		"no base64":       {"id": word() + "+é", "rawId": word() + "%", "type": "public-key", "response": vars{"clientDataJSON": word() + "\n"}},
		"with U+0000":     {"id": word() + "\x00", "rawId": word(), "type": "public-key", "response": vars{}},
		"too long":        {"id": strings.Repeat(word(), 1000)},
	} {
		try(form, credential)
	}
	client := jsonPart(t, right, "clientDataJSON")
	for _, member := range []string{"origin", "challenge", "type", "topOrigin"} {
		changed := maps.Clone(client)
		changed[member] = word()
		try("another "+member, changedPart(right, "clientDataJSON", base64.RawURLEncoding.EncodeToString([]byte(written(t, changed)))))
	}
	for part, value := range right["response"].(vars) {
		try("another "+part, changedPart(right, part, word()))
		c.noteKey(path, part, fmt.Sprint(value))
	}
	for _, part := range []string{"id", "rawId"} {
		changed := maps.Clone(right)
		changed[part] = word()
		try("another "+part, changed)
		c.noteKey(path, part, fmt.Sprint(right[part]))
	}
	c.noteKey(path, "challenge", fmt.Sprint(client["challenge"]))
	// What is added to the right answer is let through, and kept nowhere.
	right["clientExtensionResults"] = vars{word(): word()}
	right["authenticatorAttachment"], right[word()] = word(), word()
	right["response"].(vars)["transports"] = []any{"usb", word()}
	again()
}

// keyWord is a value of its own, as it is and as the bytes that it stands for where it is read as base64.
func (c *canaries) keyWord(path string) string {
	word := c.word(path)
	c.noteKey(path, "a made-up part", word)
	return word
}

// noteKey notes a part in each way in which it could be written down.
func (c *canaries) noteKey(path, part, text string) {
	if raw, err := base64.RawURLEncoding.DecodeString(text); err == nil && len(raw) >= 16 {
		for _, value := range []string{
			text, base64.StdEncoding.EncodeToString(raw), hex.EncodeToString(raw), hex.EncodeToString([]byte(text)), strings.Trim(fmt.Sprintf("%d", raw), "[]"), strconv.Quote(string(raw)),
		} {
			c.keys[value] = keyPart{path + "." + part, keyTables[part]}
		}
	}
}

// lookForKeys looks for what keys have sent, in all places; in rows it may stand in its table alone.
func (c *canaries) lookForKeys(t *testing.T, rows []string, elsewhere ...map[string]string) {
	t.Helper()
	if len(c.keys) < 300 {
		t.Errorf("only %d parts of what keys send were noted", len(c.keys))
	}
	kept := map[string]bool{}
	for value, part := range c.keys {
		for _, row := range rows {
			if !strings.Contains(row, value) {
				continue
			}
			table, _, _ := strings.Cut(row, " ")
			if table != part.table {
				t.Errorf("%s holds what a key sent, %s: %s", table, part.from, around(row, value))
			}
			kept[table] = true
		}
		for _, places := range elsewhere {
			for where, text := range places {
				if strings.Contains(text, value) {
					t.Errorf("%s holds what a key sent, %s: %s", where, part.from, around(text, value))
				}
			}
		}
	}
	// The look finds what is there.
	if want := []string{"security_keys", "users"}; !slices.Equal(slices.Sorted(maps.Keys(kept)), want) {
		t.Errorf("parts of what keys send were found in %v, want %v", slices.Sorted(maps.Keys(kept)), want)
	}
}

// keepCeremonies keeps what keys are asked now, and gives what puts it back.
func (c *canaries) keepCeremonies(t *testing.T) (again func()) {
	t.Helper()
	conn, done := c.brief(t)
	defer done()
	found, err := conn.Query(t.Context(), `SELECT format('INSERT INTO ceremonies (purpose, bound_to, challenge, expires_at) VALUES (%L, %L, %L, %L) ON CONFLICT DO NOTHING', purpose, bound_to, challenge, expires_at) FROM ceremonies`)
	if err != nil {
		t.Fatal(err)
	}
	statements, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		c.exec(t, `DELETE FROM rate_limits`)
		c.exec(t, forgetSessions)
		for _, sql := range statements {
			c.exec(t, sql)
		}
	}
}

// changedPart is a credential with another part in its response.
func changedPart(credential vars, part, value string) vars {
	changed := maps.Clone(credential)
	response := maps.Clone(changed["response"].(vars))
	response[part] = value
	changed["response"] = response
	return changed
}

// jsonPart is a part of a credential's response that is JSON itself.
func jsonPart(t testing.TB, credential vars, part string) vars {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(fmt.Sprint(credential["response"].(vars)[part]))
	if err != nil {
		t.Fatal(err)
	}
	var v vars
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
