// Light or dark: by the setting, or as the system has it at the moment.
import { useLayoutEffect, useSyncExternalStore } from 'react';
import type { Settings } from '../../main/tray/ipc.ts';

const dark = matchMedia('(prefers-color-scheme: dark)');
const contrast = matchMedia('(prefers-contrast: more)');

/** The theme in use, and whether the contrast is raised: whatever is drawn by hand is drawn anew when it changes. */
export function useTheme(settings: Settings | undefined): string {
  const setting = settings?.theme ?? 'system';
  const reducedMotion = settings?.motion === 'reduced';
  const system = useSyncExternalStore(subscribe, () => `${dark.matches} ${contrast.matches}`);
  const high = settings?.contrast === 'high' || contrast.matches;
  const theme = setting === 'system' ? (dark.matches ? 'dark' : 'light') : setting;
  // Before any effect that reads colours.
  useLayoutEffect(() => {
    const { dataset } = document.documentElement;
    dataset.theme = theme;
    dataset.contrast = high ? 'high' : 'normal';
    dataset.motion = reducedMotion ? 'reduced' : 'normal';
  }, [theme, high, reducedMotion]);
  return `${theme} ${high} ${system}`;
}

function subscribe(changed: () => void): () => void {
  dark.addEventListener('change', changed);
  contrast.addEventListener('change', changed);
  return () => {
    dark.removeEventListener('change', changed);
    contrast.removeEventListener('change', changed);
  };
}
