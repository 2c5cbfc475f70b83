package app

import (
	"bytes"
	"errors"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"muster/org"
	"muster/secret"
)

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{4,14}$`)

// FuzzParsePhone: what is taken for a phone is one number in international form, the same however it was spelled.
func FuzzParsePhone(f *testing.F) {
	for _, seed := range []string{
		"+4366012345678", "+43 660 1234-5678", "tel:+4366012345678", "+４３６６０１２３４５６７８", "004366012345678", "+1 650 253 0000 ext. 7", "+1 (650) 253-0000;phone-context=+44", "", "+", "+٤٣",
		"+43660123456789012345", "+43\x00660", "+1800FLOWERS", "+49201A000000000000",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parsePhone(s)
		if err != nil {
			var refusal *org.Error
			if !errors.As(err, &refusal) || refusal.Code != org.CodeBadInput || refusal.Field != "number" {
				t.Fatal(err)
			}
			return
		}
		if !e164.MatchString(got) {
			t.Errorf("%q was taken as %q", s, got)
		}
		if again, err := parsePhone(got); err != nil || again != got {
			t.Errorf("%q was taken as %q, which is taken as %q (%v)", s, got, again, err)
		}
		if masked := org.MaskPhone(got); masked == got {
			t.Errorf("the mask of %q hides nothing", got)
		}
	})
}

// FuzzNetwork: every address counts with a network, the same however it is written, and neighbours share it.
func FuzzNetwork(f *testing.F) {
	for _, seed := range []string{"203.0.113.9", "::ffff:203.0.113.9", "2001:db8::1", "2001:0db8:0:0::1", "fe80::1%eth0", "", "invalid IP", "203.0.113.9:80", "0203.0.113.9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		network := (&Request{IPAddress: s}).network()
		address, err := netip.ParseAddr(s)
		if err != nil {
			if network != s {
				t.Errorf("%q is no address and counts with %q", s, network)
			}
			return
		}
		prefix, err := netip.ParsePrefix(network)
		if err != nil || !prefix.Contains(address.Unmap().WithZone("")) || prefix.Bits() != map[bool]int{true: 24, false: 64}[prefix.Addr().Is4()] {
			t.Errorf("%q counts with %q (%v)", s, network, err)
		}
		if same := (&Request{IPAddress: address.String()}).network(); same != network {
			t.Errorf("%q counts with %q, written otherwise with %q", s, network, same)
		}
	})
}

// FuzzDevices: whatever the device cookie, at most as many values are read of it as one holds, each looked for by its own hash.
func FuzzDevices(f *testing.F) {
	for _, seed := range []string{"", "a", "a.b.c.d.e", "a.b.c.d.e.f", "....", strings.Repeat(".", 300), "\x00", "a..b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cookie string) {
		r := &Request{Device: cookie, Browser: true}
		values, hashes := r.devices(), r.deviceHashes()
		if len(values) > 5 || len(values) != len(hashes) || (cookie == "") != (len(values) == 0) {
			t.Fatalf("%q holds %d values with %d hashes", cookie, len(values), len(hashes))
		}
		if whole := strings.Join(values, "."); !strings.HasPrefix(cookie, whole) {
			t.Errorf("%q was read as %q", cookie, values)
		}
		for i, value := range values {
			if strings.Contains(value, ".") || !bytes.Equal(hashes[i], secret.Hash(value)) {
				t.Errorf("value %d of %q is %q", i, cookie, value)
			}
		}
	})
}
