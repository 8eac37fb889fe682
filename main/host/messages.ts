// What the host tells a person, as codes with parameters. Clients put words to them (resources/translations).

/** What a check found. */
export type CheckMessage =
  | { readonly code: 'tun-device-works' | 'privileges-suffice' | 'privileges-missing' }
  | { readonly code: 'tun-device-missing'; readonly reason: string }
  | { readonly code: 'tool-works' | 'tool-missing'; readonly tool: string }
  | { readonly code: 'tool-fails'; readonly tool: string; readonly reason: string }
  | { readonly code: 'reverse-path-open' | 'reverse-path-marked' | 'reverse-path-strict' }
  | { readonly code: 'resolver-systemd' | 'nothing-left' | 'lockdown-left' }
  | { readonly code: 'resolver-file' | 'resolver-stale'; readonly path: string }
  | { readonly code: 'wintun-present' | 'wintun-missing'; readonly path: string }
  | { readonly code: 'resolver-name-policy' | 'resolver-group-policy' }
  | { readonly code: 'changes-left'; readonly count: number };

/** What a person can do about it, where the service cannot. */
export type AdviceMessage =
  | { readonly code: 'load-tun-module' | 'give-privileges' | 'run-as-root' }
  | { readonly code: 'install-again' | 'run-as-administrator' }
  | { readonly code: 'install-package'; readonly package: string }
  | { readonly code: 'loosen-reverse-path'; readonly path: string; readonly filter: string };

/** A change to the computer that was or can be undone. */
export type ChangeMessage =
  | { readonly code: 'change-ip'; readonly family: number; readonly line: string }
  | { readonly code: 'change-firewall-table'; readonly family: string; readonly name: string }
  | { readonly code: 'change-setting'; readonly path: string; readonly value: string }
  | { readonly code: 'change-file'; readonly path: string }
  | { readonly code: 'change-lockdown' }
  | { readonly code: 'change-name-servers'; readonly link: string }
  | { readonly code: 'change-address'; readonly link: string; readonly address: string }
  | { readonly code: 'change-route'; readonly link: string; readonly prefix: string }
  | { readonly code: 'change-blocked-route'; readonly prefix: string }
  | { readonly code: 'change-name-policy'; readonly path: string };
