// Chromium's virtual security keys.

/** A page's way to its virtual keys. */
export async function sockets(page) {
  const browser = await page.context().newCDPSession(page);
  await browser.send('WebAuthn.enable');
  return browser;
}

/** A virtual key that is plugged in; it verifies its user where that is said. */
export async function plug(browser, userVerified, credentials = []) {
  const { authenticatorId } = await browser.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: userVerified,
      isUserVerified: userVerified,
      automaticPresenceSimulation: true,
    },
  });
  for (const credential of credentials) await browser.send('WebAuthn.addCredential', { authenticatorId, credential });
  return {
    credentials: async () => (await browser.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
  };
}
