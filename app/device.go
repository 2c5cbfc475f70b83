package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/db"
	"muster/org"
	"muster/secret"
)

// A browser's device cookie holds a value for each account that has signed in there last, so that people who share a browser
// are known in it side by side. What somebody else has put there is known to none of their accounts.
const (
	mostDevices     = 5
	deviceSeparator = "."
	// MaxDevice is the longest device cookie, in bytes: five tokens of 43 characters and what is between them.
	MaxDevice = mostDevices*43 + (mostDevices-1)*len(deviceSeparator)
)

// devices are the values of the browser's cookie, last used first.
func (r *Request) devices() []string {
	if r.Device == "" {
		return nil
	}
	values := strings.Split(r.Device, deviceSeparator)
	return values[:min(len(values), mostDevices)]
}

// deviceHashes are what an account may know the browser by.
func (r *Request) deviceHashes() [][]byte { return r.deviceHashesAt("") }

// deviceHashesAt are what it may know the browser by from sign-ins at an organization's provider. They are others: a provider's
// word makes no browser one that the account's owner has signed in with.
func (r *Request) deviceHashesAt(organizationID string) [][]byte {
	var hashes [][]byte
	for _, value := range r.devices() {
		hashes = append(hashes, deviceHash(value, organizationID))
	}
	return hashes
}

func deviceHash(value, organizationID string) []byte {
	if organizationID == "" {
		return secret.Hash(value)
	}
	return secret.Hash(organizationID + " " + value)
}

// program is what an account knows a program by: its name and network. It is no plain hash: nobody can send a cookie that is
// taken for it. The account's part in it is what its passwords are counted by, for which nobody has to look up the account; one
// whose address changes comes to know its programs anew.
func (a *App) program(r *Request, key string) []byte {
	return a.Keys.CodeHash(r.UserAgent+"\n"+r.network(), key)
}

// forgetOtherDevices forgets with what somebody has signed in to an account, but for the browser or program that asks.
func (a *App) forgetOtherDevices(ctx context.Context, tx *db.Tx, r *Request, user *org.User) error {
	this := [][]byte{a.program(r, passwordKey(user))}
	if r.Browser {
		this = r.deviceHashes()
	}
	if err := tx.ForgetDevices(ctx, user.ID, this...); err != nil {
		return fmt.Errorf("forget the other devices: %w", err)
	}
	return nil
}

// What a new sign-in is told about: at most ten mails in a day, and as many for each provider, so that a program without a name of its own is no flood.
const (
	newSignIns       = 10
	newSignInsWithin = 24 * time.Hour
)

// noteDevice remembers with what somebody has signed in and tells them where it is new, apart for each organization whose provider
// has signed them in, "" for none; an account that only a provider knows has no address to tell. It gives the value of a browser's
// cookie. An account never comes to know a browser by a value that was sent, only by one that was made for it: else somebody
// could put theirs into a browser before the account's owner signs in there.
func (a *App) noteDevice(ctx context.Context, tx *db.Tx, r *Request, via *org.Route, userID, organizationID string) (cookie string, err error) {
	user, err := tx.User(ctx, userID)
	if err != nil || via.Confined && user.Email == nil {
		return "", err
	}
	device := a.program(r, passwordKey(user)+organizationID)
	if r.Browser {
		values := r.devices()
		device, err = tx.KnownDevice(ctx, userID, r.deviceHashesAt(organizationID))
		if err != nil {
			return "", fmt.Errorf("look for an earlier sign-in: %w", err)
		}
		value := secret.NewToken()
		if i := slices.IndexFunc(values, func(v string) bool { return slices.Equal(deviceHash(v, organizationID), device) }); i >= 0 {
			value = values[i]
			values = slices.Delete(values, i, i+1)
		}
		device = deviceHash(value, organizationID)
		values = slices.Insert(values, 0, value)
		cookie = strings.Join(values[:min(len(values), mostDevices)], deviceSeparator)
	}
	first, err := tx.AddDevice(ctx, userID, device)
	if err != nil {
		return "", fmt.Errorf("remember the device: %w", err)
	}
	if !first || via.Creates {
		return cookie, nil
	}
	action, message := org.EventNewSignIn, "Signed in with a browser or program that has not been used before."
	if via.Confined { // counted apart for each: whoever runs a provider makes neither other sign-ins silent nor another provider's
		o, err := tx.Organization(ctx, organizationID)
		if err != nil {
			return "", err
		}
		action, message = org.EventNewProviderSignIn, "The provider of "+o.Name+" signed somebody in to your account, for "+o.Name+" only, with a browser that has not been used for that before."
	}
	n, err := tx.EventsWithin(ctx, userID, action, organizationID, newSignInsWithin)
	if err != nil || n >= newSignIns {
		return cookie, err
	}
	e, err := a.alert(ctx, tx, r, user, action, message)
	if err != nil {
		return "", err
	}
	if organizationID != "" {
		e.ProviderOf = &organizationID
	}
	return cookie, tx.AddSecurityEvent(ctx, e)
}
