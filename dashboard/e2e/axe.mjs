// axe-core over what a page shows now.
import axeCore from 'axe-core';

/** What axe finds serious or critical on the page, in words that lead to it. */
export async function axe(page, label) {
  // Evaluated by the browser's debugger, which the page's policy does not bind.
  await page.evaluate(axeCore.source);
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
