// Screens whose code is loaded when they are opened, or before that, while the browser has nothing else to do.
import { Loader } from '@mantine/core';
import { type ComponentType, useCallback, useEffect, useState } from 'react';

import { NotLoaded } from '../shell/Broken';

const screens: (() => Promise<void>)[] = [];

/** How long is waited before each try to fetch a screen ahead of time, in milliseconds. */
const pauses = [0, 1_000, 4_000, 16_000, 64_000];

/** A screen by its name in a module that is loaded apart. */
export function lazily<Name extends string>(load: () => Promise<Record<Name, ComponentType>>, name: Name) {
  let Screen: ComponentType | null = null;
  let coming: Promise<void> | null = null;
  const fetch = async () => {
    await restyle();
    Screen = (await load())[name];
  };
  const get = async () => {
    if (Screen === null) await (coming ??= fetch().finally(() => (coming = null)));
  };
  function Lazy() {
    const [at, setAt] = useState<'loading' | 'loaded' | 'failed'>('loading');
    const open = useCallback(() => get().then(() => setAt('loaded'), () => setAt('failed')), []);
    useEffect(() => void open(), [open]);
    if (Screen !== null) return <Screen />;
    return at === 'failed' ? <NotLoaded again={open} /> : <Loader aria-label="Loading" />;
  }
  // The router waits for this before it leaves the screen before. That it failed is said by the screen.
  Lazy.preload = () => get().catch(() => undefined);
  screens.push(get);
  return Lazy;
}

const idle = () =>
  new Promise<unknown>((resolve) => {
    // Safari does not say when it has nothing to do.
    if ('requestIdleCallback' in window) requestIdleCallback(resolve);
    else setTimeout(resolve, 300);
  });

/** Loads every screen, so that each opens without a network too. */
export async function loadScreens() {
  for (const load of screens) {
    await idle();
    for (const pause of pauses) {
      await online(pause);
      if (await load().then(() => true, () => false)) break;
    }
  }
}

/** Waits for a while, or until there is a network again. */
const online = (pause: number) =>
  new Promise<void>((resolve) => {
    const go = () => {
      clearTimeout(timer);
      window.removeEventListener('online', go);
      resolve();
    };
    const timer = setTimeout(go, pause);
    window.addEventListener('online', go);
  });

/** The links whose style sheets have not come. */
const lost = new Set<HTMLLinkElement>();

// An answer that is no style sheet is an empty one to whoever looks at it: only the event says so.
document.addEventListener(
  'error',
  ({ target }) => {
    if (target instanceof HTMLLinkElement && target.rel === 'stylesheet') lost.add(target);
  },
  { capture: true },
);

/** Asks anew for the style sheets that did not come: Vite asks for each once, and would show a screen without its own. */
async function restyle() {
  await Promise.all(
    [...lost].map(
      (link) =>
        new Promise((resolve, reject) => {
          const anew = link.cloneNode() as HTMLLinkElement;
          anew.addEventListener('load', resolve);
          anew.addEventListener('error', reject);
          lost.delete(link);
          link.replaceWith(anew);
        }),
    ),
  );
}
