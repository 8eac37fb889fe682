// The form for a profile that is there: what it shows of the text, and the text that comes of it.
import { parse, stringify, type TomlTable } from 'smol-toml';
import {
  checkGateway,
  checkNetworks,
  type ProfileProblems,
  prefixesOf,
  type TrafficForm,
} from './profile-form.ts';

export interface ProfileEdit extends TrafficForm {
  readonly gateway: string;
  /** Ours, or the user's name with "eap". */
  readonly identity: string;
}

/** undefined: the text is no profile of a client that the form could show; it can be edited as text only. */
export function editOf(text: string): ProfileEdit | undefined {
  const table = tableOf(text);
  if (table === undefined || table.role === 'gateway') return undefined;
  const { networks = 'gateway', when_down: whenDown } = table;
  const named = networks === 'gateway' || networks === 'everything';
  if (!named && !Array.isArray(networks)) return undefined;
  return {
    gateway: textAt(table, 'gateway', 'address'),
    identity: textAt(table, isEap(table) ? 'authentication' : 'local', 'identity'),
    protect: named ? networks : 'networks',
    networks: named ? '' : networks.map(String).join('\n'),
    whenDown: whenDown === 'bypass' ? 'bypass' : 'block',
  };
}

export function checkEdit(edit: ProfileEdit): ProfileProblems {
  return { ...checkGateway(edit), ...checkNetworks(edit) };
}

/** The same text with what the form says; everything else stays, comments go. */
export function textOf(text: string, edit: ProfileEdit): string {
  const table = tableOf(text);
  if (table === undefined) return text;
  const { when_down: _, networks: __, ...rest } = table;
  const changed: TomlTable = {
    networks: edit.protect === 'networks' ? [...prefixesOf(edit.networks)] : edit.protect,
    ...(edit.whenDown === 'bypass' && { when_down: 'bypass' }),
    ...rest,
  };
  setAt(changed, 'gateway', 'address', edit.gateway.trim());
  setAt(changed, isEap(table) ? 'authentication' : 'local', 'identity', edit.identity.trim());
  return `${stringify(changed)}\n`;
}

/** A comment would be lost: "#" outside quotation marks. */
export function hasComments(text: string): boolean {
  return /^(?:[^"'#\n]|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')*#/m.test(text);
}

function tableOf(text: string): TomlTable | undefined {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

function isEap(table: TomlTable): boolean {
  return textAt(table, 'authentication', 'method') === 'eap';
}

function textAt(table: TomlTable, section: string, key: string): string {
  const inner = table[section];
  if (typeof inner !== 'object' || Array.isArray(inner) || !(key in inner)) return '';
  const value = (inner as TomlTable)[key];
  return typeof value === 'string' ? value : '';
}

/** Empty: without the key, and without the section where nothing else is in it. */
function setAt(table: TomlTable, section: string, key: string, value: string): void {
  const former = table[section];
  const inner = { ...(typeof former === 'object' && !Array.isArray(former) ? (former as TomlTable) : {}) };
  delete inner[key];
  if (value !== '') inner[key] = value;
  if (Object.keys(inner).length > 0) table[section] = inner;
  else delete table[section];
}
