package secret

import (
	"encoding/binary"
	"fmt"
)

// NewSMSCode returns six random digits, each of the million codes as likely as any other. It is for text messages and
// emails; the database keeps Keys.CodeHash of it. Twenty bits resist guessing only with a limit on the guesses (NIST SP
// 800-63B-4, 3.1.3), which is the caller's.
func NewSMSCode() string {
	const codes, mask = 1_000_000, 1<<20 - 1
	for {
		// Numbers beyond the million are drawn anew, not reduced: a remainder would make small codes more likely.
		if n := binary.BigEndian.Uint32(random(4)) & mask; n < codes {
			return fmt.Sprintf("%0*d", codeDigits, n)
		}
	}
}
