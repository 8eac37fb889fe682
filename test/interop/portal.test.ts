// A captive portal between the terminal and its gateway: told as what it is, opened for the sign-in alone, and gone
// again within seconds of its opening.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from './lab/command.ts';
import { skipUnless } from './lab/requirements.ts';
import { labFirewallTable } from './lab/sealnic.ts';
import { Stage } from './lab/stage.ts';
import { answersPing, fetchPage, ping } from './lab/traffic.ts';

const portalScript = fileURLToPath(new URL('lab/scripts/portal.ts', import.meta.url));
/** A server on the Internet that is asked, and the portal's own. */
const known = '203.0.113.80';
const portal = '198.51.100.80';
const page = `http://${portal}:8080/login?from=office`;
const limit = 30_000;

describe('captive portals with strongSwan', { skip: skipUnless() }, () => {
  let stage: Stage;
  before(async () => {
    const configuration = [
      '[captive_portal]',
      `questions = [{ url = "http://${known}/check", text = "success" }]`,
    ];
    stage = await Stage.open({ nat: true, client: { configuration } });
    const { gateway, router } = stage.office;
    await gateway.ip(`addr add ${known}/32 dev lo`);
    await router!.ip(`addr add ${portal}/32 dev lo`, `route add ${known} via 192.0.2.1`);
    const honest = gateway.start([
      process.execPath,
      '-e',
      "require('node:http').createServer((_, answer) => answer.end('success\\n')).listen(80, () => console.log('ready'))",
    ]);
    const captive = router!.start([process.execPath, portalScript, page]);
    await Promise.all([honest.says('ready'), captive.says('ready')]);
    await stage.prepare({ gateway: { networks: '0.0.0.0/0' }, profile: { networks: '"everything"' } });
  });
  after(async () => await stage?.close());
  beforeEach(async () => await stage.client.attempt(['down', 'office']));

  async function shutPortal(): Promise<void> {
    const rules = [
      'table ip portal {',
      ' chain pre { type nat hook prerouting priority -100; iifname "inside" tcp dport 80 redirect to :8081; }',
      ' chain forward { type filter hook forward priority 0; iifname "inside" udp dport { 500, 4500 } drop; }',
      '}',
    ];
    await stage.office.router!.run(['nft', '-f', '-'], { input: `${rules.join('\n')}\n` });
  }

  async function openPortal(): Promise<void> {
    await stage.office.router!.run(['nft', 'delete', 'table', 'ip', 'portal']);
  }

  async function reaches(state: string, reason?: string) {
    return await until(
      `${state} ${reason ?? ''}`,
      limit,
      async () => {
        const connection = await stage.client.connection('office');
        const fits =
          connection?.state === state && (reason === undefined || connection.failure?.code === reason);
        return fits ? connection : undefined;
      },
      100,
    ).catch((error: unknown) => Promise.reject(stage.explained(error)));
  }

  const firewall = () => stage.office.terminal.run(['nft', 'list', 'table', 'inet', labFirewallTable]);

  async function timed(context: TestContext, what: string, work: () => Promise<unknown>): Promise<void> {
    const began = performance.now();
    await work();
    context.diagnostic(`${what}: ${Math.round(performance.now() - began)} ms`);
  }

  test('at the first attempt: named, let through for the sign-in, and connected once it opens', async (context) => {
    const { terminal } = stage.office;
    await shutPortal();
    await timed(context, 'until the command says so', async () => {
      const outcome = await stage.client.attempt(['up', 'office']);
      assert.equal(outcome.code, 6, outcome.stderr);
      assert.match(outcome.stderr, /sign-in/);
      assert.ok(outcome.stderr.includes(page), outcome.stderr);
    });
    const status = await reaches('connecting', 'captive-portal');
    assert.equal(status.protectedTraffic, 'blocked');
    assert.equal(await fetchPage(terminal, portal, 8080), undefined, 'the page is behind the block');

    const allowed = await stage.client.run(['portal', 'office']);
    assert.ok(allowed.includes(page), allowed);
    assert.equal(await fetchPage(terminal, portal, 8080), 'please sign in\n');
    assert.equal(await fetchPage(terminal, known, 80), undefined, 'nothing but the page');
    assert.equal(await answersPing(terminal, portal), false);
    assert.match(
      await firewall(),
      /meta time < .* ip daddr 198\.51\.100\.80 tcp dport \{ 80, 443, 8080 \} accept/,
    );

    await openPortal();
    await timed(context, 'from its opening to connected', () => reaches('connected'));
    await ping(terminal, stage.office.hostAddress);
    assert.doesNotMatch(await firewall(), /198\.51\.100\.80|203\.0\.113\.80|meta time/, 'nothing stays open');
    await stage.client.down('office');
  });

  test('in the middle of a connection', async (context) => {
    const { terminal, router } = stage.office;
    await stage.client.up('office');
    await shutPortal();
    await router!.ip('link set dev inside down');
    await reaches('reconnecting', 'no-network');
    await router!.ip('link set dev inside up');
    await timed(context, 'until it says so', () => reaches('reconnecting', 'captive-portal'));
    assert.equal(await fetchPage(terminal, portal, 8080), undefined);
    await stage.client.run(['portal', 'office']);
    assert.equal(await fetchPage(terminal, portal, 8080), 'please sign in\n');
    assert.equal(await answersPing(terminal, stage.office.hostAddress), false);
    await openPortal();
    await timed(context, 'from its opening to connected', () => reaches('connected'));
    await ping(terminal, stage.office.hostAddress);
    await stage.client.down('office');
  });

  test('a gateway that is silent for another reason is not taken for a portal', async () => {
    stage.gateway.signal('SIGSTOP');
    try {
      const outcome = await stage.client.attempt(['up', 'office']);
      assert.equal(outcome.code, 6);
      assert.match(outcome.stderr, /did not answer/);
      const refused = await stage.client.attempt(['portal', 'office']);
      assert.equal(refused.code, 1);
    } finally {
      stage.gateway.signal('SIGCONT');
    }
  });
});
