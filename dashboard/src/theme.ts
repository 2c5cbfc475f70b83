import { Anchor, Badge, createTheme, type CSSVariablesResolver, Drawer, Loader, type MantineColorsTuple, Modal, Notification } from '@mantine/core';

// Muster's blue in ten shades, light to dark: white on the sixth and text in the eighth have a contrast of at least 4.5
// (WCAG 2.2, 1.4.3).
const muster: MantineColorsTuple = [
  '#eef1ff',
  '#dbe0fb',
  '#b5bef2',
  '#8d9bea',
  '#6b7ce2',
  '#5568de',
  '#3f53cf',
  '#3347c4',
  '#2a3cab',
  '#1f2f8f',
];

// `useEscape` closes them. Their header is not the page's: it would be a second banner.
const overlay = { closeButtonProps: { 'aria-label': 'Close' }, closeOnEscape: false, attributes: { header: { role: 'presentation' } } };

export const theme = createTheme({
  colors: { muster },
  primaryColor: 'muster',
  primaryShade: { light: 7, dark: 6 },
  defaultRadius: 'md',
  autoContrast: true,
  fontFamily: "system-ui, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'Cascadia Mono', 'SF Mono', Menlo, Consolas, 'Liberation Mono', monospace",
  headings: { fontWeight: '650' },
  respectReducedMotion: true,
  components: {
    // Within a text a link is known by more than its colour (WCAG 2.2, 1.4.1).
    Anchor: Anchor.extend({ defaultProps: { underline: 'always' } }),
    // A wheel with a name needs a role: a mere span may have none.
    Loader: Loader.extend({ defaultProps: { role: 'status' } }),
    Badge: Badge.extend({ defaultProps: { tt: 'none', fw: 600, size: 'lg', radius: 'sm', miw: 'max-content' } }),
    Modal: Modal.extend({ defaultProps: overlay }),
    Drawer: Drawer.extend({ defaultProps: overlay }),
    Notification: Notification.extend({ defaultProps: { closeButtonProps: { 'aria-label': 'Close' } } }),
  },
});

/** Where Mantine's own shades have a contrast below 4.5 (WCAG 2.2, 1.4.3): quiet text, and text on a light ground of its colour, and white on red; a line needs 3 (1.4.11). */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--muster-line': muster[7],
    '--mantine-color-red-filled': '#c92a2a',
    '--mantine-color-red-filled-hover': '#b02525',
    '--mantine-color-dimmed': '#555c63',
    '--mantine-color-placeholder': '#6b7177',
    '--mantine-color-error': '#c92a2a',
    '--mantine-color-green-light-color': '#1e6b2d',
    '--mantine-color-red-light-color': '#a61e1e',
    '--mantine-color-yellow-light-color': '#7a4b00',
    '--mantine-color-gray-light-color': '#495057',
    '--mantine-color-blue-light-color': '#1559a0',
    '--mantine-color-green-text': '#1e6b2d',
    '--mantine-color-red-text': '#c92a2a',
    '--mantine-color-orange-light-color': '#93380a',
  },
  dark: {
    '--muster-line': muster[3],
    '--mantine-color-red-filled': '#c92a2a',
    '--mantine-color-red-filled-hover': '#b02525',
    '--mantine-color-anchor': muster[3],
    '--mantine-color-dimmed': '#a8a8a8',
    '--mantine-color-placeholder': '#8f8f8f',
    '--mantine-color-error': '#ff8787',
    '--mantine-color-green-light-color': '#8ce99a',
    '--mantine-color-red-light-color': '#ffa8a8',
    '--mantine-color-yellow-light-color': '#ffe066',
    '--mantine-color-gray-light-color': '#ced4da',
    '--mantine-color-blue-light-color': '#a5d8ff',
    '--mantine-color-green-text': '#69db7c',
    '--mantine-color-red-text': '#ff8787',
  },
});
