// Every address of the app. What is not needed for signing in and for the links of mails is loaded when it is opened.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from '@tanstack/react-router';

import { Broken, NotFound } from './shell/Broken';
import { SignedIn } from './shell/SignedIn';
import { SignInScreen } from './signin/SignInScreen';
import { links } from './links/Link';
import { logSearch } from './organization/log/search';
import { membersSearch } from './organization/members/search';

const root = createRootRoute({ component: Outlet, errorComponent: Broken, notFoundComponent: NotFound });

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  component: SignInScreen,
  validateSearch: (search: Record<string, unknown>): { to?: string; ended?: true } => ({
    // Only an address of this app is gone to after signing in: one slash, and no second one that names a host.
    ...(typeof search['to'] === 'string' && /^\/(?![/\\])/.test(search['to']) ? { to: search['to'] } : {}),
    ...(search['ended'] === true ? { ended: true } : {}),
  }),
});

const mailed = Object.entries(links).map(([path, component]) =>
  createRoute({ getParentRoute: () => root, path: path as '/rejoin', component }),
);

const signedIn = createRoute({ getParentRoute: () => root, id: 'signed-in', component: SignedIn });

const home = createRoute({
  getParentRoute: () => signedIn,
  path: '/',
  component: lazyRouteComponent(() => import('./organization/Organizations'), 'Home'),
});

const organizations = createRoute({
  getParentRoute: () => signedIn,
  path: '/organizations',
  component: lazyRouteComponent(() => import('./organization/Organizations'), 'Organizations'),
});

const organization = createRoute({
  getParentRoute: () => signedIn,
  path: '/organizations/$slug',
  component: lazyRouteComponent(() => import('./organization/Organization'), 'Organization'),
});

const overview = createRoute({
  getParentRoute: () => organization,
  path: '/',
  component: lazyRouteComponent(() => import('./organization/overview/Overview'), 'Overview'),
});

const members = createRoute({
  getParentRoute: () => organization,
  path: '/members',
  component: lazyRouteComponent(() => import('./organization/members/Members'), 'Members'),
  validateSearch: membersSearch,
});

const auditLog = createRoute({
  getParentRoute: () => organization,
  path: '/audit-log',
  component: lazyRouteComponent(() => import('./organization/log/AuditLog'), 'AuditLog'),
  validateSearch: logSearch,
});

const security = createRoute({
  getParentRoute: () => organization,
  path: '/settings/security',
  component: lazyRouteComponent(() => import('./organization/security/Security'), 'Security'),
});

const tree = root.addChildren([
  signIn,
  ...mailed,
  signedIn.addChildren([
    home,
    organizations,
    organization.addChildren([overview, members, auditLog, security]),
  ]),
]);

export const router = createRouter({ routeTree: tree, defaultPreload: false, scrollRestoration: false });

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
