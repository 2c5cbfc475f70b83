package db

import (
	"strings"

	"muster/org"
)

// texts keeps the texts of rows in pieces of memory, each of which lasts as long as any of its texts: the rows of a page are
// used and forgotten together, and one allocation for each of their texts is a third of all that a page makes.
type texts struct{ piece strings.Builder }

// The sizes in bytes of the first piece, and of the largest: each is twice the one before.
const (
	firstPiece   = 1 << 10
	largestPiece = 16 << 10
)

// keep is a text that pgx lends until the next row.
func (t *texts) keep(lent []byte) string {
	if t.piece.Cap()-t.piece.Len() < len(lent) {
		size := min(max(2*t.piece.Cap(), firstPiece), largestPiece)
		t.piece.Reset() // What it has given out stays what it is.
		t.piece.Grow(max(size, len(lent)))
	}
	begin := t.piece.Len()
	t.piece.Write(lent)
	return t.piece.String()[begin:]
}

// columnText is a text of a row, or null. Rows that are read together share their memory where kept is set.
type columnText struct {
	String string
	Valid  bool
	kept   *texts
}

// ScanBytes takes the text from pgx.
func (c *columnText) ScanBytes(lent []byte) error {
	switch c.Valid = lent != nil; {
	case !c.Valid:
		c.String = ""
	case c.kept != nil:
		c.String = c.kept.keep(lent)
	default:
		c.String = string(lent)
	}
	return nil
}

// word is a text of which there are few, such as a role: one that is known takes no memory when it is read. Null is "".
type word string

var words = func() map[string]word {
	known := map[string]word{}
	for _, w := range []word{
		word(org.RoleOwner), word(org.RoleManager), word(org.RoleAdmin), word(org.RoleMember),
		word(org.StatusActive), word(org.StatusInvited), word(org.StatusRemovedFor2FA),
		word(org.TwoFactorDisabled), word(org.TwoFactorInsecure), word(org.TwoFactorSecure),
	} {
		known[string(w)] = w
	}
	return known
}()

// ScanBytes takes a column's text, which is pgx's own until it returns.
func (w *word) ScanBytes(text []byte) error {
	known, ok := words[string(text)]
	if !ok {
		known = word(text)
	}
	*w = known
	return nil
}
