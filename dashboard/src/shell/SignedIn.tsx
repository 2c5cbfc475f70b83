// The frame around everything that needs an account: who is signed in, the organizations to choose from, and the way out.
import { AppShell, Burger, Group, Loader, Menu, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconChevronDown, IconLogout, IconUser } from '@tabler/icons-react';
import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { createContext, useContext, useEffect, useMemo } from 'react';
import { useQuery } from 'urql';

import { api } from '../api';
import { failure } from '../api/error';
import { session } from '../api/session';
import type { DocumentType } from '../api/types';
import { AccountDocument } from '../gql';
import { Mark } from '../parts/Mark';
import { Page } from '../parts/Page';
import { Redirect } from '../parts/Redirect';
import { Alert, Button, Title, useAction } from '../parts/ui';
import { accountPlaces, Navigation } from './Navigation';

export type Account = NonNullable<DocumentType<typeof AccountDocument>['viewer']>;

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
  const account = data?.viewer ?? null;

  // Whoever was signed in while this page was open learns that it is over, and comes back here after signing in.
  useEffect(
    () =>
      session.onEnd(() => {
        // Loaded anew: nothing that the page has kept is shown to whoever sits there next.
        void navigate({ to: '/sign-in', search: { to: here, ended: true }, reloadDocument: true, replace: true });
      }),
    [here, navigate],
  );
  useSessionWatch(account !== null);
  const value = useMemo(
    () => (account === null ? null : { account, reload: () => ask({ requestPolicy: 'network-only' }) }),
    [account, ask],
  );

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

/** Learns of the session's end without asking for anything. */
function useSessionWatch(signedIn: boolean) {
  useEffect(() => {
    if (!signedIn) return;
    let stop = () => {};
    let left = false;
    void import('../api/live').then(({ watchSession }) => {
      if (!left) stop = watchSession();
    });
    return () => {
      left = true;
      stop();
    };
  }, [signedIn]);
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
  const leaving = useAction();
  const leave = () =>
    void leaving.run(async () => {
      await session.leave(api.signOut);
      // Everything that this page has loaded goes with the session.
      window.location.assign('/sign-in');
    });
  return (
    <>
      <Alert error={leaving.error} />
      <Menu position="bottom-end" width={240}>
        <Menu.Target>
          <UnstyledButton className="account-button">
            <IconUser size={18} aria-hidden />
            <span className="account-name">{account.name}</span>
            <IconChevronDown size={14} aria-hidden />
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>{account.email ?? account.name}</Menu.Label>
          {accountPlaces.map(({ to, label, icon: Icon }) => (
            <Menu.Item key={to} leftSection={<Icon size={16} aria-hidden />} onClick={() => void navigate({ to })}>
              {label}
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={leave}>
            Sign out
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}
