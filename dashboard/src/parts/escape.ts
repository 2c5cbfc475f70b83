// Escape closes what lies on top, and that alone: dialogs and drawers that listen each for itself all close by one key.
import { useEffect, useRef } from 'react';

/** How what is open is closed, the topmost last. */
const open: { current: () => void }[] = [];

window.addEventListener(
  'keydown',
  ({ key, isComposing, target }) => {
    if (key !== 'Escape' || isComposing) return;
    // An open list within takes the key for itself, and says so by this.
    if (target instanceof Element && target.getAttribute('data-mantine-stop-propagation') === 'true') return;
    open.at(-1)?.current();
  },
  { capture: true },
);

/** Closes by Escape what is open, while nothing lies above it. */
export function useEscape(opened: boolean, close: () => void) {
  const latest = useRef(close);
  latest.current = close;
  useEffect(() => {
    if (!opened) return;
    open.push(latest);
    return () => void open.splice(open.indexOf(latest), 1);
  }, [opened]);
}
