import './trusted';
import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import './style.css';

import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { RouterProvider } from '@tanstack/react-router';
import { setNonce } from 'get-nonce';
import { createRoot } from 'react-dom/client';
import { Provider } from 'urql';

import { client } from './api/client';
import { StepUpProvider } from './parts/StepUp';
import { router } from './router';
import { theme, variables } from './theme';
import { nonce } from './trusted';

// The library under Mantine's dialogs, which keeps the page behind from scrolling, takes its nonce from here.
setNonce(nonce);

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element with the id "root"');
createRoot(root).render(
  <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto" getStyleNonce={() => nonce}>
    <Provider value={client}>
      <StepUpProvider>
        <Notifications position="bottom-right" />
        <RouterProvider router={router} />
      </StepUpProvider>
    </Provider>
  </MantineProvider>,
);
