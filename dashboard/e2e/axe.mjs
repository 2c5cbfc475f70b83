// axe-core over what a page shows now.
import axeCore from 'axe-core';

/** What axe finds serious or critical on the page, in words that lead to it. */
export async function axe(page, label) {
  // Evaluated by the browser's debugger, which the page's policy does not bind.
  await page.evaluate(axeCore.source);
  // A style sheet that has not come (of a screen that is fetched before somebody asks for it, while there is no network) cannot
  // be read until it is asked for again: axe would write it out as a style of its own, which the page's policy forbids and reports.
  await page.waitForFunction(() =>
    [...document.styleSheets].every((sheet) => {
      try {
        return sheet.cssRules !== null;
      } catch {
        return false;
      }
    }),
  );
  const violations = await page.evaluate(async () => {
    // Half faded in, a text has no contrast yet.
    await Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => undefined)));
    return (await window.axe.run(document, { resultTypes: ['violations'] })).violations;
  });
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return grave.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `axe on "${label}": ${id} (${help}) at ${target.join(' ')}: ${failureSummary}`),
  );
}
