package secret

import (
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"image"
	"image/color"
	"image/png"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// The settings that every authenticator app understands. RFC 6238 recommends the period of 30 seconds (section 5.2); RFC
// 4226 recommends a seed of 160 bits and refuses fewer than 128 (section 4, R6).
const (
	totpPeriod = 30
	totpSeed   = 20
	totpLeast  = 16
	totpWindow = 1
	codeDigits = 6
)

// How a QR code is drawn (ISO/IEC 18004). 900 bytes take 113 modules (version 24) of two pixels each; a camera tells nothing
// smaller apart.
const (
	qrPixels    = 256
	qrQuietZone = 4   // modules of white around the code
	qrFinder    = 7   // modules of a finder pattern
	qrLargest   = 177 // modules of the largest version, 40
	qrMostBytes = 900
)

var base32NoPadding = base32.StdEncoding.WithPadding(base32.NoPadding)

// ErrQRCode is what TOTPQRCode answers for a text that is no otpauth URI or too long for a QR code.
var ErrQRCode = errors.New("the QR code cannot be drawn: enter the secret by hand, or shorten the names in the URI")

// NewTOTPSeed returns a fresh seed of 160 random bits. Store it sealed (Keys.Seal).
func NewTOTPSeed() []byte {
	return random(totpSeed)
}

// TOTPSecret returns the seed as an app takes it by hand: base32 without padding, 32 characters for 160 bits.
func TOTPSecret(seed []byte) string {
	return base32NoPadding.EncodeToString(seed)
}

// TOTPURI returns the otpauth URI that an app reads from the QR code:
// otpauth://totp/Issuer:account?secret=…&issuer=Issuer&algorithm=SHA1&digits=6&period=30. Neither name should be empty. A
// colon in one is left out, since the colon is what parts the two.
func TOTPURI(seed []byte, issuer, account string) string {
	issuer, account = withoutColon(issuer), withoutColon(account)
	return "otpauth://totp/" + url.PathEscape(issuer) + ":" + url.PathEscape(account) +
		"?secret=" + TOTPSecret(seed) +
		// A space is %20 and never "+": apps show the plus sign as it stands.
		"&issuer=" + strings.ReplaceAll(url.QueryEscape(issuer), "+", "%20") +
		"&algorithm=SHA1&digits=6&period=30"
}

func withoutColon(name string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(name, ""), ":", "")
}

// TOTPQRCode draws an otpauth URI as a QR code, black on white, 256 × 256 pixels, and returns it as a PNG data URI for an
// <img>. It answers ErrQRCode where uri is none or is longer than 900 bytes; the library's own error, which repeats the URI
// and so the seed, goes nowhere.
func TOTPQRCode(uri string) (string, error) {
	if !strings.HasPrefix(uri, "otpauth://") || len(uri) > qrMostBytes {
		return "", ErrQRCode
	}
	key, err := otp.NewKeyFromURL(uri)
	if err != nil {
		return "", ErrQRCode
	}
	drawn, err := key.Image(qrLargest, qrLargest)
	if err != nil {
		return "", ErrQRCode
	}
	var encoded strings.Builder
	encoded.WriteString("data:image/png;base64,")
	to := base64.NewEncoder(base64.StdEncoding, &encoded)
	if err := png.Encode(to, withMargin(drawn)); err != nil {
		return "", ErrQRCode
	}
	if err := to.Close(); err != nil {
		return "", ErrQRCode
	}
	return encoded.String(), nil
}

// withMargin draws the code anew, as large as qrPixels hold with the white margin that a scanner needs on a dark page: the
// library centers the code in the size that it was asked for and leaves a margin only by chance.
func withMargin(drawn image.Image) image.Image {
	bounds := drawn.Bounds()
	dark := func(x, y int) bool {
		r, _, _, _ := drawn.At(x, y).RGBA()
		return r < 0x8000
	}
	// The topmost row begins with the seven dark modules of a finder pattern and ends with seven more.
	first, last := 0, bounds.Dx()-1
	for first < last && !dark(first, first) {
		first++
	}
	for first < last && !dark(last, first) {
		last--
	}
	run := 0
	for run < last-first && dark(first+run, first) {
		run++
	}
	pixels := max(run/qrFinder, 1)
	modules := (last - first + 1) / pixels

	scale := qrPixels / (modules + 2*qrQuietZone)
	margin := (qrPixels - modules*scale) / 2
	large := image.NewPaletted(image.Rect(0, 0, qrPixels, qrPixels), color.Palette{color.White, color.Black})
	for y := range modules * scale {
		for x := range modules * scale {
			if dark(first+x/scale*pixels, first+y/scale*pixels) {
				large.SetColorIndex(margin+x, margin+y, 1)
			}
		}
	}
	return large
}

// CheckTOTP tells whether code is the one of the step of 30 seconds that at falls in, of the step before, or of the step
// after (RFC 6238, section 5.2, plus one for an app whose clock runs ahead), and which step that is. The code must be
// six ASCII digits, nothing around them; a seed of fewer than 128 bits never matches. All steps are compared, each in
// constant time.
//
// It keeps no state: a code is good until the caller has stored the step, with UPDATE … SET last_step = step WHERE
// last_step < step, and only the caller whose statement changed a row may let the person in. Should one code stand for two
// steps of the window the later is answered, so that the same six digits do not come good once more.
func CheckTOTP(seed []byte, code string, at time.Time) (step int64, ok bool) {
	if !IsCode(code) {
		return 0, false
	}
	now := stepAt(at)
	for s := now - totpWindow; s <= now+totpWindow; s++ {
		right, valid := codeOf(seed, s)
		if valid && subtle.ConstantTimeCompare([]byte(right), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok
}

// TOTPCode returns the code that an app shows at that time: six digits, or nothing where the seed has fewer than 128 bits
// or the time is before 1970, which CheckTOTP never accepts.
func TOTPCode(seed []byte, at time.Time) string {
	code, _ := codeOf(seed, stepAt(at))
	return code
}

// IsCode tells whether code is six ASCII digits, with nothing before, between or after them.
func IsCode(code string) bool {
	if len(code) != codeDigits {
		return false
	}
	for i := range len(code) {
		if code[i] < '0' || code[i] > '9' {
			return false
		}
	}
	return true
}

// stepAt is the number of whole periods since 1970, below zero before.
func stepAt(at time.Time) int64 {
	seconds := at.Unix()
	step := seconds / totpPeriod
	if seconds%totpPeriod < 0 {
		step--
	}
	return step
}

// codeOf is the HOTP value (RFC 4226) of a step.
func codeOf(seed []byte, step int64) (code string, ok bool) {
	if len(seed) < totpLeast || step < 0 {
		return "", false
	}
	code, err := hotp.GenerateCodeCustom(TOTPSecret(seed), uint64(step),
		hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	return code, err == nil
}
