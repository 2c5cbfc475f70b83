package secret

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// phcKnown was made by the reference implementation (argon2 0~20171227 -id -t 2 -k 19456 -p 1 -l 32).
const (
	phcKnown    = "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gy5SuVm5Z7Vw7keB9se9p87QGcomaseB/S2U1OhTsM0"
	phcPassword = "correct horse battery staple"
)

func TestVerifyKnowsTheReferenceImplementation(t *testing.T) {
	t.Parallel()
	p := NewPasswords(1, 0)
	if ok, err := p.Verify(t.Context(), Caller{}, phcKnown, phcPassword); err != nil || !ok {
		t.Errorf("Verify = %t, %v, want true", ok, err)
	}
	if p.NeedsRehash(phcKnown) {
		t.Error("NeedsRehash is true for the present settings")
	}
}

func TestPasswordsAreTakenExactly(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("p", 72)
	for _, tc := range []struct{ name, password, other string }{
		{"73 bytes, the last one differs", long + "a", long + "b"},
		{"72 bytes of 73", long + "a", long},
		{"1,000 bytes, the last one differs", strings.Repeat("é", 499) + "xy", strings.Repeat("é", 499) + "xz"},
		{"64 KiB, the last byte differs", strings.Repeat("q", 1<<16-1) + "a", strings.Repeat("q", 1<<16-1) + "b"},
		{"a space at the end", "battery staple", "battery staple "},
		{"a space in front", "battery staple", " battery staple"},
		{"a zero byte cuts nothing", "battery\x00staple", "battery\x00horse"},
		{"upper case", "battery staple", "Battery staple"},
		{"composed and decomposed é", "caf\u00e9 caf\u00e9", "cafe\u0301 cafe\u0301"},
		{"an ideographic space", "battery staple", "battery\u3000staple"},
		{"bytes that are no text", "battery\xff", "battery\xfe"},
		{"nothing", "", " "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := NewPasswords(1, 0)
			encoded, err := p.Hash(t.Context(), Caller{}, tc.password)
			if err != nil {
				t.Fatalf("Hash: %v", err)
			}
			if ok, err := p.Verify(t.Context(), Caller{}, encoded, tc.password); err != nil || !ok {
				t.Errorf("Verify of the password itself = %t, %v, want true", ok, err)
			}
			if ok, err := p.Verify(t.Context(), Caller{}, encoded, tc.other); err != nil || ok {
				t.Errorf("Verify of another password = %t, %v, want false", ok, err)
			}
			if n := p.Evaluations(); n != 3 {
				t.Errorf("Evaluations() = %d, want 3", n)
			}
		})
	}
}

func TestHashHasAFreshSaltAndThePresentSettings(t *testing.T) {
	t.Parallel()
	p := NewPasswords(2, 0)
	first, err := p.Hash(t.Context(), Caller{}, phcPassword)
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.Hash(t.Context(), Caller{}, phcPassword)
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Error("two hashes of one password are equal: the salt is not random")
	}
	if !strings.HasPrefix(first, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("Hash = %s, want the settings of OWASP", first)
	}
	parts := strings.Split(first, "$")
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil || len(salt) != 16 {
		t.Errorf("salt of %d bytes, %v, want 16", len(salt), err)
	}
	if p.NeedsRehash(first) {
		t.Error("NeedsRehash is true for a fresh hash")
	}
}

func TestVerifyOfAnAbsentAccountCostsTheSame(t *testing.T) {
	t.Parallel()
	p, derived := fakePasswords()
	for _, password := range []string{phcPassword, ""} {
		if ok, err := p.Verify(t.Context(), Caller{}, "", password); ok || err != nil {
			t.Errorf("Verify without a hash = %t, %v, want false", ok, err)
		}
	}
	if ok, err := p.Verify(t.Context(), Caller{}, phcKnown, phcPassword); ok || err != nil {
		t.Errorf("Verify with the wrong key = %t, %v, want false", ok, err)
	}
	calls := derived()
	if len(calls) != 3 || p.Evaluations() != 3 {
		t.Fatalf("%d derivations, %d counted, want 3", len(calls), p.Evaluations())
	}
	for i, cost := range calls {
		if want := (argonCost{passes: 2, memory: 19456, threads: 1, salt: 16, key: 32}); cost != want {
			t.Errorf("call %d cost %+v, want %+v", i, cost, want)
		}
	}
}

func TestVerifyOfAnAbsentAccountIsNeverTrue(t *testing.T) {
	t.Parallel()
	p := NewPasswords(1, 0)
	// Even one that guesses the dummy's own key is refused.
	p.derive = func([]byte, []byte, uint32, uint32, uint8, uint32) []byte { return p.dummy.key }
	if ok, err := p.Verify(t.Context(), Caller{}, "", "anything"); ok || err != nil {
		t.Errorf("Verify = %t, %v, want false", ok, err)
	}
}

