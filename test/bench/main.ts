// `npm run bench`: our tunnel and others on the same two namespaces in one run, as absolute figures and as ratios;
// then the desktop app.
import { parseArgs } from 'node:util';
import { whatIsMissing } from '../interop/lab/requirements.ts';
import { type Contender, openPair } from './contenders/contender.ts';
import { openVpn } from './contenders/openvpn.ts';
import { sealnicBothEnds, sealnicToStrongSwan } from './contenders/sealnic.ts';
import { strongSwanUserSpace } from './contenders/strongswan.ts';
import { plainVeth } from './contenders/veth.ts';
import { wireguardGo } from './contenders/wireguard.ts';
import { desktopIsMissing, measureDesktop, renderDesktop } from './desktop.ts';
import { type MeasureOptions, measure } from './measure.ts';
import { type Outcome, renderReport } from './report.ts';

const contenders: readonly Contender[] = [
  plainVeth,
  sealnicBothEnds,
  sealnicToStrongSwan,
  strongSwanUserSpace,
  wireguardGo,
  openVpn,
];

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '5' },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  process.stdout.write('Usage: bench [--json] [--seconds N] [--only "name,name"]\n');
  process.exit(0);
}

const seconds = Number(values.seconds);
const options: MeasureOptions = {
  tcpSeconds: seconds,
  udpSeconds: Math.min(seconds, 1),
  connections: 5,
  progress: (what) => process.stderr.write(`  ${what}\n`),
};
const wanted = values.only?.split(',');
const isWanted = (name: string) =>
  wanted === undefined || wanted.some((each) => name.toLowerCase().includes(each.toLowerCase()));
const outcomes: Outcome[] = [];
for (const contender of contenders) {
  if (!isWanted(contender.name)) continue;
  process.stderr.write(`measuring ${contender.name} …\n`);
  outcomes.push(await measureContender(contender));
}
const desktop = isWanted('desktop') ? await desktopFigures() : undefined;
if (values.json) process.stdout.write(`${JSON.stringify({ tunnels: outcomes, desktop }, undefined, 2)}\n`);
else {
  if (outcomes.length > 0)
    process.stdout.write(renderReport(outcomes, [plainVeth.name, strongSwanUserSpace.name]));
  if (desktop !== undefined)
    process.stdout.write(
      'unavailable' in desktop ? `Desktop app: ${desktop.unavailable}\n` : renderDesktop(desktop),
    );
}

async function desktopFigures() {
  process.stderr.write('measuring the desktop app …\n');
  const unavailable = await desktopIsMissing();
  return unavailable === undefined ? await measureDesktop(options.progress) : { unavailable };
}

async function measureContender(contender: Contender): Promise<Outcome> {
  const missing = whatIsMissing(['ip', 'nft', 'iperf3', 'python3', 'ping', ...contender.programs]);
  if (missing !== undefined) return { name: contender.name, unavailable: missing };
  const pair = await openPair();
  try {
    const open = await contender.open(pair);
    const figures = await measure(pair, open, options);
    await open.close?.();
    return { name: contender.name, figures };
  } catch (error) {
    return { name: contender.name, unavailable: `failed: ${error instanceof Error ? error.message : error}` };
  } finally {
    await pair.lab.close();
  }
}
