// A stage for rows: our service in the terminal, strongSwan as the gateway, servers on the protected host. A row connects,
// exercises the tunnel, disconnects, and finds the terminal as it was and nothing in the clear on the link.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describeFrame, type Frame } from './capture.ts';
import { type GatewayChoice, gatewaySettings, officeSecret } from './gateway.ts';
import { type NetworkSnapshot, type Office, openOffice, takeSnapshot } from './office.ts';
import { type ProfileChoice, profileText } from './profile.ts';
import { SealNic } from './sealnic.ts';
import { Sniffer } from './sniffer.ts';
import { Charon, type CharonOptions } from './strongswan.ts';
import { exerciseTunnel, startServers } from './traffic.ts';
import { keyLogSettings } from './wire-reader.ts';

export interface RowChoice {
  readonly gateway?: GatewayChoice;
  readonly profile?: Omit<ProfileChoice, 'gatewayAddress'> & { readonly gatewayAddress?: string };
}

export interface StageOptions {
  readonly nat?: boolean;
  readonly keyLog?: boolean;
  readonly client?: Parameters<typeof SealNic.start>[2];
}

export class Stage {
  readonly office: Office;
  readonly gateway: Charon;
  readonly client: SealNic;

  private constructor(office: Office, gateway: Charon, client: SealNic) {
    this.office = office;
    this.gateway = gateway;
    this.client = client;
  }

  static async open(options: StageOptions = {}): Promise<Stage> {
    const office = await openOffice({ nat: options.nat === true });
    try {
      await startServers(office.host);
      const gateway = await Charon.start(office.gateway, {
        swanctl: gatewaySettings(),
        ...(options.keyLog === true ? { charon: keyLogSettings(keyLogFileOf(office)) } : {}),
      });
      const client = await SealNic.start(office.terminal, 'debug', options.client);
      await client.putSecret('office', 'psk', officeSecret);
      return new Stage(office, gateway, client);
    } catch (error) {
      await office.lab.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.client.stop();
    await this.gateway.stop();
    await this.office.lab.close();
  }

  /** Brings gateway and profile "office" to what the row says. */
  async prepare(choice: RowChoice, files?: CharonOptions['files']): Promise<void> {
    await this.gateway.load({
      swanctl: gatewaySettings(choice.gateway),
      ...(files === undefined ? {} : { files }),
    });
    const profile = { gatewayAddress: this.office.gatewayAddress, ...choice.profile };
    await this.client.importProfile('office', profileText(profile));
  }

  /** A whole row; `during` runs while the tunnel is up, after it was exercised. */
  async row(choice: RowChoice, during?: () => Promise<void>): Promise<void> {
    await this.prepare(choice);
    const before = await takeSnapshot(this.office.terminal);
    const sniffer = await this.sniff();
    try {
      const status = await this.client.up('office');
      assert.equal(status.state, 'connected');
      await exerciseTunnel(this.office.terminal, this.office.hostAddress);
      await during?.();
      await this.client.down('office');
    } catch (error) {
      await sniffer.stop();
      await this.client.attempt(['down', 'office']);
      throw this.explained(error);
    }
    const frames = await sniffer.stop();
    assert.deepEqual(clearFrames(frames), [], 'nothing in the clear');
    assert.ok(frames.filter((frame) => frame.kind === 'esp-in-udp' || frame.kind === 'esp').length > 100);
    await this.assertAsBefore(before);
  }

  async sniff(snapBytes = 128): Promise<Sniffer> {
    const { namespace, interfaceName } = this.office.link;
    return await Sniffer.start(namespace, interfaceName, { snapBytes });
  }

  async assertAsBefore(before: NetworkSnapshot): Promise<void> {
    assert.deepEqual(await takeSnapshot(this.office.terminal), before, 'the terminal is as it was');
  }

  /** The error with the ends of both logs, for whoever reads the test's report. */
  explained(error: unknown): Error {
    const tail = (text: string) => text.split('\n').slice(-40).join('\n');
    const message = error instanceof Error ? error.message : String(error);
    return new Error(
      `${message}\n--- service\n${tail(this.client.log())}\n--- charon\n${this.gateway.log(40)}`,
      {
        cause: error,
      },
    );
  }

  get keyLogFile(): string {
    return keyLogFileOf(this.office);
  }
}

function keyLogFileOf(office: Office): string {
  return join(office.lab.directory, 'charon-keys.log');
}

/** Lines for the frames that carry a protected or a virtual address outside of ESP. */
export function clearFrames(frames: readonly Frame[]): readonly string[] {
  const inside = (address: string) =>
    address.startsWith('10.1.') || address.startsWith('10.9.') || address.startsWith('fd01:');
  return frames
    .filter((frame) => frame.kind === 'clear' && (inside(frame.source) || inside(frame.destination)))
    .slice(0, 20)
    .map(describeFrame);
}
