// New keys by either side, under steady traffic both ways: not one packet is lost.
import { after, before, describe, test } from 'node:test';
import { until } from './lab/command.ts';
import { assertLossless } from './lab/lossless.ts';
import { skipUnless } from './lab/requirements.ts';
import { Stage } from './lab/stage.ts';

describe('rekeying with strongSwan', { skip: skipUnless() }, () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open();
    await stage.prepare({});
    await stage.client.up('office');
  });
  after(async () => await stage?.close());

  const rows: readonly { name: string; rekey: () => Promise<void> }[] = [
    { name: 'the ESP SA, by us', rekey: () => stage.client.rekey('office', 'child') },
    { name: 'the ESP SA, by the gateway', rekey: () => stage.gateway.rekeyChild('office') },
    { name: 'the IKE SA, by us', rekey: () => stage.client.rekey('office', 'ike') },
    { name: 'the IKE SA, by the gateway', rekey: () => stage.gateway.rekeyIke('office') },
    {
      name: 'the ESP SA, by both at once',
      rekey: async () => {
        await Promise.all([stage.client.rekey('office', 'child'), stage.gateway.rekeyChild('office')]);
      },
    },
    {
      name: 'the ESP SA behind a rekeyed IKE SA, by us',
      rekey: () => stage.client.rekey('office', 'child'),
    },
  ];

  for (const { name, rekey } of rows) {
    test(name, async () => {
      try {
        const { terminal, hostAddress, gateway } = stage.office;
        await assertLossless(terminal, hostAddress, gateway, async () => {
          const identifiers = await spisOf(stage);
          await pause(500);
          await rekey();
          await until('new SPIs', 5000, async () => {
            return (await spisOf(stage)) === identifiers ? undefined : true;
          });
          // The old SAs are deleted and their lingering ends within this time.
          await pause(6500);
        });
      } catch (error) {
        throw stage.explained(error);
      }
    });
  }
});

/** The SPIs at the gateway, IKE's and ESP's, as one text. */
async function spisOf(stage: Stage): Promise<string> {
  const associations = await stage.gateway.associations();
  return [...associations.matchAll(/[0-9a-f]{16}_[ir]\*?|(?:in|out) {2}[0-9a-f]{8}/g)]
    .map(String)
    .sort()
    .join(' ');
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
