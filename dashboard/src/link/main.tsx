// Where an emailed link leads: /rejoin for a member who was removed for 2FA, /join for somebody who is invited.
import '../style.css';

import { createRoot } from 'react-dom/client';

import { App } from './App';
import { takeToken } from './token';

const page = window.location.pathname.startsWith('/join') ? 'join' : 'rejoin';
const token = takeToken(page);

// Another link opened in this tab changes only the fragment, which loads nothing by itself.
window.addEventListener('hashchange', () => {
  if (new URLSearchParams(window.location.hash.slice(1)).has('token')) window.location.reload();
});

const root = document.getElementById('root');
if (root === null) throw new Error(`${page}.html has no element with the id "root"`);
createRoot(root).render(<App page={page} token={token} />);
