package secret

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net/url"
	"strings"
	"testing"
	"time"
)

// rfcSeed is the seed of RFC 4226 appendix D and, for SHA-1, of RFC 6238 appendix B.
var rfcSeed = []byte("12345678901234567890")

func TestRFC4226AppendixD(t *testing.T) {
	t.Parallel()
	for step, want := range []string{
		"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
	} {
		at := time.Unix(int64(step)*30, 0)
		if got := TOTPCode(rfcSeed, at); got != want {
			t.Errorf("count %d: TOTPCode = %s, want %s", step, got, want)
		}
		if got, ok := CheckTOTP(rfcSeed, want, at); !ok || got != int64(step) {
			t.Errorf("count %d: CheckTOTP = %d, %t", step, got, ok)
		}
	}
}

func TestRFC6238AppendixB(t *testing.T) {
	t.Parallel()
	// The appendix has eight digits; six are the last six of them, since both are remainders of one number.
	for _, tc := range []struct {
		seconds, step int64
		eight         string
	}{
		{59, 0x1, "94287082"},
		{1111111109, 0x23523EC, "07081804"},
		{1111111111, 0x23523ED, "14050471"},
		{1234567890, 0x273EF07, "89005924"},
		{2000000000, 0x3F940AA, "69279037"},
		{20000000000, 0x27BC86AA, "65353130"},
	} {
		six := tc.eight[2:]
		// A zone is no other moment.
		at := time.Unix(tc.seconds, 0).In(time.FixedZone("elsewhere", 5*3600+1800))
		if got := TOTPCode(rfcSeed, at); got != six {
			t.Errorf("%d s: TOTPCode = %s, want %s", tc.seconds, got, six)
		}
		if step, ok := CheckTOTP(rfcSeed, six, at); !ok || step != tc.step {
			t.Errorf("%d s: CheckTOTP = %#x, %t, want %#x", tc.seconds, step, ok, tc.step)
		}
		if _, ok := CheckTOTP(rfcSeed, tc.eight, at); ok {
			t.Errorf("%d s: eight digits are accepted", tc.seconds)
		}
	}
}

func TestCheckTOTPWindow(t *testing.T) {
	t.Parallel()
	// The code of step 0x23523ED, which runs from 1111111110 to 1111111140: good from one step before to one after.
	const step, code, begin = 0x23523ED, "050471", 1111111110
	for _, tc := range []struct {
		name string
		at   time.Time
		want bool
	}{
		{"two steps early", time.Unix(begin-60, 0), false},
		{"1 s before the step before", time.Unix(begin-31, 0), false},
		{"1 ns before the step before", time.Unix(begin-30, -1), false},
		{"the step before begins", time.Unix(begin-30, 0), true},
		{"1 s into the step before", time.Unix(begin-29, 0), true},
		{"1 s before its own", time.Unix(begin-1, 0), true},
		{"its own begins", time.Unix(begin, 0), true},
		{"1 s into its own", time.Unix(begin+1, 0), true},
		{"its own ends", time.Unix(begin+30, -1), true},
		{"the step after begins", time.Unix(begin+30, 0), true},
		{"1 s before the step after ends", time.Unix(begin+59, 0), true},
		{"1 ns before the step after ends", time.Unix(begin+60, -1), true},
		{"the step after has ended", time.Unix(begin+60, 0), false},
		{"1 s later", time.Unix(begin+61, 0), false},
		{"a day later", time.Unix(begin+86400, 0), false},
		{"before 1970", time.Unix(-begin, 0), false},
		{"no time", time.Time{}, false},
	} {
		got, ok := CheckTOTP(rfcSeed, code, tc.at)
		if ok != tc.want || ok && got != step || !ok && got != 0 {
			t.Errorf("%s: CheckTOTP = %#x, %t, want %t", tc.name, got, ok, tc.want)
		}
	}
}

