// The frame around everything that needs an account: who is signed in, the organizations to choose from, and the way out.
import { Anchor, AppShell, Burger, Group, Loader, Menu, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { IconChevronDown, IconLogout, IconUser } from '@tabler/icons-react';
import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { createContext, useContext, useEffect, useMemo, useRef, useState } from 'react';
import { useQuery } from 'urql';

import { api } from '../api';
import { look, whose } from '../api/client';
import { ApiError, failure } from '../api/error';
import { session } from '../api/session';
import type { DocumentType } from '../api/types';
import { AccountDocument } from '../gql';
import { loadScreens } from '../parts/lazily';
import { Mark } from '../parts/Mark';
import { Page } from '../parts/Page';
import { Redirect } from '../parts/Redirect';
import { Alert, Button, Title } from '../parts/ui';
import { accountPlaces, Navigation } from './Navigation';

export type Account = NonNullable<DocumentType<typeof AccountDocument>['viewer']>;

/** Whether the session began at an organization's provider: it is good for that organization alone, and sees nothing of how the account is protected. */
export const atProvider = (account: Account) => account.authenticators === null;

interface Session {
  account: Account;
  /** Asks again who is signed in: after a change of the account or of a membership. */
  reload: () => void;
}

const Context = createContext<Session | null>(null);

/** Who is signed in. */
export function useAccount(): Session {
  const account = useContext(Context);
  if (account === null) throw new Error('useAccount needs SignedIn around it');
  return account;
}

export function SignedIn() {
  const [{ data, error, fetching, stale }, ask] = useQuery({ query: AccountDocument });
  const here = useRouterState({ select: (state) => state.location.href });
  const navigate = useNavigate();
  const found = data?.viewer ?? null;
  // The page stays the one's who opened it: that somebody else is signed in by now is told, not shown as if it were them.
  const [account, setAccount] = useState(found);
  if (found !== null && found !== account && (account === null || account.id === found.id)) setAccount(found);
  const [replaced, setReplaced] = useState(false);
  const asking = useRef(false);

  // Whoever was signed in while this page was open learns that it is over, and comes back here after signing in.
  useEffect(
    () =>
      session.onEnd((end) => {
        if (end === 'other') return setReplaced(true);
        if (asking.current) return;
        asking.current = true;
        // Somebody may have signed in anew in another tab, which ended this session too. That it is somebody else is told above.
        void whose().then((id) => {
          asking.current = false;
          if (id === account?.id && id !== undefined) return window.location.reload();
          if (id !== undefined) return;
          // Loaded anew: nothing that the page has kept is shown to whoever sits there next.
          void navigate({ to: '/sign-in', search: { to: here, ended: true }, reloadDocument: true, replace: true });
        });
      }),
    [account?.id, here, navigate],
  );
  useSessionWatch(account?.id);
  const value = useMemo(
    () => (account === null ? null : { account, reload: () => ask({ requestPolicy: 'network-only' }) }),
    [account, ask],
  );

  if (replaced) return <Replaced name={account?.name} />;
  if (value === null) {
    const failed = failure(error);
    if (failed !== null) return <Unreachable error={failed} retry={() => ask({ requestPolicy: 'network-only' })} />;
    if (fetching || stale || data === undefined) return <Loader className="page-loader" aria-label="Loading" />;
    return <Redirect to="/sign-in" search={here === '/' ? {} : { to: here }} />;
  }
  return (
    <Context value={value}>
      <Shell account={value.account} />
    </Context>
  );
}

/** Learns of the session's end without asking for anything; that it is another one, when somebody looks at the page again. */
function useSessionWatch(id: string | undefined) {
  useEffect(() => {
    if (id === undefined) return;
    const stops = [session.belongsTo(id)];
    let left = false;
    void import('../api/live').then(
      ({ watchSession }) => {
        if (!left) stops.push(watchSession());
      },
      () => undefined, // Without a network; each answer tells it too.
    );
    const seen = () => {
      if (document.visibilityState === 'visible') look();
    };
    document.addEventListener('visibilitychange', seen);
    window.addEventListener('focus', seen);
    void loadScreens();
    return () => {
      left = true;
      for (const stop of stops) stop();
      document.removeEventListener('visibilitychange', seen);
      window.removeEventListener('focus', seen);
    };
  }, [id]);
}

/** Somebody else has signed in in another tab: whatever was done here would be done as them. */
function Replaced({ name }: { name: string | undefined }) {
  return (
    <Page>
      <Title>Somebody else is signed in now</Title>
      <p>
        In another tab of this browser another account was signed in. This page was {name === undefined ? 'somebody else’s' : `${name}’s`}, so
        it is closed: nothing is done here in another name.
      </p>
      <Group>
        {/* Loaded anew: nothing that the page has kept is shown to somebody else. */}
        <Button onClick={() => window.location.assign('/')}>Go on with the other account</Button>
        <Anchor href="/sign-in">Sign in{name === undefined ? '' : ` as ${name}`} again</Anchor>
      </Group>
    </Page>
  );
}

function Unreachable({ error, retry }: { error: ReturnType<typeof failure>; retry: () => void }) {
  return (
    <Page>
      <Title>This did not work</Title>
      <Alert error={error} />
      <Button onClick={retry}>Try again</Button>
    </Page>
  );
}

function Shell({ account }: { account: Account }) {
  const [opened, { toggle, close }] = useDisclosure(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  useEffect(close, [path, close]);
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 240, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding={{ base: 'md', md: 'xl' }}
    >
      <AppShell.Header>
        <a className="skip" href="#main">
          Skip to the content
        </a>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Navigation" aria-expanded={opened} />
            <Link to="/" className="brand-link">
              <Mark size={26} />
              Muster
            </Link>
          </Group>
          <AccountMenu account={account} />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="md">
        <Navigation account={account} />
      </AppShell.Navbar>
      <AppShell.Main id="main">
        <Outlet />
      </AppShell.Main>
    </AppShell>
  );
}

function AccountMenu({ account }: { account: Account }) {
  const navigate = useNavigate();
  const leave = async () => {
    try {
      await session.leave(api.signOut);
      // Everything that this page has loaded goes with the session.
      window.location.assign('/sign-in');
    } catch (reason) {
      if (!(reason instanceof ApiError)) throw reason;
      notifications.show({ id: 'sign-out', title: 'You are still signed in', message: reason.message, color: 'red', autoClose: 10_000 });
    }
  };
  return (
    <Menu position="bottom-end" width={240} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <UnstyledButton className="account-button">
          <IconUser size={18} aria-hidden />
          <span className="account-name">{account.name}</span>
          <IconChevronDown size={14} aria-hidden />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        {/* The button may have had no room for all of it. */}
        <Menu.Label>
          {account.name}
          {account.email !== null && <div>{account.email}</div>}
        </Menu.Label>
        {accountPlaces.map(({ to, label, icon: Icon }) => (
          <Menu.Item key={to} leftSection={<Icon size={16} aria-hidden />} onClick={() => void navigate({ to })}>
            {label}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={() => void leave()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
