// Where the link of a mail about a change to an account leads: /not-me, for its owner to say that it was somebody else.
import '../style.css';

import { createRoot } from 'react-dom/client';

import { takeToken } from '../link/token';
import { App } from './App';

const token = takeToken('not-me');

// Another link opened in this tab changes only the fragment, which loads nothing by itself.
window.addEventListener('hashchange', () => {
  if (new URLSearchParams(window.location.hash.slice(1)).has('token')) window.location.reload();
});

const root = document.getElementById('root');
if (root === null) throw new Error('not-me.html has no element with the id "root"');
createRoot(root).render(<App token={token} />);
