package db

import "context"

// TryCode counts that a code is tried for an account, and commits it. It says whether fewer than most were tried in a row
// before: the count begins anew only when a second factor comes right (ForgetWrongCodes).
func (d *DB) TryCode(ctx context.Context, userID string, most int) (bool, error) {
	tag, err := d.pg.Exec(ctx, `
INSERT INTO wrong_codes AS w (user_id, tries) VALUES ($1, 1)
ON CONFLICT (user_id) DO UPDATE SET tries = w.tries + 1 WHERE w.tries < $2`, userID, most)
	return tag.RowsAffected() == 1, err
}

// CodesOff says whether too many codes in a row were tried for an account.
func (q Queries) CodesOff(ctx context.Context, userID string) (bool, error) {
	var off bool
	err := q.pg.QueryRow(ctx, `SELECT EXISTS (SELECT FROM wrong_codes WHERE user_id = $1 AND off_at IS NOT NULL)`, userID).Scan(&off)
	return off, err
}

// SwitchCodesOff notes that too many were tried. It says whether nobody noted it before.
func (t *Tx) SwitchCodesOff(ctx context.Context, userID string) (bool, error) {
	tag, err := t.pg.Exec(ctx, `UPDATE wrong_codes SET off_at = clock_timestamp() WHERE user_id = $1 AND off_at IS NULL`, userID)
	return tag.RowsAffected() == 1, err
}

// ForgetWrongCodes begins to count anew: the account's owner has proved a second factor.
func (t *Tx) ForgetWrongCodes(ctx context.Context, userID string) error {
	_, err := t.pg.Exec(ctx, `DELETE FROM wrong_codes WHERE user_id = $1`, userID)
	return err
}
