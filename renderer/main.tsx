// The window's beginning: the store around `window.sealnic`, the words, and React.
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import type { SealnicBridge } from '../main/tray/ipc.ts';
import { App } from './app.tsx';
import { StoreContext } from './state/hooks.ts';
import { WindowStore } from './state/store.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/components.css';
import './styles/forms.css';
import './styles/dialogs.css';
import './styles/tables.css';
import './styles/plots.css';
import './styles/pages.css';

declare global {
  interface Window {
    /** Made by the preload. */
    readonly sealnic: SealnicBridge;
  }
}

const store = new WindowStore(window.sealnic, document.visibilityState === 'visible');
document.addEventListener('visibilitychange', () => {
  store.setVisible(document.visibilityState === 'visible');
});
// A file that is dropped beside its target is not opened in place of the window.
for (const kind of ['dragover', 'drop']) document.addEventListener(kind, (event) => event.preventDefault());

await store.start();
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <StoreContext value={store}>
      <App />
    </StoreContext>
  </StrictMode>,
);
