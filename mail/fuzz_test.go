package mail

import (
	"strings"
	"testing"
)

// FuzzNewSMTP: the URL of a mail server is taken or refused; a refusal never repeats its password.
func FuzzNewSMTP(f *testing.F) {
	for _, seed := range []string{
		"smtp://user:%s@mail.example:587", "smtps://user:%s@mail.example", "smtp://mail.example?starttls=require&x=%s", "smtp://user:%s@mail.example:99999", "http://u:%s@h", "smtp:%s", "%s", "smtp://\x00",
		"smtp://u:%%zz%s@h", "smtp://[::1]:25/%s",
	} {
		f.Add(seed, "muster@example.com")
		f.Add(seed, "Muster <muster@example.com>")
	}
	const canary = "canary-password"
	f.Fuzz(func(t *testing.T, form, from string) {
		sender, err := NewSMTP(strings.ReplaceAll(form, "%s", canary), from)
		if (sender == nil) == (err == nil) {
			t.Fatalf("got %v and %v", sender, err)
		}
		if err != nil && strings.Contains(err.Error(), canary) && !strings.Contains(from, canary) {
			t.Errorf("the refusal repeats the password: %v", err)
		}
	})
}

// FuzzNewTexter: the same for the provider of text messages.
func FuzzNewTexter(f *testing.F) {
	for _, seed := range []string{
		"twilio://sid:%s@api.twilio.com?from=%2B4366012345678", "https://sms.example/path?secret=%s", "http://127.0.0.1/?secret=%s", "http://sms.example/?secret=%s", "twilio://%s", "%s",
		"https://sms.example?secret=%s;x", "https://u:%s@sms.example", "\x00",
	} {
		f.Add(seed)
	}
	const canary = "canary-password"
	f.Fuzz(func(t *testing.T, form string) {
		texter, err := NewTexter(strings.ReplaceAll(form, "%s", canary))
		if (texter == nil) == (err == nil) {
			t.Fatalf("got %v and %v", texter, err)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("the refusal repeats the secret: %v", err)
		}
	})
}
