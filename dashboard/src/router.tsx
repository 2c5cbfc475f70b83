// Every address of the app. What is not needed for signing in and for the links of mails is loaded when it is opened.
import { createRootRoute, createRoute, createRouter, Outlet } from '@tanstack/react-router';

import { flag, oneOf, takes, text } from './address';
import { lazily } from './parts/lazily';
import { Redirect } from './parts/Redirect';
import { Broken, NotFound } from './shell/Broken';
import { SignedIn } from './shell/SignedIn';
import { SignInScreen } from './signin/SignInScreen';
import { SignUpScreen } from './signin/SignUpScreen';
import { links } from './links/Link';
import { logSearch } from './organization/log/search';
import { membersSearch } from './organization/members/search';

const root = createRootRoute({ component: Outlet, errorComponent: Broken, notFoundComponent: NotFound });

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  component: SignInScreen,
  // Where `to` leads is looked at where it is gone to.
  validateSearch: takes({ to: text, ended: flag }),
});

const signUp = createRoute({ getParentRoute: () => root, path: '/sign-up', component: SignUpScreen, validateSearch: takes({ to: text }) });

const mailed = Object.entries(links).map(([path, component]) =>
  createRoute({ getParentRoute: () => root, path: path as '/rejoin', component }),
);

const signedIn = createRoute({ getParentRoute: () => root, id: 'signed-in', component: SignedIn });

const home = createRoute({
  getParentRoute: () => signedIn,
  path: '/',
  component: lazily(() => import('./organization/Organizations'), 'Home'),
});

const organizations = createRoute({
  getParentRoute: () => signedIn,
  path: '/organizations',
  component: lazily(() => import('./organization/Organizations'), 'Organizations'),
});

const organization = createRoute({
  getParentRoute: () => signedIn,
  path: '/organizations/$slug',
  component: lazily(() => import('./organization/Organization'), 'Organization'),
});

const overview = createRoute({
  getParentRoute: () => organization,
  path: '/',
  component: lazily(() => import('./organization/overview/Overview'), 'Overview'),
});

const members = createRoute({
  getParentRoute: () => organization,
  path: '/members',
  component: lazily(() => import('./organization/members/Members'), 'Members'),
  validateSearch: membersSearch,
});

const auditLog = createRoute({
  getParentRoute: () => organization,
  path: '/audit-log',
  component: lazily(() => import('./organization/log/AuditLog'), 'AuditLog'),
  validateSearch: logSearch,
});

const security = createRoute({
  getParentRoute: () => organization,
  path: '/settings/security',
  component: lazily(() => import('./organization/security/Security'), 'Security'),
});

const account = createRoute({
  getParentRoute: () => signedIn,
  path: '/account',
  component: lazily(() => import('./account/Account'), 'Account'),
});

const accountHome = createRoute({
  getParentRoute: () => account,
  path: '/',
  component: () => <Redirect to="/account/security" />,
});

const accountSecurity = createRoute({
  getParentRoute: () => account,
  path: '/security',
  component: lazily(() => import('./account/Security'), 'Security'),
  validateSearch: takes({ recovered: flag }),
});

const addAuthenticator = createRoute({
  getParentRoute: () => account,
  path: '/security/add',
  component: lazily(() => import('./account/Add'), 'Add'),
  validateSearch: takes({ kind: oneOf('app', 'key', 'phone'), replaces: text }),
});

const newCodes = createRoute({
  getParentRoute: () => account,
  path: '/security/codes',
  component: lazily(() => import('./account/NewCodes'), 'NewCodes'),
});

const sessions = createRoute({
  getParentRoute: () => account,
  path: '/sessions',
  component: lazily(() => import('./account/Sessions'), 'Sessions'),
});

const tokens = createRoute({
  getParentRoute: () => account,
  path: '/tokens',
  component: lazily(() => import('./account/Tokens'), 'Tokens'),
});

const activity = createRoute({
  getParentRoute: () => account,
  path: '/activity',
  component: lazily(() => import('./account/Activity'), 'Activity'),
});

const general = createRoute({
  getParentRoute: () => organization,
  path: '/settings/general',
  component: lazily(() => import('./organization/settings/General'), 'General'),
});

const notifications = createRoute({
  getParentRoute: () => organization,
  path: '/settings/notifications',
  component: lazily(() => import('./organization/settings/Notifications'), 'Notifications'),
});

const serviceTokens = createRoute({
  getParentRoute: () => organization,
  path: '/settings/tokens',
  component: lazily(() => import('./organization/settings/ServiceTokens'), 'ServiceTokens'),
});

const teams = createRoute({
  getParentRoute: () => organization,
  path: '/teams',
  component: lazily(() => import('./organization/work/Teams'), 'Teams'),
});

const projects = createRoute({
  getParentRoute: () => organization,
  path: '/projects',
  component: lazily(() => import('./organization/work/Projects'), 'Projects'),
});

const tree = root.addChildren([
  signIn,
  signUp,
  ...mailed,
  signedIn.addChildren([
    home,
    organizations,
    organization.addChildren([overview, members, teams, projects, auditLog, security, general, serviceTokens, notifications]),
    account.addChildren([accountHome, accountSecurity, addAuthenticator, newCodes, sessions, tokens, activity]),
  ]),
]);

export const router = createRouter({ routeTree: tree, defaultPreload: false, scrollRestoration: false });

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
