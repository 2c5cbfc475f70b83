// Screens whose code is loaded when they are opened, or before that, while the browser has nothing else to do.
import { Loader } from '@mantine/core';
import { type ComponentType, useCallback, useEffect, useState } from 'react';

import { NotLoaded } from '../shell/Broken';

const screens: (() => Promise<void>)[] = [];

/** A screen by its name in a module that is loaded apart. */
export function lazily<Name extends string>(load: () => Promise<Record<Name, ComponentType>>, name: Name) {
  let Screen: ComponentType | null = null;
  const get = async () => {
    Screen ??= (await load())[name];
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
  screens.push(Lazy.preload);
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
    await load();
  }
}