func TestVerifyRefusesOtherEncodings(t *testing.T) {
	t.Parallel()
	p, derived := fakePasswords()
	replaced := func(from, to string) string { return strings.Replace(phcKnown, from, to, 1) }
	salted := func(n int) string {
		return replaced("MDEyMzQ1Njc4OWFiY2RlZg", base64.RawStdEncoding.EncodeToString(make([]byte, n)))
	}
	keyed := func(n int) string {
		return phcKnown[:strings.LastIndex(phcKnown, "$")+1] + base64.RawStdEncoding.EncodeToString(make([]byte, n))
	}
	for name, encoded := range map[string]string{
		"text":               "hunter2",
		"bcrypt":             "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW",
		"argon2i":            replaced("argon2id", "argon2i"),
		"argon2d":            replaced("argon2id", "argon2d"),
		"version 16":         replaced("v=19", "v=16"),
		"no version":         replaced("$v=19", ""),
		"4 TiB":              replaced("m=19456", "m=4294967295"),
		"65 MiB":             replaced("m=19456", "m=65537"),
		"too little memory":  replaced("m=19456", "m=7167"),
		"more than 32 bits":  replaced("m=19456", "m=4294986752"),
		"leading zero":       replaced("m=19456", "m=019456"),
		"plus sign":          replaced("m=19456", "m=+19456"),
		"six passes":         replaced("t=2", "t=6"),
		"no pass":            replaced("t=2", "t=0"),
		"endless passes":     replaced("t=2", "t=4294967295"),
		"no thread":          replaced("p=1", "p=0"),
		"five threads":       replaced("p=1", "p=5"),
		"257 threads":        replaced("p=1", "p=257"),
		"another order":      replaced("m=19456,t=2", "t=2,m=19456"),
		"another setting":    replaced("p=1", "p=1,keyid=1"),
		"no settings":        replaced("m=19456,t=2,p=1", ""),
		"short salt":         salted(7),
		"long salt":          salted(65),
		"no salt":            salted(0),
		"short key":          keyed(15),
		"long key":           keyed(65),
		"no key":             keyed(0),
		"huge key":           keyed(1 << 20),
		"padded":             phcKnown + "=",
		"line break":         phcKnown + "\n",
		"break in the salt":  replaced("MDEy", "MDEy\n"),
		"spare bits":         strings.TrimSuffix(phcKnown, "0") + "1",
		"URL alphabet":       replaced("B/S", "B_S"),
		"a part more":        phcKnown + "$",
		"nothing in front":   strings.TrimPrefix(phcKnown, "$"),
		"something in front": " " + phcKnown,
		"only dollars":       "$$$$$",
	} {
		ok, err := p.Verify(t.Context(), Caller{}, encoded, phcPassword)
		if ok || err == nil {
			t.Errorf("%s: Verify = %t, %v, want an error", name, ok, err)
		}
		if err != nil && len(encoded) > 5 && strings.Contains(err.Error(), encoded) {
			t.Errorf("%s: the error repeats the hash", name)
		}
		if !p.NeedsRehash(encoded) {
			t.Errorf("%s: NeedsRehash is false", name)
		}
	}
	if calls := derived(); len(calls) != 0 || p.Evaluations() != 0 {
		t.Errorf("%d evaluations for hashes that are refused, want none", len(calls))
	}
}

func TestNeedsRehashWhereSettingsDiffer(t *testing.T) {
	t.Parallel()
	p, _ := fakePasswords()
	for _, tc := range []struct {
		encoded string
		want    bool
	}{
		{"", false},
		{phcKnown, false},
		{strings.Replace(phcKnown, "m=19456,t=2", "m=47104,t=1", 1), true},
		{strings.Replace(phcKnown, "m=19456", "m=7168", 1), true},
		{strings.Replace(phcKnown, "m=19456", "m=65536", 1), true},
		{strings.Replace(phcKnown, "t=2", "t=5", 1), true},
		{strings.Replace(phcKnown, "p=1", "p=4", 1), true},
		{strings.Replace(phcKnown, "MDEyMzQ1Njc4OWFiY2RlZg", "MDEyMzQ1Njc", 1), true},
	} {
		if got := p.NeedsRehash(tc.encoded); got != tc.want {
			t.Errorf("NeedsRehash(%s) = %t, want %t", tc.encoded, got, tc.want)
		}
		// Each of them is within the bounds: an old hash must still let its owner in.
		if _, err := p.Verify(t.Context(), Caller{}, tc.encoded, phcPassword); err != nil {
			t.Errorf("Verify(%s): %v", tc.encoded, err)
		}
	}
}

