package lookalike_test

import (
	"testing"

	"muster/app/lookalike"
)

// Whatever looks like a name has its form, and nothing else has.
func TestForm(t *testing.T) {
	t.Parallel()
	for form, names := range map[string][]string{
		"muster": {
			"Muster", " muster\n", "MUSTER", "ＭＵＳＴＥＲ", "mu\u017fter", "Mus\u200cter", "Mus\u200dter", "Muster\ufe0f", "M\u034fuster",
			"Mus\u00adter", "\ufeffMuster", "Mus\u2060ter", "\U0001d40custer",
		},
		"ada lovelace": {"Ada Lovelace", "ADA\u00a0\u2003lovelace", "ada\tLovelace "},
		"strasse":      {"Straße", "STRASSE", "stra\u1e9ee"},
		"åsa":          {"A\u030asa", "\u00c5SA", "\u212bsa"},
		"ada@x":        {"ada＠x", "ADA﹫x"},
		"<x>":          {"＜X＞", "﹤x﹥"},
		"м":            {"М"}, // Cyrillic, which is not Latin
		"m":            {"M"},
		"\u06004":      {"\u06004"}, // a sign that is shown
		"":             {"", " ", "\u200d", "\u3164"},
	} {
		for _, name := range names {
			if got := lookalike.Form(name); got != form {
				t.Errorf("%q has the form %q, want %q", name, got, form)
			}
		}
	}
}

// FuzzForm: whatever a name is, space around it and what takes none change nothing of its form.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{"Muster", "ada＠example.com", "Mus\u200cter", "\u3164", "A\x00", "a\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		form := lookalike.Form(name)
		for _, same := range []string{" " + name + "\u3000", "\u2060" + name, "\ufeff" + name} {
			if got := lookalike.Form(same); got != form {
				t.Errorf("%q has the form %q and %q the form %q", same, got, name, form)
			}
		}
	})
}