func TestCheckTOTPAround1970(t *testing.T) {
	t.Parallel()
	// Count 0 of RFC 4226 is good from 30 s before 1970; no count below it exists.
	for seconds, want := range map[int64]bool{-31: false, -30: true, -1: true, 0: true, 59: true, 60: false} {
		if _, ok := CheckTOTP(rfcSeed, "755224", time.Unix(seconds, 0)); ok != want {
			t.Errorf("%d s: CheckTOTP = %t, want %t", seconds, ok, want)
		}
	}
	if code := TOTPCode(rfcSeed, time.Unix(-1, 0)); code != "" {
		t.Errorf("TOTPCode before 1970 = %q, want nothing", code)
	}
}

func TestCheckTOTPAnswersTheLaterOfTwoSteps(t *testing.T) {
	t.Parallel()
	// Two counts of one seed with the same code, two apart, found by search. Were the earlier answered, the caller would
	// store it and accept the same digits again one step later.
	const code, earlier = "407517", 50897033
	step, ok := CheckTOTP(rfcSeed, code, time.Unix((earlier+1)*30, 0))
	if !ok || step != earlier+2 {
		t.Errorf("CheckTOTP = %d, %t, want %d", step, ok, earlier+2)
	}
	step, ok = CheckTOTP(rfcSeed, code, time.Unix(earlier*30, 0))
	if !ok || step != earlier {
		t.Errorf("CheckTOTP one step before = %d, %t, want %d", step, ok, earlier)
	}
}

func TestShortSeedsNeverMatch(t *testing.T) {
	t.Parallel()
	at := time.Unix(1111111111, 0)
	// HMAC-SHA1 pads its key with zero bytes, so a missing seed would have a code that anybody can compute.
	for _, seed := range [][]byte{nil, {}, make([]byte, 10), make([]byte, 15)} {
		if code := TOTPCode(seed, at); code != "" {
			t.Errorf("a seed of %d bytes has the code %s", len(seed), code)
		}
	}
	zeros := TOTPCode(make([]byte, 16), at)
	if _, ok := CheckTOTP(make([]byte, 16), zeros, at); !ok {
		t.Error("a seed of 16 bytes does not match its own code")
	}
	if _, ok := CheckTOTP(nil, zeros, at); ok {
		t.Error("a missing seed matches the code of zeros")
	}
}

// spellings are other ways to write one six-digit code: each is refused everywhere (CVE-2025-6014, -55000, -55003).
func spellings(code string) []string {
	digits := func(zero rune) string {
		return strings.Map(func(r rune) rune { return r - '0' + zero }, code)
	}
	all := make([]string, 0, 64)
	for _, blank := range []string{
		" ", "\t", "\n", "\r", "\r\n", "\v", "\f", "\x00", "\u0085", "\u00a0", "\u1680", "\u2003", "\u2009", "\u200b",
		"\u2028", "\u202f", "\u205f", "\u2060", "\u3000", "\ufeff",
	} {
		all = append(all, blank+code, code+blank, code[:3]+blank+code[3:])
	}
	return append(
		all,
		digits('\uff10'), digits('\u0660'), digits('\u06f0'), digits('\u0966'), digits('\U0001d7ce'),
		code[:5]+string(rune(code[5])-'0'+'\uff10'),
		"+"+code, "-"+code, "0"+code, "00"+code, code+"0", "0x"+code, code+".0", code+"e0", code[:3]+"-"+code[3:],
		code[:3]+"_"+code[3:], code[:3]+","+code[3:], `"`+code+`"`, "'"+code+"'", code+";", code+code, code+"\u0301",
		"\u202d"+code, code+"%20", "%30"+code[1:], strings.TrimLeft(code, "0"), code[:5], "", " "+code[1:], code[:5]+" ",
	)
}

