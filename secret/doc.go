// Package secret holds the cryptography of Muster: tokens, keys derived from MUSTER_SECRET_KEY, sealing, password
// hashes, one-time codes and recovery codes.
//
// It computes and compares, and that is all. It refuses to know a database, a network, a clock of its own or any other
// package of Muster: what must be remembered between calls (a used TOTP step, a used recovery code, the number of
// guesses) is the caller's to store, and each function says what that is.
//
// Input is taken exactly as given. Nothing is trimmed, folded or cut, because a check that accepts two spellings of one
// secret lets a used one be used again (CVE-2025-6014, CVE-2025-55003). The one exception, the hyphens and upper case
// of a recovery code, is reduced to one canonical form before anything is compared.
//
// No error of this package contains a key, a seed, a code, a password or a hash.
package secret
