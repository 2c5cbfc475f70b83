// Where the links of mails lead. The link's token is taken out of the address before anything else is done with it.
import { type ComponentType, useEffect, useState } from 'react';

import { App as Invitation } from './invitation/App';
import { Claim } from './account/Claim';
import { Reset } from './account/Reset';
import { Verify } from './account/Verify';
import { App as NotMe } from './notme/App';
import { App as ResetTwoFactor } from './reset/App';
import { Page } from '../parts/Page';
import { takeToken } from './token';

interface Linked {
  token: string | null;
}

/** The page at an address, with the token that the address had. */
function linked(page: string, Content: ComponentType<Linked>) {
  return function Link() {
    const [token] = useState(() => takeToken(page));
    useEffect(() => {
      // Another link opened in this tab changes only the fragment, which loads nothing by itself.
      const another = () => {
        if (new URLSearchParams(window.location.hash.slice(1)).has('token')) window.location.reload();
      };
      window.addEventListener('hashchange', another);
      return () => window.removeEventListener('hashchange', another);
    }, []);
    return <Content token={token} />;
  };
}

const framed = (Content: ComponentType<Linked>) =>
  function Framed(props: Linked) {
    return (
      <Page>
        <Content {...props} />
      </Page>
    );
  };

/** Address to page. */
export const links = {
  '/rejoin': linked('rejoin', (props) => <Invitation page="rejoin" {...props} />),
  '/join': linked('join', (props) => <Invitation page="join" {...props} />),
  '/reset': linked('reset', framed(Reset)),
  '/claim': linked('claim', framed(Claim)),
  '/verify': linked('verify', framed(Verify)),
  '/not-me': linked('not-me', NotMe),
  '/reset-2fa': linked('reset-2fa', ResetTwoFactor),
};
