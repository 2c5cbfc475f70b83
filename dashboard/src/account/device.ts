// What a browser calls itself, in words. It is a hint for the person who knows their own devices: programs may say anything.

const browsers: [RegExp, string][] = [
  [/\bEdgA?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:HeadlessChrome|Chrome|CriOS)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
];

// iPads call themselves Macs, and every Android is a Linux: the order matters.
const systems: [RegExp, string][] = [
  [/\biPhone\b/, 'an iPhone'],
  [/\biPad\b/, 'an iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b|\bMacintosh\b/, 'a Mac'],
  [/\bLinux\b|\bX11\b/, 'Linux'],
];

const find = (table: [RegExp, string][], text: string) => table.find(([pattern]) => pattern.test(text))?.[1];

/** "Firefox on Windows"; what is no browser is called as it calls itself. */
export function deviceName(userAgent: string): string {
  const text = userAgent.trim();
  if (text === '') return 'A program without a name';
  const browser = find(browsers, text);
  if (!text.startsWith('Mozilla/') || browser === undefined) return text.length > 60 ? `${text.slice(0, 60)}…` : text;
  const system = find(systems, text);
  return system === undefined ? browser : `${browser} on ${system}`;
}
