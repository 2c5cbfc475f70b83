/** The share in whole percent, never rounded up to all or down to none. */
export function percent(part: number, whole: number): number {
  if (whole === 0 || part === whole) return 100;
  return part === 0 ? 0 : Math.min(99, Math.max(1, Math.round((100 * part) / whole)));
}
