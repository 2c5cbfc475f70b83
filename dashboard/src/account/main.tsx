// Where the mails about an account's password and address lead: /reset, /claim and /verify.
import '../style.css';

import { createRoot } from 'react-dom/client';

import { takeToken } from '../link/token';
import { Page } from '../ui';
import { Claim } from './Claim';
import { Reset } from './Reset';
import { Verify } from './Verify';

const pages = { reset: Reset, claim: Claim, verify: Verify };
const name = window.location.pathname.slice(1);
const page = name === 'claim' || name === 'verify' ? name : 'reset';
const token = takeToken(page);

// Another link opened in this tab changes only the fragment, which loads nothing by itself.
window.addEventListener('hashchange', () => {
  if (new URLSearchParams(window.location.hash.slice(1)).has('token')) window.location.reload();
});

const root = document.getElementById('root');
if (root === null) throw new Error(`${page}.html has no element with the id "root"`);
const Content = pages[page];
createRoot(root).render(
  <Page>
    <Content token={token} />
  </Page>,
);