func TestOneCodeHasOneSpelling(t *testing.T) {
	t.Parallel()
	// The code of 1111111109 s begins with a zero, so that leaving it out is one of the spellings.
	const code = "081804"
	at := time.Unix(1111111109, 0)
	if _, ok := CheckTOTP(rfcSeed, code, at); !ok || !IsCode(code) {
		t.Fatal("the code itself is refused")
	}
	others := spellings(code)
	if len(others) < 40 {
		t.Fatalf("%d spellings, want at least 40", len(others))
	}
	for _, other := range others {
		if step, ok := CheckTOTP(rfcSeed, other, at); ok || step != 0 {
			t.Errorf("CheckTOTP accepts %q", other)
		}
		if len(other) != 6 && IsCode(other) {
			t.Errorf("IsCode accepts %q", other)
		}
	}
}

func TestIsCode(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"000000": true, "999999": true, "012345": true,
		"00000": false, "0000000": false, "00000/": false, ":00000": false, "12345a": false, "１２": false,
		"1234 5": false, "-12345": false, "+12345": false, "1e0000": false, "": false,
	} {
		if got := IsCode(code); got != want {
			t.Errorf("IsCode(%q) = %t, want %t", code, got, want)
		}
	}
}

func TestTOTPSecretAndURI(t *testing.T) {
	t.Parallel()
	if got, want := TOTPSecret(rfcSeed), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"; got != want {
		t.Errorf("TOTPSecret = %s, want %s", got, want)
	}
	if got := TOTPSecret(rfcSeed[:16]); strings.Contains(got, "=") || len(got) != 26 {
		t.Errorf("TOTPSecret of 16 bytes = %s, want 26 characters without padding", got)
	}
	const tail = "&algorithm=SHA1&digits=6&period=30"
	const middle = "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer="
	for _, tc := range []struct{ issuer, account, want string }{
		{"Muster", "ada@example.com", "otpauth://totp/Muster:ada@example.com" + middle + "Muster" + tail},
		{"Big Co", "a b+c@x.org", "otpauth://totp/Big%20Co:a%20b+c@x.org" + middle + "Big%20Co" + tail},
		{"A+B", "x", "otpauth://totp/A+B:x" + middle + "A%2BB" + tail},
		{"a:b", "c:d", "otpauth://totp/ab:cd" + middle + "ab" + tail},
		{"a/b?c#d&e=f", "x%00\n", "otpauth://totp/a%2Fb%3Fc%23d&e=f:x%2500%0A" + middle + "a%2Fb%3Fc%23d%26e%3Df" + tail},
		{"Ünï", "ß@例え.jp", "otpauth://totp/%C3%9Cn%C3%AF:%C3%9F@%E4%BE%8B%E3%81%88.jp" + middle + "%C3%9Cn%C3%AF" + tail},
		{"bad\xffbytes", "x\xc3", "otpauth://totp/badbytes:x" + middle + "badbytes" + tail},
	} {
		got := TOTPURI(rfcSeed, tc.issuer, tc.account)
		if got != tc.want {
			t.Errorf("TOTPURI(%q, %q) =\n%s, want\n%s", tc.issuer, tc.account, got, tc.want)
		}
		if u, err := url.Parse(got); err != nil || len(u.Query()) != 5 || u.Fragment != "" {
			t.Errorf("TOTPURI(%q, %q) does not parse into five values: %v", tc.issuer, tc.account, err)
		}
	}
}

func TestNewTOTPSeedIs160Bits(t *testing.T) {
	t.Parallel()
	first, second := NewTOTPSeed(), NewTOTPSeed()
	if len(first) != 20 || bytes.Equal(first, second) {
		t.Errorf("NewTOTPSeed gave %d bytes, equal %t, want 20 fresh ones", len(first), bytes.Equal(first, second))
	}
}

