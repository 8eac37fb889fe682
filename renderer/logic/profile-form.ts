// The form for a new profile: what it asks, what is wrong with the answers, and the TOML that comes of them.

export interface ProfileForm {
  readonly gateway: string;
  readonly name: string;
  /** With "eap": the name that goes with the password. */
  readonly identity: string;
  readonly method: 'psk' | 'certificate' | 'eap' | 'card';
  /** With "card": which of its keys, and whose certificate; empty: any. */
  readonly cardSlot: '9a' | '9c';
  readonly cardSubject: string;
  /** Names in the store; chosen, or those under which new files will be stored. */
  readonly certificate: string;
  readonly authority: string;
  readonly protect: 'gateway' | 'everything' | 'networks';
  /** Prefixes, separated by commas, blanks or lines. */
  readonly networks: string;
  /** What happens to that traffic while there is no connection. */
  readonly whenDown: 'block' | 'bypass';
}

export const emptyProfileForm: ProfileForm = {
  gateway: '',
  name: '',
  identity: '',
  method: 'psk',
  cardSlot: '9a',
  cardSubject: '',
  certificate: '',
  authority: '',
  protect: 'gateway',
  networks: '',
  whenDown: 'block',
};

export type ProfileProblems = Partial<Record<keyof ProfileForm | 'secret', string>>;

/** A name as a profile may have it, made from what the person typed as gateway: "vpn.example.org" is "vpn-example". */
export function suggestedName(gateway: string, taken: readonly string[]): string {
  const text = gateway.trim().toLowerCase();
  const isAddress = /^[\d.]+$/.test(text) || text.includes(':');
  const labels = isAddress ? [text] : text.split('.').filter((label) => label !== '');
  const kept = labels.length > 2 ? labels.slice(0, -1) : labels.slice(0, 1);
  const base =
    kept
      .join('-')
      .replaceAll(/[^a-z0-9_.-]+/g, '-')
      .replace(/^[^a-z0-9]+/, '')
      .slice(0, 28) || 'vpn';
  return taken.includes(base) ? freeName(base, taken) : base;
}

/** "office-2", "office-3", …: the first that is free, within 32 characters. */
export function freeName(name: string, taken: readonly string[]): string {
  for (let number = 2; ; number++) {
    const ending = `-${number}`;
    const found = `${name.slice(0, 32 - ending.length)}${ending}`;
    if (!taken.includes(found)) return found;
  }
}

/** docs/PROFILE.md: 1 to 32 small letters, digits and - _ . */
export const profileNamePattern = /^[a-z0-9][a-z0-9._-]{0,31}$/;

/** Keys below "profiles.problem". `hasSecret`: one was typed. */
export function checkProfile(
  form: ProfileForm,
  hasSecret: boolean,
  taken: readonly string[],
): ProfileProblems {
  const problems: ProfileProblems = { ...checkGateway(form), ...checkNetworks(form) };
  if (form.name === '') problems.name = 'name-needed';
  else if (!profileNamePattern.test(form.name)) problems.name = 'name-invalid';
  else if (taken.includes(form.name)) problems.name = 'name-taken';
  if (form.method === 'psk' && !hasSecret) problems.secret = 'secret-needed';
  if (form.method === 'certificate' && form.certificate === '') problems.certificate = 'certificate-needed';
  if (form.method === 'eap' && form.identity.trim() === '') problems.identity = 'identity-needed';
  if (form.method !== 'psk' && form.authority === '') problems.authority = 'authority-needed';
  return problems;
}

/** What goes through the tunnel, of a form for a new profile or for one that is there. */
export type TrafficForm = Pick<ProfileForm, 'protect' | 'networks' | 'whenDown'>;

export function checkGateway({ gateway }: Pick<ProfileForm, 'gateway'>): ProfileProblems {
  if (gateway.trim() === '') return { gateway: 'gateway-needed' };
  return /\s/.test(gateway.trim()) ? { gateway: 'gateway-invalid' } : {};
}

export function checkNetworks({ protect, networks }: TrafficForm): ProfileProblems {
  if (protect !== 'networks') return {};
  const prefixes = prefixesOf(networks);
  if (prefixes.length === 0) return { networks: 'networks-needed' };
  return prefixes.every(looksLikePrefix) ? {} : { networks: 'networks-invalid' };
}

/** The whole file. It names secrets and holds none. */
export function tomlOf(form: ProfileForm): string {
  const lines = [
    `networks = ${networksValue(form)}`,
    ...(form.whenDown === 'bypass' ? ['when_down = "bypass"'] : []),
    '',
    '[gateway]',
    `address = ${quoted(form.gateway.trim())}`,
  ];
  const identity = form.identity.trim();
  if (identity !== '' && form.method !== 'eap') lines.push('', '[local]', `identity = ${quoted(identity)}`);
  lines.push('', '[authentication]', `method = ${quoted(form.method)}`);
  if (form.method === 'psk') lines.push(`secret = ${quoted(secretNameOf(form))}`);
  else if (form.method === 'eap') {
    lines.push(
      `identity = ${quoted(identity)}`,
      `secret = ${quoted(secretNameOf(form))}`,
      `authorities = [${quoted(form.authority)}]`,
    );
  } else if (form.method === 'card') {
    if (form.cardSlot !== '9a') lines.push(`slot = ${quoted(form.cardSlot)}`);
    if (form.cardSubject !== '') lines.push(`subject = ${quoted(form.cardSubject)}`);
    lines.push(`authorities = [${quoted(form.authority)}]`);
  } else {
    lines.push(`certificate = ${quoted(form.certificate)}`, `authorities = [${quoted(form.authority)}]`);
  }
  return `${lines.join('\n')}\n`;
}

/** Under which the service keeps the secret. A password that is not stored there is asked for. */
export function secretNameOf({ method, name }: ProfileForm): string {
  return method === 'eap' ? `${name} password` : name;
}

export function prefixesOf(text: string): readonly string[] {
  return text.split(/[\s,、]+/).filter((part) => part !== '');
}

function networksValue(form: ProfileForm): string {
  if (form.protect !== 'networks') return quoted(form.protect);
  return `[${prefixesOf(form.networks).map(quoted).join(', ')}]`;
}

/** Only the shape; the service has the last word. */
function looksLikePrefix(text: string): boolean {
  return /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:.]*)(\/\d{1,3})?$/i.test(text);
}

/** A TOML basic string is written as JSON writes strings, but for DEL. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll('\u007f', '\\u007f');
}
