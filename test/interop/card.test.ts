// The certificate and its key on a smart card: strongSwan on the other side, a real pcscd, and a card that comes and goes.
import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type ControlClient, connectToService } from '../../main/control/client.ts';
import type { Prompt } from '../../main/control/prompt-values.ts';
import type { ConnectionStatus, Status } from '../../main/control/values.ts';
import { CardLab, cannotRunCards, type InsertedCard } from '../fakes/card/pcscd.ts';
import { defaultManagementKey, VirtualCard } from '../fakes/card/virtual-card.ts';
import { CertificateAuthority, type KeyKind } from './lab/certificates.ts';
import { until } from './lab/command.ts';
import { clientIdentity, gatewayIdentity, officeSecret } from './lab/gateway.ts';
import { skipUnless } from './lab/requirements.ts';
import { sealnicProgram } from './lab/sealnic.ts';
import { clearFrames, Stage } from './lab/stage.ts';
import { answersPing, exerciseTunnel, ping, transferScript } from './lab/traffic.ts';

const repetitions = 20;

describe('a smart card with strongSwan', { skip: skipUnless() || cannotRunCards }, () => {
  const readers = new CardLab();
  let stage: Stage;
  let client: ControlClient;
  let authority: CertificateAuthority;
  let card: VirtualCard;
  let inserted: InsertedCard | undefined;
  let status: Status | undefined;
  const listeners = new Set<() => void>();

  before(async () => {
    process.env.PCSCLITE_CSOCK_NAME = readers.socket;
    await readers.start();
    stage = await Stage.open();
    const directory = join(stage.office.lab.directory, 'authority');
    authority = await CertificateAuthority.create(directory, 'ecdsa');
    const server = await authority.issue('ecdsa', {
      subject: 'O=Office, CN=vpn',
      alternativeName: gatewayIdentity,
      extendedUse: ['serverAuth'],
    });
    card = await cardOf('ecdsa');
    await stage.client.putSecret('office authority', 'authority', authority.certificatePem);
    await stage.prepare(rowOf(), {
      'x509/gateway.pem': server.certificatePem,
      'private/gateway.pem': server.privateKeyPem,
      'x509ca/clients.pem': authority.certificatePem,
    });
    client = await connectToService({ path: stage.client.controlSocket });
    await client.subscribe((changed) => {
      status = changed;
      for (const listener of [...listeners]) listener();
    });
  });
  after(async () => {
    client?.close();
    inserted?.remove();
    await stage?.close();
    await readers.close();
  });

  function rowOf(lines: readonly string[] = [], authorities: readonly string[] = ['office authority']) {
    return {
      gateway: {
        authentication: { method: 'certificate', certificate: 'gateway.pem', authority: 'clients.pem' },
      },
      profile: { authentication: { method: 'card', authorities, lines } },
    } as const;
  }
  async function cardOf(kind: KeyKind, issuer = authority): Promise<VirtualCard> {
    const { certificatePem, privateKeyPem } = await issuer.issue(kind, {
      subject: 'O=Office, CN=laptop',
      alternativeName: clientIdentity,
      extendedUse: ['clientAuth'],
    });
    const made = new VirtualCard();
    made.put('authentication', createPrivateKey(privateKeyPem), new X509Certificate(certificatePem).raw);
    return made;
  }
  /** Resolves with the first status that fits. */
  function when<Value>(what: string, find: (seen: Status) => Value | undefined): Promise<Value> {
    return new Promise((resolve, reject) => {
      const end = (act: () => void) => {
        clearTimeout(limit);
        listeners.delete(look);
        act();
      };
      const look = () => {
        const value = status && find(status);
        if (value !== undefined) end(() => resolve(value));
      };
      const limit = setTimeout(() => {
        const seen = JSON.stringify({ ...status, drops: {} });
        end(() => reject(stage.explained(new Error(`in vain: ${what}: ${seen}`))));
      }, 60_000);
      listeners.add(look);
      look();
    });
  }
  const connection = (seen: Status): ConnectionStatus | undefined => seen.connections[0];
  const state = (wanted: ConnectionStatus['state']) =>
    when(wanted, (seen) => (connection(seen)?.state === wanted ? connection(seen) : undefined));
  const prompt = (fits = (_: Prompt) => true) => when('a prompt', ({ prompts }) => prompts.find(fits));
  async function answer({ id }: Prompt, pin: string, confirmLastTry = false): Promise<void> {
    await client.call('prompts.answer', { id, confirmLastTry }, { answer: Buffer.from(pin) });
  }
  async function seen(): Promise<void> {
    await when('the card', ({ cards }) => (cards?.cards.some(({ usable }) => usable) ? true : undefined));
  }

  test('without the card: said plainly', async () => {
    const outcome = await stage.client.attempt(['up', 'office']);
    assert.equal(outcome.code, 5);
    assert.match(outcome.stderr, /card that "office" needs is not in a reader/);
    assert.equal(await answersPing(stage.office.terminal, stage.office.hostAddress), false);
    await stage.client.down('office');
  });

  test('insert, PIN, connect; pull it under a download: it stops, and stays shut; insert, PIN, go on', async () => {
    const { terminal, hostAddress } = stage.office;
    inserted = await readers.insert(card);
    await seen();
    await stage.client.run(['up', 'office', '--secret-stdin'], '123456\n');
    await exerciseTunnel(terminal, hostAddress, 1);
    assert.equal(card.isUnlocked, false);

    const sniffer = await stage.sniff();
    const download = terminal.start([process.execPath, transferScript, 'GET', hostAddress, '4000000000']);
    const moved = async () => connection(await client.call('status', {}))?.details?.counters.bytesIn ?? 0;
    await until('the download', 20_000, async () => ((await moved()) > 5_000_000 ? true : undefined));
    inserted.remove();
    const failed = await state('failed');
    assert.deepEqual(failed.failure, { code: 'card-removed' });
    assert.equal(failed.protectedTraffic, 'blocked');
    assert.equal(await answersPing(terminal, hostAddress), false);
    const afterwards = await moved();
    assert.equal(await answersPing(terminal, hostAddress), false);
    assert.equal(await moved(), afterwards);
    await download.stop('SIGKILL');
    const frames = await sniffer.stop();
    assert.deepEqual(clearFrames(frames), []);
    assert.match(stage.gateway.log(60), /received DELETE for IKE_SA/);

    inserted = await readers.insert(card);
    await answer(await prompt(), '123456');
    await state('connected');
    await ping(terminal, hostAddress);
  });

  test('wrong PINs: the tries are told; the last one wants a confirmation; then it is blocked', async () => {
    inserted?.remove();
    await state('failed');
    inserted = await readers.insert(card);
    const first = await prompt();
    assert.equal(first.triesLeft, 3);
    const other = await stage.office.terminal.attempt([
      ...['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'],
      ...[process.execPath, sealnicProgram, '--control', stage.client.controlSocket],
      ...['prompts', 'answer', first.id],
    ]);
    assert.notEqual(other.code, 0, 'another user');
    await answer(first, '000000');
    const second = await prompt(({ id }) => id !== first.id);
    assert.deepEqual([second.triesLeft, second.failure, second.lastTry], [2, 'wrong', false]);
    await answer(second, '000000');
    const third = await prompt(({ id }) => id !== first.id && id !== second.id);
    assert.deepEqual([third.triesLeft, third.lastTry], [1, true]);
    await assert.rejects(answer(third, '000000'));
    assert.equal(card.pin.tries, 1);
    await answer(third, '000000', true);
    assert.deepEqual((await state('failed')).failure, { code: 'card-blocked' });
    await stage.client.down('office');
  });

  test('another program unblocks the card, or spends a try: the next prompt knows', async () => {
    const connecting = () => stage.client.attempt(['up', 'office', '--secret-stdin'], '123456\n');
    assert.match((await connecting()).stderr, /PIN of the card that "office" needs is blocked/);
    await stage.client.down('office');
    card.pin.tries = 1;
    const last = await connecting();
    assert.notEqual(last.code, 0);
    assert.match(last.stderr, /last try/i);
    assert.equal(card.pin.tries, 1);
    await stage.client.down('office');
    card.pin.tries = 3;
    assert.equal((await connecting()).code, 0);
    await stage.client.down('office');
  });

  test('kept until re-authentication: the tunnel outlives the card', async () => {
    await stage.prepare(rowOf(['on_card_removal = "keep-until-reauthentication"']));
    await stage.client.run(['up', 'office', '--secret-stdin'], '123456\n');
    inserted?.remove();
    await when('the removal', ({ cards }) => (cards?.cards.length === 0 ? true : undefined));
    await ping(stage.office.terminal, stage.office.hostAddress);
    await stage.client.down('office');
    await stage.prepare(rowOf());
  });

  test('an RSA key', async () => {
    const rsa = await cardOf('rsa');
    inserted = await readers.insert(rsa);
    await seen();
    await stage.client.run(['up', 'office', '--secret-stdin'], '123456\n');
    await ping(stage.office.terminal, stage.office.hostAddress);
    await stage.client.down('office');
    inserted.remove();
    await when('the removal', ({ cards }) => (cards?.cards.length === 0 ? true : undefined));
  });

  test('a certificate of a subordinate authority: the gateway, which knows the root alone, is sent what lies between', async () => {
    const subordinate = await authority.createIntermediate('O=Office, CN=Office Cards CA');
    const below = await cardOf('ecdsa', subordinate);
    inserted = await readers.insert(below);
    await seen();
    const refused = await stage.client.attempt(['up', 'office', '--secret-stdin'], '123456\n');
    assert.equal(refused.code, 5, 'nobody knows the subordinate authority');
    await stage.client.down('office');
    await stage.client.putSecret('office cards', 'authority', subordinate.certificatePem);
    await stage.prepare(rowOf([], ['office authority', 'office cards']));
    await stage.client.run(['up', 'office', '--secret-stdin'], '123456\n');
    await ping(stage.office.terminal, stage.office.hostAddress);
    await stage.client.down('office');
    await stage.prepare(rowOf());
    inserted.remove();
    await when('the removal', ({ cards }) => (cards?.cards.length === 0 ? true : undefined));
  });

  test('a blank card: a key, a request that the authority signs, its certificate, a connection', async () => {
    const blank = new VirtualCard({ identifier: 'none' });
    inserted = await readers.insert(blank);
    await seen();
    const managementKey = defaultManagementKey.toString('hex');
    const file = (name: string) => join(stage.office.lab.directory, name);
    const setup = ['card', 'setup', '--subject', 'O=Office, CN=laptop', '--name', clientIdentity];
    const given = `${managementKey}\n123456\n`;
    await stage.client.run([...setup, '--request', file('laptop.csr'), '--secret-stdin'], given);
    writeFileSync(file('laptop.pem'), await authority.sign(file('laptop.csr')));
    await stage.client.run(['card', 'put-certificate', file('laptop.pem'), '--secret-stdin'], managementKey);
    const told = JSON.parse(await stage.client.run(['card', 'status', '--json']));
    assert.match(told.cards[0].keys[0].subject, /CN=laptop/);
    assert.match(told.cards[0].keys[0].issuer, /CN=Office CA/);
    await stage.client.run(['up', 'office', '--secret-stdin'], '123456\n');
    await ping(stage.office.terminal, stage.office.hostAddress);
    await stage.client.down('office');

    const again = await stage.client.attempt([...setup, '--secret-stdin'], given);
    assert.equal(again.code, 5);
    assert.match(again.stderr, /slot holds a certificate already/);
    const key = blank.keys.get(0x9a);
    await stage.client.run([...setup, '--replace', '--secret-stdin'], given);
    assert.notEqual(blank.keys.get(0x9a), key);
    assert.match(
      await stage.client.run(['card', 'test', '--secret-stdin'], '123456\n'),
      /the certificate confirms/,
    );
  });

  test('PINs: changed, wrong, blocked, unblocked; all of it said', async () => {
    await stage.client.run(['card', 'change-pin', '--secret-stdin'], '654321\n123456\n');
    const wrong = await stage.client.attempt(['card', 'test', '--secret-stdin'], '123456\n');
    assert.equal(wrong.code, 5);
    assert.match(await stage.client.run(['card', 'status']), /PIN: 2 tries left/);
    inserted!.card.pin.tries = 0;
    const blocked = await stage.client.attempt(['card', 'test', '--secret-stdin'], '654321\n');
    assert.match(blocked.stderr, /PIN of the card is blocked.*\n.*card unblock/);
    await stage.client.run(['card', 'unblock', '--secret-stdin'], '123456\n12345678\n');
    await stage.client.run(['card', 'test', '--secret-stdin'], '123456\n');
    inserted!.remove();
    await when('the removal', ({ cards }) => (cards?.cards.length === 0 ? true : undefined));
  });

  test('the card alone: its profile, with the wrapped secret and what it protects, connects', async () => {
    const key = await authority.issue('ecdsa', { subject: 'O=Office, CN=laptop' });
    card.put(
      'key-management',
      createPrivateKey(key.privateKeyPem),
      new X509Certificate(key.certificatePem).raw,
    );
    await stage.prepare({ profile: { authentication: { method: 'psk', secret: 'office' } } });
    const coming = async () => {
      inserted = await readers.insert(card);
      await seen();
    };
    await coming();
    const managementKey = defaultManagementKey.toString('hex');
    await stage.client.run(['card', 'store', 'office', '--secret-stdin'], managementKey);
    await stage.client.run(['profiles', 'remove', 'office']);
    await stage.client.run(['secrets', 'remove', 'office']);
    assert.match(await stage.client.run(['profiles', 'list']), /office/);
    await stage.client.run(['up', 'office', '--secret-stdin'], '123456\n');
    await ping(stage.office.terminal, stage.office.hostAddress);
    inserted?.remove();
    await state('failed');
    assert.doesNotMatch(await stage.client.run(['profiles', 'list']), /office/);
    assert.equal(await answersPing(stage.office.terminal, stage.office.hostAddress), false);
    await coming();
    await answer(await prompt(), '123456');
    await state('connected');
    await ping(stage.office.terminal, stage.office.hostAddress);
    await stage.client.down('office');

    // Whoever rewrites the gateway without the PIN has not got the secret that goes with it.
    inserted?.remove();
    await when('the removal', ({ cards }) => (cards?.cards.length === 0 ? true : undefined));
    const [tag, content] = [...card.objects].find(([each]) => each === 0x5fff53)!;
    const changed = content.slice();
    changed[changed.length - 1]! ^= 1;
    card.objects.set(tag, changed);
    await coming();
    const refused = await stage.client.attempt(['up', 'office', '--secret-stdin'], '123456\n');
    assert.equal(refused.code, 5);
    await stage.client.down('office');
    card.objects.set(tag, content);
    await stage.client.run(['card', 'erase', '--secret-stdin'], managementKey);
    await stage.client.putSecret('office', 'psk', officeSecret);
    await stage.prepare(rowOf());
    inserted?.remove();
    await when('the removal', ({ cards }) => (cards?.cards.length === 0 ? true : undefined));
  });

  test(`figures: ${repetitions} times in and out`, async (context) => {
    const toPrompt: number[] = [];
    const toConnected: number[] = [];
    const toWiped: number[] = [];
    inserted = await readers.insert(card);
    await seen();
    await stage.client.run(['up', 'office', '--secret-stdin'], '123456\n');
    for (let round = 0; round < repetitions; round++) {
      let from = performance.now();
      inserted.remove();
      await state('failed');
      toWiped.push(performance.now() - from);
      from = performance.now();
      inserted = await readers.insert(card);
      const asked = await prompt();
      toPrompt.push(performance.now() - from);
      from = performance.now();
      await answer(asked, '123456');
      await state('connected');
      toConnected.push(performance.now() - from);
    }
    const median = (values: number[]) =>
      `${Math.round(values.toSorted((a, b) => a - b)[repetitions / 2]!)} ms`;
    context.diagnostic(
      `medians of ${repetitions}: insertion to prompt ${median(toPrompt)}, PIN to connected ${median(toConnected)}, removal to keys wiped ${median(toWiped)}`,
    );
    await stage.client.down('office');
  });
});
