// What the page's Content-Security-Policy leaves to the page: the one policy of trusted types, and the nonce of styles.

declare global {
  interface Window {
    readonly trustedTypes?: { createPolicy(name: string, rules: { createHTML(text: string): string }): unknown };
  }
}

// No text becomes markup or code. React puts the text of a style element in as markup, which for style sheets is the text
// itself: what has no `<` in it cannot be anything else.
window.trustedTypes?.createPolicy('default', {
  createHTML(text: string) {
    if (text.includes('<')) throw new TypeError('text is not turned into markup here');
    return text;
  },
});

/** The nonce that the server put into this answer: style elements that carry it apply. */
export const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? '';
