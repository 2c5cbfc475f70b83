// The Playground: GraphiQL on this server's own API, with nothing from any other host.
import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './playground.css';

import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

import { firstQuery, firstVariables, tour } from './tour';

const endpoint = new URL('/graphql', window.location.href);
const socket = new URL(endpoint);
socket.protocol = endpoint.protocol === 'https:' ? 'wss:' : 'ws:';

// With `subscriptionUrl`, not with a `wsClient` of our own, the Headers tab becomes the payload of connection_init.
const fetcher = createGraphiQLFetcher({ url: endpoint.href, subscriptionUrl: socket.href });

// What is typed here may be a password or a code, and GraphiQL keeps tabs and variables: in this storage they survive a
// reload and end with the browser's tab. Headers hold tokens and are not kept at all; the history plugin would keep them,
// so it is left out.
const storage = window.sessionStorage;

interface Tab {
  query: string | null;
  variables?: string | null;
}

/** The tab to show: the one that was open before a reload, at first the tour's beginning. */
function openTab(): Tab {
  const first: Tab = { query: firstQuery, variables: firstVariables };
  try {
    const kept = JSON.parse(storage.getItem('graphiql:tabState') ?? '{}') as { tabs?: Tab[]; activeTabIndex?: number };
    return kept.tabs?.[kept.activeTabIndex ?? 0] ?? first;
  } catch {
    return first;
  }
}

// GraphiQL fills its editors from these two, not from the tab that it shows; where they are a tab's own it shows that tab.
const { query, variables } = openTab();

const root = document.getElementById('root');
if (root === null) throw new Error('playground.html has no element with the id "root"');
createRoot(root).render(
  <GraphiQL
    initialQuery={query ?? ''}
    initialVariables={variables ?? ''}
    fetcher={fetcher}
    storage={storage}
    plugins={[]}
    defaultTabs={tour}
    defaultEditorToolsVisibility="variables"
    shouldPersistHeaders={false}
    showPersistHeadersSettings={false}
  >
    <GraphiQL.Logo>
      <a className="playground-logo" href="/">
        Muster Playground
      </a>
    </GraphiQL.Logo>
  </GraphiQL>,
);
