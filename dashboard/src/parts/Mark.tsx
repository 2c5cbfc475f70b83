/** Muster's mark: three who stand in line, and the tick. */
export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden="true" className="mark">
      <rect className="mark-ground" width="32" height="32" rx="7" />
      <circle className="mark-dot" cx="9" cy="10" r="2.6" />
      <circle className="mark-dot" cx="16" cy="10" r="2.6" />
      <circle className="mark-dot" cx="23" cy="10" r="2.6" />
      <path className="mark-tick" d="M8.5 19.5l5 5 10-9" />
    </svg>
  );
}
