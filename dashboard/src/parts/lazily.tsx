// Screens whose code is loaded when they are opened, or before that, while the browser has nothing else to do.
import { Loader } from '@mantine/core';
import { type ComponentType, useCallback, useEffect, useState } from 'react';

import { NotLoaded } from '../shell/Broken';

const screens: (() => Promise<void>)[] = [];

/** How long a screen that did not come ahead of time is waited for before it is asked for again, in milliseconds. */
const pauses = [1_000, 4_000, 16_000, 64_000];

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
      try {
        await load();
        break;
      } catch {
        await online(pause);
      }
    }
  }
}

/** Waits for a while, or until there is a network again. */
const online = (pause: number) =>
  new Promise<unknown>((resolve) => {
    window.addEventListener('online', resolve, { once: true });
    setTimeout(resolve, pause);
  });

/** Asks anew for the style sheets that did not come: Vite asks for each once, and would show a screen without its own. */
async function restyle() {
  const links = [...document.querySelectorAll<HTMLLinkElement>('link[rel=stylesheet]')];
  await Promise.all(
    links.filter(broken).map(
      (link) =>
        new Promise((resolve, reject) => {
          const anew = link.cloneNode() as HTMLLinkElement;
          anew.addEventListener('load', resolve);
          anew.addEventListener('error', reject);
          link.replaceWith(anew);
        }),
    ),
  );
}

/** Whether a style sheet has not come. One that is on its way is none yet. */
function broken({ sheet }: HTMLLinkElement) {
  try {
    return sheet !== null && sheet.cssRules === null;
  } catch {
    return true;
  }
}
