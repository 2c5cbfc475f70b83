package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// The expected values of this file were computed apart from this code: HKDF, HMAC and AES-GCM by Python's hmac and
// cryptography modules.
const (
	testMaster = "0123456789abcdef0123456789abcdef"
	// Version 1, nonce 00…0b, plaintext "a seed", bound to "user_1".
	knownSealed = "01000102030405060708090a0bf886e93461903976d4f451fd12d7bb4e2dbae78e6308"
)

func newTestKeys(tb testing.TB) *Keys {
	tb.Helper()
	keys, err := NewKeys(testMaster)
	if err != nil {
		tb.Fatalf("NewKeys: %v", err)
	}
	return keys
}

func TestNewKeysAsksForALongMaster(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, master string
		ok           bool
	}{
		{"nothing", "", false},
		{"31 characters", strings.Repeat("x", 31), false},
		{"32 characters", strings.Repeat("x", 32), true},
		{"31 characters in 62 bytes", strings.Repeat("é", 31), false},
		{"32 characters in 64 bytes", strings.Repeat("é", 32), true},
		{"no text at all", strings.Repeat("\xff\x00", 16), true},
		{"what NewMaster makes", NewMaster(), true},
	} {
		keys, err := NewKeys(tc.master)
		if (err == nil) != tc.ok || (keys != nil) != tc.ok {
			t.Errorf("%s: NewKeys = %v, %v, want ok %t", tc.name, keys, err, tc.ok)
		}
	}

	const short = "hunter2-is-short"
	_, err := NewKeys(short)
	if err == nil || strings.Contains(err.Error(), short) {
		t.Errorf("the error repeats the key or is missing: %v", err)
	}
	if err != nil && !strings.Contains(err.Error(), "openssl rand -base64 32") {
		t.Errorf("the error does not say how to make a key: %v", err)
	}
}

func TestNewMasterIs256Bits(t *testing.T) {
	t.Parallel()
	first, second := NewMaster(), NewMaster()
	if raw, err := base64.StdEncoding.DecodeString(first); err != nil || len(raw) != 32 {
		t.Errorf("NewMaster() = %d bytes, %v, want 32", len(raw), err)
	}
	if first == second {
		t.Error("NewMaster gave the same key twice")
	}
}

func TestMasterIsTakenAsGiven(t *testing.T) {
	t.Parallel()
	withBreak, err := NewKeys(testMaster + "\n")
	if err != nil {
		t.Fatal(err)
	}
	nonce := NewNonce()
	if withBreak.Link(nonce) == newTestKeys(t).Link(nonce) {
		t.Error("a line break at the end of the master key is trimmed")
	}
}

func TestKeysPrintAsAPlaceholder(t *testing.T) {
	t.Parallel()
	keys := newTestKeys(t)
	holder := struct{ Keys *Keys }{keys}
	asJSON, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{
		fmt.Sprint(keys), fmt.Sprintf("%+v", keys), fmt.Sprintf("%#v", *keys), fmt.Sprintf("%x", keys),
		fmt.Sprintf("%+v", holder), string(asJSON),
	} {
		for _, key := range [][]byte{keys.link, keys.code} {
			decimal := strings.Trim(fmt.Sprintf("%d", key), "[]")
			if strings.Contains(printed, hex.EncodeToString(key)) || strings.Contains(printed, decimal) {
				t.Errorf("a key is printed: %s", printed)
			}
		}
	}
	if got := fmt.Sprintf("%+v", keys); got != "secret.Keys(hidden)" {
		t.Errorf("printed as %q", got)
	}
}

func TestOpenReadsWhatWasSealedElsewhere(t *testing.T) {
	t.Parallel()
	// It fails when an info string, the layout or the binding changes: every row sealed until then would be lost.
	sealed, err := hex.DecodeString(knownSealed)
	if err != nil {
		t.Fatal(err)
	}
	got, err := newTestKeys(t).Open(sealed, []byte("user_1"))
	if err != nil || string(got) != "a seed" {
		t.Errorf("Open = %q, %v, want a seed", got, err)
	}
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	keys := newTestKeys(t)
	owner := []byte("user_1")
	for _, plaintext := range [][]byte{nil, {0}, []byte("twenty bytes of seed"), bytes.Repeat([]byte{7}, 100_000)} {
		first, err := keys.Seal(plaintext, owner)
		if err != nil {
			t.Fatalf("Seal: %v", err)
		}
		second, err := keys.Seal(plaintext, owner)
		if err != nil {
			t.Fatalf("Seal: %v", err)
		}
		if bytes.Equal(first, second) {
			t.Error("sealing twice gives the same bytes: the nonce is not random")
		}
		if len(first) != len(plaintext)+29 {
			t.Errorf("sealed %d bytes into %d, want 29 more", len(plaintext), len(first))
		}
		if len(plaintext) > 8 && bytes.Contains(first, plaintext[:8]) {
			t.Error("the plaintext stands in what was sealed")
		}
		got, err := keys.Open(first, owner)
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Errorf("Open = %d bytes, %v, want what was sealed", len(got), err)
		}
	}
	if string(owner) != "user_1" {
		t.Error("Seal changed the associated data")
	}
}

