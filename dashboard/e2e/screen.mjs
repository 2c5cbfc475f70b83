import { axe } from './axe.mjs';

/** What the checks of single screens do again and again. */
export function on(page, { shoot, problems }) {
  let shot = 0;
  const screen = {
    /** Waits for the screen with the heading, and holds it to what every screen must be: not wider than the window, and no grave finding of axe. */
    async at(heading) {
      const title = page.getByRole('heading', { level: 1, name: heading, exact: true });
      await title.waitFor();
      await screen.sound(String(heading));
    },
    async sound(label) {
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) throw new Error(`"${label}" is ${wide} px wider than the window`);
      problems.push(...(await axe(page, label)));
      await shoot(`${String(++shot).padStart(2, '0')}-${label.replace(/[^A-Za-z0-9]+/g, '-').toLowerCase()}`, page);
    },
    press: (name) => page.getByRole('button', { name, exact: true }).click(),
    follow: (name) => page.getByRole('link', { name, exact: true }).click(),
    fill: (label, value) => page.getByLabel(label, { exact: true }).fill(value),
    /** Waits for a refusal that says the words. */
    refused: (words) => page.getByRole('alert').filter({ hasText: words }).first().waitFor(),
    sees: (words) => page.getByText(words).first().waitFor(),
  };
  return screen;
}

/** The window that the environment asks for. */
export const windowOf = () => ({
  viewport: { width: Number(process.env.MUSTER_WIDTH ?? 1024), height: 844 },
  colorScheme: process.env.MUSTER_SCHEME === 'dark' ? 'dark' : 'light',
  reducedMotion: 'reduce',
});

/** What tells the runs of a check apart. */
export const windowName = () => `${process.env.MUSTER_WIDTH ?? 1024}-${process.env.MUSTER_SCHEME ?? 'light'}`;