func TestTOTPQRCode(t *testing.T) {
	t.Parallel()
	for _, account := range []string{
		"a", "ada@example.com", strings.Repeat("long.name.", 8) + "@example.com", strings.Repeat("x", 254),
		strings.Repeat("x", 400), strings.Repeat("x", 790),
	} {
		t.Run(fmt.Sprintf("%d characters", len(account)), func(t *testing.T) {
			t.Parallel()
			uri, err := TOTPQRCode(TOTPURI(rfcSeed, "Muster", account))
			if err != nil {
				t.Fatal(err)
			}
			data, ok := strings.CutPrefix(uri, "data:image/png;base64,")
			if !ok {
				t.Fatalf("no PNG data URI: %.40s", uri)
			}
			raw, err := base64.StdEncoding.DecodeString(data)
			if err != nil {
				t.Fatal(err)
			}
			picture, err := png.Decode(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			if picture.Bounds() != image.Rect(0, 0, 256, 256) {
				t.Fatalf("the picture is %v, want 256 × 256", picture.Bounds())
			}
			checkFinders(t, picture)
		})
	}
}

// checkFinders finds the code by its upper left corner and holds it to ISO/IEC 18004: a finder pattern in three corners
// and four modules of white around everything.
func checkFinders(t *testing.T, picture image.Image) {
	t.Helper()
	dark := func(x, y int) bool {
		r, _, _, _ := picture.At(x, y).RGBA()
		return r < 0x8000
	}
	margin := 0
	for margin < 128 && !dark(margin, margin) {
		margin++
	}
	// The topmost row of a finder is seven dark modules, then a light one.
	run := 0
	for dark(margin+run, margin) {
		run++
	}
	if run == 0 || run%7 != 0 {
		t.Fatalf("the first dark run has %d pixels, want a multiple of 7", run)
	}
	scale := run / 7
	right := 255
	for !dark(right, margin) {
		right--
	}
	size := (right - margin + 1) / scale
	if (size-17)%4 != 0 || size < 21 || size > 177 {
		t.Fatalf("%d modules of %d pixels are no QR code", size, scale)
	}
	if scale < 2 || margin < 4*scale || 255-right < 4*scale {
		t.Errorf("margins of %d and %d pixels, %d for a module, want at least 4 modules of 2 pixels", margin, 255-right, scale)
	}
	for y := range 256 {
		for x := range 256 {
			outside := min(x, y) < margin || max(x, y) >= margin+size*scale
			if outside && dark(x, y) {
				t.Fatalf("the margin is dark at %d, %d", x, y)
			}
		}
	}
	for _, corner := range [][2]int{{0, 0}, {size - 7, 0}, {0, size - 7}} {
		for y := range 7 {
			for x := range 7 {
				ring := max(abs(x-3), abs(y-3))
				px := margin + (corner[0]+x)*scale + scale/2
				py := margin + (corner[1]+y)*scale + scale/2
				if dark(px, py) != (ring != 2) {
					t.Fatalf("no finder pattern at %v", corner)
				}
			}
		}
	}
}

func abs(n int) int {
	return max(n, -n)
}

func TestTOTPQRCodeKeepsTheSeedOutOfErrors(t *testing.T) {
	t.Parallel()
	good := TOTPURI(rfcSeed, "Muster", "ada")
	for name, uri := range map[string]string{
		"nothing":       "",
		"another thing": "https://example.com/?secret=" + TOTPSecret(rfcSeed),
		"no URI":        "otpauth://[" + good,
		"too long":      TOTPURI(rfcSeed, "Muster", strings.Repeat("x", 791)),
		"far too long":  TOTPURI(rfcSeed, "Muster", strings.Repeat("x", 1<<20)),
	} {
		got, err := TOTPQRCode(uri)
		if got != "" || !errors.Is(err, ErrQRCode) {
			t.Errorf("%s: TOTPQRCode = %.30q, %v, want ErrQRCode", name, got, err)
		}
		if err != nil && strings.Contains(err.Error(), TOTPSecret(rfcSeed)) {
			t.Errorf("%s: the error repeats the secret", name)
		}
	}
}