// In a synctest bubble Wait returns when every goroutine is at rest, so these tests know who runs and who waits.
func TestGateBoundsWhatRunsAndWhatWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const concurrent, queue = 2, 3
		p := NewPasswords(concurrent, queue)
		var mu sync.Mutex
		running, most := 0, 0
		release := make(chan struct{})
		p.derive = func(_, _ []byte, _, _ uint32, _ uint8, n uint32) []byte {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			<-release
			mu.Lock()
			running--
			mu.Unlock()
			return make([]byte, n)
		}

		answers := make(chan error, concurrent+queue)
		for i := range concurrent + queue {
			go func() {
				var err error
				if i%2 == 0 {
					_, err = p.Hash(t.Context(), Caller{}, phcPassword)
				} else {
					_, err = p.Verify(t.Context(), Caller{}, "", phcPassword)
				}
				answers <- err
			}()
		}
		synctest.Wait()
		if running != concurrent || p.Evaluations() != concurrent {
			t.Fatalf("%d run, %d counted, want %d", running, p.Evaluations(), concurrent)
		}

		for range 10 {
			if _, err := p.Hash(t.Context(), Caller{}, phcPassword); !errors.Is(err, ErrBusy) {
				t.Errorf("Hash with a full queue = %v, want ErrBusy", err)
			}
			if ok, err := p.Verify(t.Context(), Caller{}, phcKnown, phcPassword); ok || !errors.Is(err, ErrBusy) {
				t.Errorf("Verify with a full queue = %t, %v, want ErrBusy", ok, err)
			}
		}

		// One that ends lets one that waits begin, and one more queue up.
		release <- struct{}{}
		synctest.Wait()
		if running != concurrent || p.Evaluations() != concurrent+1 {
			t.Errorf("%d run, %d counted after one ended", running, p.Evaluations())
		}
		go func() {
			_, err := p.Hash(t.Context(), Caller{}, phcPassword)
			answers <- err
		}()
		synctest.Wait()

		close(release)
		for range concurrent + queue + 1 {
			if err := <-answers; err != nil {
				t.Errorf("a call that was admitted failed: %v", err)
			}
		}
		if most != concurrent || p.Evaluations() != concurrent+queue+1 {
			t.Errorf("at most %d ran at once, %d in all, want %d and %d", most, p.Evaluations(),
				concurrent, concurrent+queue+1)
		}
		if g := p.gate; g.free != concurrent || g.strangers.waiting != 0 {
			t.Errorf("%d places are free and %d wait, want %d and none", g.free, g.strangers.waiting, concurrent)
		}
	})
}

func TestGateLetsGoOfWhoGaveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPasswords(1, 1)
		release := make(chan struct{})
		p.derive = func(_, _ []byte, _, _ uint32, _ uint8, n uint32) []byte {
			<-release
			return make([]byte, n)
		}
		first := make(chan error, 1)
		go func() {
			_, err := p.Hash(t.Context(), Caller{}, phcPassword)
			first <- err
		}()
		synctest.Wait()

		ctx, cancel := context.WithCancel(t.Context())
		second := make(chan error, 1)
		go func() {
			_, err := p.Verify(ctx, Caller{}, "", phcPassword)
			second <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-second; !errors.Is(err, context.Canceled) {
			t.Errorf("Verify of who gave up = %v, want context.Canceled", err)
		}
		if g := p.gate; g.free != 0 || g.strangers.waiting != 0 {
			t.Errorf("%d places are free and %d wait after one gave up, want none", g.free, g.strangers.waiting)
		}
		close(release)
		if err := <-first; err != nil {
			t.Errorf("Hash: %v", err)
		}
		if p.Evaluations() != 1 {
			t.Errorf("%d evaluations, want 1", p.Evaluations())
		}
	})
}

func TestGateNeverBeginsForACallerWhoHasGone(t *testing.T) {
	t.Parallel()
	p, _ := fakePasswords()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// The free place and the ended context are both ready: repeated, because select picks by lot.
	for range 200 {
		if _, err := p.Hash(ctx, Caller{}, phcPassword); !errors.Is(err, context.Canceled) {
			t.Fatalf("Hash = %v, want context.Canceled", err)
		}
	}
	if p.Evaluations() != 0 {
		t.Errorf("%d evaluations, want none", p.Evaluations())
	}
}

func TestNewPasswordsRunsAtLeastOne(t *testing.T) {
	t.Parallel()
	p := NewPasswords(-1, -5)
	if g := p.gate; g.free != 1 || g.strangers.room != 0 || g.known.room != 0 {
		t.Errorf("%d run and %d and %d may wait, want 1 and none", g.free, g.strangers.room, g.known.room)
	}
}

// argonCost is what one derivation was asked for.
type argonCost struct {
	passes, memory uint32
	threads        uint8
	salt           int
	key            uint32
}

// fakePasswords derives zeros at no cost and tells what it was asked for.
func fakePasswords() (*Passwords, func() []argonCost) {
	p := NewPasswords(1, 0)
	var mu sync.Mutex
	var calls []argonCost
	p.derive = func(_, salt []byte, passes, memory uint32, threads uint8, n uint32) []byte {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, argonCost{passes, memory, threads, len(salt), n})
		return make([]byte, n)
	}
	return p, func() []argonCost {
		mu.Lock()
		defer mu.Unlock()
		return calls
	}
}