func TestOpenRefusesEverythingElse(t *testing.T) {
	t.Parallel()
	keys := newTestKeys(t)
	sealed, err := keys.Seal([]byte("twenty bytes of seed"), []byte("user_1"))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, k *Keys, sealed []byte, owner string) {
		t.Helper()
		if got, err := k.Open(sealed, []byte(owner)); !errors.Is(err, ErrOpen) || got != nil {
			t.Errorf("%s: Open = %q, %v, want ErrOpen", what, got, err)
		}
	}

	for _, owner := range []string{"", "user_2", "user_1 ", "user_", "\x01user_1"} {
		refused("owner "+owner, keys, sealed, owner)
	}
	for bit := range len(sealed) * 8 {
		flipped := bytes.Clone(sealed)
		flipped[bit/8] ^= 1 << (bit % 8)
		refused(fmt.Sprintf("bit %d flipped", bit), keys, flipped, "user_1")
	}
	for n := range sealed {
		refused(fmt.Sprintf("cut to %d bytes", n), keys, sealed[:n], "user_1")
	}
	refused("a byte more", keys, append(bytes.Clone(sealed), 0), "user_1")
	for version := range 256 {
		if version != sealVersion {
			refused(fmt.Sprintf("version %d", version), keys, append([]byte{byte(version)}, sealed[1:]...), "user_1")
		}
	}
	other, err := NewKeys(NewMaster())
	if err != nil {
		t.Fatal(err)
	}
	refused("another master key", other, sealed, "user_1")

	if got, err := keys.Seal([]byte("seed"), nil); !errors.Is(err, ErrUnbound) || got != nil {
		t.Errorf("Seal without an owner = %x, %v, want ErrUnbound", got, err)
	}
}

func TestLinkIsMadeAgainFromItsNonce(t *testing.T) {
	t.Parallel()
	keys := newTestKeys(t)
	nonce := make([]byte, 32)
	for i := range nonce {
		nonce[i] = byte(i)
	}
	if got, want := keys.Link(nonce), "EafqcY0f-xiRpnEIm9AZh1VQznZgUTqkBabqtoLH-Kk"; got != want {
		t.Errorf("Link = %s, want %s", got, want)
	}
	other, err := NewKeys(NewMaster())
	if err != nil {
		t.Fatal(err)
	}
	if keys.Link(nonce) == other.Link(nonce) {
		t.Error("a link can be made without the master key")
	}
	if first, second := NewNonce(), NewNonce(); len(first) != 32 || bytes.Equal(first, second) {
		t.Errorf("NewNonce gave %d bytes, equal %t", len(first), bytes.Equal(first, second))
	}
}

func TestCodeHashIsBoundToItsRow(t *testing.T) {
	t.Parallel()
	keys := newTestKeys(t)
	want := "d5ab498fb77a822e51d33e339a6730860e71d3e9c5f5df824635e8de09133e49"
	if got := hex.EncodeToString(keys.CodeHash("123456", "chal_1")); got != want {
		t.Errorf("CodeHash = %s, want %s", got, want)
	}
	other, err := NewKeys(NewMaster())
	if err != nil {
		t.Fatal(err)
	}
	same := keys.CodeHash("123456", "chal_1")
	for what, hash := range map[string][]byte{
		"another code":       keys.CodeHash("123457", "chal_1"),
		"another row":        keys.CodeHash("123456", "chal_2"),
		"a shifted border":   keys.CodeHash("23456", "chal_11"),
		"exchanged":          keys.CodeHash("chal_1", "123456"),
		"a space":            keys.CodeHash("123456 ", "chal_1"),
		"another master key": other.CodeHash("123456", "chal_1"),
	} {
		if bytes.Equal(hash, same) {
			t.Errorf("%s gives the same hash", what)
		}
	}
}
