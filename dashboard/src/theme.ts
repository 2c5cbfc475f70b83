import { createTheme, type MantineColorsTuple } from '@mantine/core';

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
});
