package app

import (
	"testing"
	"time"
)

func TestNetwork(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ sentence, address, want string }{
		{"an IPv4 address counts with its /24", "203.0.113.77", "203.0.113.0/24"},
		{"its neighbour counts with it", "203.0.113.1", "203.0.113.0/24"},
		{"the next /24 is another network", "203.0.114.1", "203.0.114.0/24"},
		{"an IPv6 address counts with its /64", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"another address of the same customer counts with it", "2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"},
		{"the next /64 is another network", "2001:db8:1:3::1", "2001:db8:1:3::/64"},
		{"IPv4 in IPv6's clothes is IPv4", "::ffff:203.0.113.77", "203.0.113.0/24"},
		{"a zone does not make a network of its own", "fe80::1%eth0", "fe80::/64"},
		{"what is no address is taken as it is", "a pipe", "a pipe"},
		{"no address is one network", "", ""},
	} {
		if got := (&Request{IPAddress: test.address}).network(); got != test.want {
			t.Errorf("%s: got %q, want %q", test.sentence, got, test.want)
		}
	}
}

func TestRoughly(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		time.Millisecond:                "1 second",
		time.Second:                     "1 second",
		90 * time.Second:                "90 seconds",
		2*time.Minute - time.Nanosecond: "120 seconds",
		2 * time.Minute:                 "2 minutes",
		2*time.Minute + time.Second:     "3 minutes",
		time.Hour:                       "60 minutes",
		2 * time.Hour:                   "2 hours",
		2*time.Hour + time.Nanosecond:   "3 hours",
		24 * time.Hour:                  "24 hours",
	} {
		if got := roughly(d); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
}
