package settings

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// row is one setting as people read it.
type row struct{ variable, flag, initial, help string }

func rows(model *kong.Application) []row {
	var all []row
	for _, flag := range model.Flags {
		variable := flag.Tag.Get("setting")
		if variable == "" { // --help
			continue
		}
		initial := flag.Tag.Get("initial")
		if flag.HasDefault {
			initial = flag.Default
		}
		name := "--" + flag.Name
		switch {
		case !flag.IsBool() && flag.PlaceHolder != "":
			name += "=" + flag.PlaceHolder
		case flag.Tag.Negatable != "":
			name = "--[no-]" + flag.Name
		}
		all = append(all, row{variable: variable, flag: name, initial: initial, help: flag.Help})
	}
	return all
}

// Table is the settings as a Markdown table, ending with a newline: the README's, which a test compares.
func Table() string {
	parser, err := newParser(new(commands), io.Discard, nil, new(bool))
	if err != nil {
		// Only a wrong tag in this package comes here; the README's test then shows the text.
		return err.Error() + "\n"
	}
	var b strings.Builder
	b.WriteString("| variable | flag | default | what it does |\n| --- | --- | --- | --- |\n")
	escape := strings.NewReplacer("|", `\|`)
	for _, r := range rows(parser.Model) {
		initial := r.initial
		if !strings.Contains(initial, " ") && initial != "none" {
			initial = "`" + initial + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", r.variable, escape.Replace(r.flag), escape.Replace(initial), escape.Replace(r.help))
	}
	return b.String()
}

func printHelp(w io.Writer, model *kong.Application) error {
	var b strings.Builder
	b.WriteString(model.Help + "\n\nUsage:\n" +
		"  muster [flags]             run the server\n" +
		"  muster code EMAIL          print the current authenticator code of a demo account\n" +
		"  muster reset-2fa --user EMAIL|ID [--force]\n" +
		"                             remove an account's second factor, for who is locked out; --force turns the\n" +
		"                             requirement off where the account is the last owner who meets it\n" +
		"  muster set-email --user ID --email EMAIL\n" +
		"                             give an account that has lost its address one, for who is locked out of it\n" +
		"  muster create-owner --organization SLUG --email EMAIL --name NAME\n" +
		"                             make somebody an owner; creates what is not there, and prints a link to set\n" +
		"                             the password of a new account\n" +
		"  muster --help              print this\n\n" +
		"Settings: each is an environment variable and a flag, and the flag wins. Give secrets by the environment:\n" +
		"other users of the machine can read the flags of a program.\n")
	for _, r := range rows(model) {
		fmt.Fprintf(&b, "\n  %s, %s\n", r.variable, r.flag)
		for _, line := range wrap(r.help, 100) {
			b.WriteString("      " + line + "\n")
		}
		b.WriteString("      Default: " + r.initial + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap breaks text at spaces into lines of at most width bytes, a longer word apart.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
