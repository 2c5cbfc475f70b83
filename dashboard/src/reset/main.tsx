// Where the mail leads that asks somebody whether their second factor is to be reset.
import '../style.css';

import { createRoot } from 'react-dom/client';

import { takeToken } from '../link/token';
import { App } from './App';

const token = takeToken('reset-2fa');

// Another link opened in this tab changes only the fragment, which loads nothing by itself.
window.addEventListener('hashchange', () => {
  if (new URLSearchParams(window.location.hash.slice(1)).has('token')) window.location.reload();
});

const root = document.getElementById('root');
if (root === null) throw new Error('reset-2fa.html has no element with the id "root"');
createRoot(root).render(<App token={token} />);
