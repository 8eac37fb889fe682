// Certificates on both sides: RSA and ECDSA, chains, and those that must not be accepted.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CertificateAuthority, type Credential, type KeyKind } from './lab/certificates.ts';
import { clientIdentity, type GatewayChoice, gatewayIdentity } from './lab/gateway.ts';
import type { ProfileAuthentication } from './lab/profile.ts';
import { skipUnless } from './lab/requirements.ts';
import { Stage } from './lab/stage.ts';

describe('certificates with strongSwan', { skip: skipUnless() }, () => {
  let stage: Stage;
  const authorities = new Map<KeyKind, CertificateAuthority>();
  before(async () => {
    stage = await Stage.open();
    for (const kind of ['rsa', 'ecdsa'] as const) {
      const directory = join(stage.office.lab.directory, `authority-${kind}`);
      authorities.set(kind, await CertificateAuthority.create(directory, kind));
    }
  });
  after(async () => await stage?.close());

  /** Gives both sides their credentials and the row's choice. */
  async function prepare(
    server: Credential,
    serverAuthorities: readonly CertificateAuthority[],
    client: Credential,
    clientAuthority: CertificateAuthority,
    trusted: CertificateAuthority,
  ): Promise<{ gateway: GatewayChoice; profile: { authentication: ProfileAuthentication } }> {
    const files: Record<string, string> = {
      'x509/gateway.pem': server.certificatePem,
      'private/gateway.pem': server.privateKeyPem,
      'x509ca/clients.pem': clientAuthority.certificatePem,
    };
    for (const [at, each] of serverAuthorities.entries()) files[`x509ca/own-${at}.pem`] = each.certificatePem;
    const choice = {
      gateway: {
        authentication: { method: 'certificate', certificate: 'gateway.pem', authority: 'clients.pem' },
      },
      profile: {
        authentication: {
          method: 'certificate',
          certificate: 'laptop certificate',
          privateKey: 'laptop key',
          authorities: ['office authority'],
        },
      },
    } as const;
    await stage.client.putSecret('laptop certificate', 'certificate', client.certificatePem);
    await stage.client.putSecret('laptop key', 'private-key', client.privateKeyPem);
    await stage.client.putSecret('office authority', 'authority', trusted.certificatePem);
    await stage.prepare(choice, files);
    return choice;
  }

  async function laptop(kind: KeyKind): Promise<Credential> {
    return await authorities.get(kind)!.issue(kind, {
      subject: 'O=Office, CN=laptop',
      alternativeName: clientIdentity,
      extendedUse: ['clientAuth'],
    });
  }

  const gatewayWishes = {
    subject: 'O=Office, CN=vpn',
    alternativeName: gatewayIdentity,
    extendedUse: ['serverAuth'],
  } as const;

  for (const kind of ['rsa', 'ecdsa'] as const) {
    test(`${kind} on both sides`, async () => {
      const authority = authorities.get(kind)!;
      const server = await authority.issue(kind, gatewayWishes);
      const choice = await prepare(server, [authority], await laptop(kind), authority, authority);
      await stage.row(choice, async () => {
        assert.match(stage.gateway.log(400), new RegExp(kind === 'rsa' ? 'RSA_EMSA|RSA' : 'ECDSA'));
      });
    });
  }

  test('an ECDSA laptop at an RSA gateway behind an intermediate authority', async () => {
    const root = authorities.get('rsa')!;
    const intermediate = await root.createIntermediate('O=Office, CN=Office Servers CA');
    const server = await intermediate.issue('rsa', gatewayWishes);
    const choice = await prepare(
      server,
      [intermediate, root],
      await laptop('ecdsa'),
      authorities.get('ecdsa')!,
      root,
    );
    await stage.row(choice);
  });

  const refused: readonly {
    name: string;
    words: RegExp;
    server: () => Promise<readonly [Credential, CertificateAuthority]>;
    trusted?: () => Promise<CertificateAuthority>;
  }[] = [
    {
      name: 'of an authority that we do not trust',
      words: /trust|authority/i,
      server: async () => {
        const authority = authorities.get('ecdsa')!;
        return [await authority.issue('ecdsa', gatewayWishes), authority];
      },
      trusted: async () =>
        await CertificateAuthority.create(
          join(stage.office.lab.directory, 'authority-other'),
          'ecdsa',
          'O=Other, CN=Other CA',
        ),
    },
    {
      name: 'that has expired',
      words: /expired/i,
      server: async () => {
        const authority = authorities.get('ecdsa')!;
        const dates = { validFromDays: -20, validToDays: -2 };
        return [await authority.issue('ecdsa', { ...gatewayWishes, ...dates }), authority];
      },
    },
    {
      name: 'of another name',
      words: /name|identity|refused|authenticate/i,
      server: async () => {
        const authority = authorities.get('ecdsa')!;
        const wishes = { ...gatewayWishes, alternativeName: 'someone-else.test' };
        return [await authority.issue('ecdsa', wishes), authority];
      },
    },
    {
      name: 'that is no server’s',
      words: /certificate|server|use/i,
      server: async () => {
        const authority = authorities.get('ecdsa')!;
        return [await authority.issue('ecdsa', { ...gatewayWishes, extendedUse: ['clientAuth'] }), authority];
      },
    },
  ];

  for (const { name, words, server, trusted } of refused) {
    test(`a gateway’s certificate ${name} is refused`, async () => {
      const [credential, authority] = await server();
      const client = await laptop('ecdsa');
      const anchor = (await trusted?.()) ?? authority;
      await prepare(credential, [authority], client, authorities.get('ecdsa')!, anchor);
      const outcome = await stage.client.attempt(['up', 'office']);
      await stage.client.run(['down', 'office']);
      try {
        assert.equal(outcome.code, 5, outcome.stderr);
        assert.match(outcome.stderr, words);
      } catch (error) {
        throw stage.explained(error);
      }
    });
  }

  test('a laptop’s certificate that the gateway does not trust', async () => {
    const authority = authorities.get('ecdsa')!;
    const server = await authority.issue('ecdsa', gatewayWishes);
    await prepare(server, [authority], await laptop('rsa'), authority, authority);
    const outcome = await stage.client.attempt(['up', 'office']);
    await stage.client.run(['down', 'office']);
    assert.equal(outcome.code, 5, outcome.stderr);
    assert.match(outcome.stderr, /refused/);
  });
});
