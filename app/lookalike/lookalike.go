// Package lookalike finds what names that look the same to people have in common, by Unicode's tables. It is a leaf, and decides
// nothing: which names nobody may have is in org.
package lookalike

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Form is a name without what nobody sees of it: without regard to case and width (NFKC_Casefold of the Unicode Standard, section
// 3.13.5), to space, and to what takes none. Letters of another script that look alike are different.
func Form(name string) string {
	shown := strings.Map(func(r rune) rune {
		if unseen(r) {
			return -1
		}
		return r
	}, cases.Fold().String(norm.NFKC.String(name)))
	return strings.Join(strings.Fields(norm.NFKC.String(shown)), " ")
}

// unseen finds what takes no space, as Default_Ignorable_Code_Point has it: all that only says how its neighbours are shown, and
// not the few signs of that kind that are shown themselves.
func unseen(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) &&
		!unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}
