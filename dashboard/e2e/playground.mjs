// Opens the Playground of a running Muster in Chromium, sets a bearer token in the Headers tab, runs a query and a
// subscription to the audit log that ticks when a team is created.
//
//   node e2e/playground.mjs URL TOKEN ORGANIZATION_ID
//
// or MUSTER_URL, MUSTER_TOKEN (a session that may read the audit log and create teams) and MUSTER_ORGANIZATION_ID.
// MUSTER_E2E_SHOTS names a folder for pictures, CHROMIUM the browser, MUSTER_E2E_TIMEOUT the patience in milliseconds.
import { check, graphql, muster, needed, patience } from './browser.mjs';

const token = process.argv[3] ?? needed('MUSTER_TOKEN', 'the token of a session that may read the audit log');
const organization = process.argv[4] ?? needed('MUSTER_ORGANIZATION_ID', 'the id of its organization');

await check(
  'playground',
  async (page, { shoot }) => {
    const sent = [];
    const received = [];
    page.on('websocket', (socket) => {
      socket.on('framesent', ({ payload }) => sent.push(JSON.parse(String(payload))));
      socket.on('framereceived', ({ payload }) => received.push(JSON.parse(String(payload))));
    });

    await page.goto('/playground');
    if ((await page.title()) !== 'Muster Playground') throw new Error(`the title is ${await page.title()}`);
    // The tour's tabs, and the editor with its colours, which come from workers and generated styles.
    for (const title of ['SignIn', 'Code', 'Me', 'Organization', 'Log', 'Require2FA']) {
      await page.locator('.graphiql-tab-button').getByText(title, { exact: true }).waitFor();
    }
    await page.locator('.graphiql-editor .view-line').first().waitFor();
    await page.waitForFunction(() => {
      const colours = new Set();
      for (const part of document.querySelectorAll('.graphiql-editor .view-line span span')) colours.add(getComputedStyle(part).color);
      return colours.size >= 3;
    });
    // The first tab has its variables, also after a reload, which keeps the tabs as they were.
    const variables = page.locator('section[aria-label="Variables"] .monaco-editor:visible');
    await variables.getByText('password').first().waitFor();
    await shoot('opened');
    await page.waitForFunction(() => sessionStorage.getItem('graphiql:tabState') !== null);
    await page.reload();
    await variables.getByText('password').first().waitFor();
    const tabs = await page.locator('.graphiql-tab-button').count();
    if (tabs !== 6) throw new Error(`after a reload there are ${tabs} tabs`);

    // A tab of our own.
    await page.getByRole('button', { name: 'New tab' }).click();
    await fill(page, page.getByRole('region', { name: 'Operation Editor' }), 'query Name { viewer { id name } }');
    await page.getByRole('button', { name: 'Headers', exact: true }).click();
    await fill(page, page.getByRole('region', { name: 'Headers' }), JSON.stringify({ authorization: `Bearer ${token}` }));
    await run(page);
    await page.waitForFunction(() => {
      const text = document.querySelector('.result-window')?.textContent ?? '';
      return text.includes('"viewer"') && text.includes('"name"');
    });
    await shoot('query');

    const subscription = `subscription Ticks { auditLog(organizationId: ${JSON.stringify(organization)}) { sequence action } }`;
    await fill(page, page.getByRole('region', { name: 'Operation Editor' }), subscription);
    // GraphiQL learns the new operation's name a moment after the typing, and keeps the tabs when it has.
    await page.waitForFunction(() => (sessionStorage.getItem('graphiql:tabState') ?? '').includes('"operationName":"Ticks"'));
    await run(page);
    await until(() => received.some(({ type }) => type === 'connection_ack'), 'connection_ack did not come');
    const init = sent.find(({ type }) => type === 'connection_init');
    if (init?.payload?.authorization !== `Bearer ${token}`) {
      throw new Error('the Headers tab did not reach connection_init');
    }
    await until(() => sent.some(({ type }) => type === 'subscribe'), 'nothing was subscribed');

    // The subscription starts at "now" somewhere between its frame and the first entry that it shows, so entries are
    // written until two have been seen: the second proves that it goes on.
    const sequences = () =>
      received.filter(({ type }) => type === 'next').map(({ payload }) => payload?.data?.auditLog?.sequence);
    for (let tick = 1; sequences().length < 2; tick++) {
      if (tick > 10) throw new Error(`ten teams were created and the subscription showed ${sequences().length} of them`);
      const before = sequences().length;
      await graphql(token, 'mutation Tick($input: CreateTeamInput!) { createTeam(input: $input) { team { id } } }', {
        input: { organizationId: organization, slug: `tick-${Date.now().toString(36)}-${tick}`, name: `Tick ${tick}` },
      });
      await until(() => sequences().length > before, '', 2_000).catch(() => undefined);
    }
    const seen = sequences();
    if (seen.some((sequence, index) => !Number.isInteger(sequence) || (index > 0 && sequence !== seen[index - 1] + 1))) {
      throw new Error(`the entries came as ${seen.join(', ')}`);
    }
    await page.waitForFunction(
      (last) => (document.querySelector('.result-window')?.textContent ?? '').includes(String(last)),
      seen.at(-1),
    );
    await shoot('subscription');
    await page.getByRole('button', { name: /Stop/ }).click();
    await until(() => sent.some(({ type }) => type === 'complete'), 'stopping did not complete the subscription');

    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
    if (kept.includes(token)) throw new Error("the token was written to the browser's storage");
    console.log(`subscription ticked: ${seen.join(', ')} at ${muster}`);
  },
  { secrets: [token], context: { viewport: { width: 1280, height: 800 } } },
);

/** Replaces what stands in one of Monaco's editors. */
async function fill(page, editor, text) {
  await editor.locator('.monaco-editor:visible').first().click();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(text);
}

async function run(page) {
  await page.getByRole('button', { name: /Execute/ }).click();
}

async function until(condition, complaint, limit = patience) {
  const end = Date.now() + limit;
  while (!condition()) {
    if (Date.now() > end) throw new Error(complaint);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
