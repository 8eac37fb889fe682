// Denies what no page of ours asks for: other places, new windows, webviews, permissions, downloads.
import { app, type Session } from 'electron';
import { pageOrigin } from './page-protocol.ts';

/** Holds for every WebContents that is ever made. Call it before the first. */
export function denyInContents(): void {
  app.on('web-contents-created', (_, contents) => {
    contents.setWindowOpenHandler(() => ({ action: 'deny' }));
    contents.on('will-attach-webview', (event) => event.preventDefault());
    const stay = (event: Electron.Event<{ url: string }>) => event.preventDefault();
    contents.on('will-navigate', stay);
    contents.on('will-frame-navigate', stay);
    contents.on('will-redirect', stay);
  });
}

/** No permission, no device, no download, and no request but for the pages themselves. */
export function denyInSession(session: Session): void {
  session.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  session.setPermissionCheckHandler(() => false);
  session.setDevicePermissionHandler(() => false);
  session.setDisplayMediaRequestHandler((_request, answer) => answer({}));
  session.on('will-download', (event) => event.preventDefault());
  session.webRequest.onBeforeRequest((details, answer) => {
    const own = details.url.startsWith(`${pageOrigin}/`) || details.url.startsWith('devtools://');
    answer({ cancel: !own });
  });
}
