// Path validation: what is accepted, and a table of hostile and broken chains with the problem each must end in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseCertificate } from '../../../main/keys/credentials/certificate.ts';
import { type PathResult, validatePath } from '../../../main/keys/credentials/path-validation.ts';
import {
  addressName,
  type CertificateOptions,
  defaultNotAfter,
  defaultNotBefore,
  directoryName,
  dnsName,
  duringValidity,
  ecKeys,
  emailName,
  integer,
  make,
  makeAuthority,
  nameConstraints,
  objectIdentifier,
  rsaKeys,
  sequence,
  tlv,
  uriName,
} from './certificate-maker.ts';

const root = makeAuthority();
const intermediate = root.issue({ subject: 'C=CH, O=Example, CN=Intermediate', authority: true });
const leaf = intermediate.issue({ names: [dnsName('vpn.example.org')] });

function validate(
  certificates: readonly Uint8Array[],
  authorities: readonly Uint8Array[] = [root.certificate],
  now: Date = duringValidity,
): PathResult {
  return validatePath(certificates, authorities, now);
}

function assertValid(result: PathResult): void {
  assert.ok(result.valid, result.valid ? '' : `${result.problem}: ${result.detail}`);
}

function assertProblem(result: PathResult, problem: string, detail: RegExp): void {
  assert.ok(!result.valid, 'the path was accepted');
  assert.equal(result.problem, problem, result.detail);
  assert.match(result.detail, detail);
}

/** A leaf with the options, directly below the root. */
const below = (options: CertificateOptions): PathResult => validate([root.issue(options).certificate]);

/** A leaf below an intermediate with the options. */
function belowAuthority(options: CertificateOptions, leafOptions: CertificateOptions = {}): PathResult {
  const authority = root.issue({ subject: 'CN=Sub', authority: true, ...options });
  return validate([authority.issue(leafOptions).certificate, authority.certificate]);
}

test('directly below the root, and below an intermediate that the peer sent', () => {
  assertValid(below({}));
  assertValid(validate([leaf.certificate, intermediate.certificate]));
});

test('an intermediate may be the trusted one; the root may be sent along; the order of the rest does not matter', () => {
  assertValid(validate([leaf.certificate], [intermediate.certificate]));
  assertValid(validate([leaf.certificate, intermediate.certificate, root.certificate]));
  const second = intermediate.issue({ subject: 'CN=Second', authority: true });
  const deep = second.issue({});
  assertValid(validate([deep.certificate, root.certificate, second.certificate, intermediate.certificate]));
  assertValid(validate([deep.certificate, intermediate.certificate, second.certificate]));
});

test('the other signature algorithms and key types', () => {
  const rsa = makeAuthority({ keys: rsaKeys(), subject: 'CN=RSA' });
  for (const algorithm of ['sha256', 'sha384', 'sha512', 'pss-sha256'] as const) {
    assertValid(validate([rsa.issue({ algorithm }).certificate], [rsa.certificate]));
  }
  for (const curve of ['P-256', 'P-384', 'P-521']) {
    const authority = makeAuthority({ keys: ecKeys(curve) });
    assertValid(
      validate(
        [authority.issue({ algorithm: 'sha384', keys: rsaKeys() }).certificate],
        [authority.certificate],
      ),
    );
  }
});

test('of two intermediates of one name, the one that signed is found', () => {
  const decoy = make({ subject: intermediate.subject, authority: true }, root, root.subject);
  assertValid(validate([leaf.certificate, decoy.certificate, intermediate.certificate]));
  assertProblem(validate([leaf.certificate, decoy.certificate]), 'untrusted', /was not signed with that key/);
});

test('of two paths, the valid one is found', () => {
  const keys = ecKeys();
  const expired = root.issue({
    subject: 'CN=Cross',
    authority: true,
    keys,
    notAfter: new Date('2027-01-01'),
  });
  const good = root.issue({ subject: 'CN=Cross', authority: true, keys });
  const end = good.issue({});
  assertValid(validate([end.certificate, expired.certificate, good.certificate]));
  assertProblem(
    validate([end.certificate, expired.certificate]),
    'expired',
    /"CN=Cross" was valid until 2027-01-01/,
  );
});

test('a peer certificate that is itself trusted needs no issuer, but all the rest', () => {
  const alone = make({ subject: 'CN=alone' }, ecKeys(), 'CN=elsewhere');
  assertValid(validate([alone.certificate], [alone.certificate]));
  const selfSigned = makeAuthority({ authority: false, subject: 'CN=self' });
  assertValid(validate([selfSigned.certificate], [root.certificate, selfSigned.certificate]));
  assertProblem(
    validate([selfSigned.certificate], [selfSigned.certificate], new Date('2040-01-01')),
    'expired',
    /2036-01-01/,
  );
  assertProblem(validate([selfSigned.certificate]), 'untrusted', /"CN=self" is self-signed/);
});

test('times: to the second, for the end entity, the intermediate and the authority', () => {
  const end = root.issue({}).certificate;
  assertValid(validate([end], undefined, defaultNotBefore));
  assertValid(validate([end], undefined, defaultNotAfter));
  const before = new Date(defaultNotBefore.getTime() - 1000);
  const after = new Date(defaultNotAfter.getTime() + 1000);
  assertProblem(validate([end], undefined, before), 'not-yet-valid', /clock of this computer/);
  assertProblem(validate([end], undefined, after), 'expired', /was valid until 2036-01-01 00:00 UTC/);
  const past = { notAfter: new Date('2029-01-01') };
  const future = { notBefore: new Date('2031-01-01') };
  assertProblem(below(past), 'expired', /vpn\.example\.org/);
  assertProblem(below(future), 'not-yet-valid', /vpn\.example\.org/);
  assertProblem(belowAuthority(past), 'expired', /CN=Sub/);
  assertProblem(belowAuthority(future), 'not-yet-valid', /CN=Sub/);
  const oldRoot = makeAuthority(past);
  assertProblem(validate([oldRoot.issue({}).certificate], [oldRoot.certificate]), 'expired', /CN=Root/);
  assertValid(below({ notAfter: new Date('2060-01-01') }));
});

test('an unknown issuer, and an authority of the same name with another key', () => {
  assertProblem(
    validate([leaf.certificate]),
    'untrusted',
    /issuer of .*"C=CH, O=Example, CN=Intermediate", is none/,
  );
  const stranger = makeAuthority();
  assertProblem(validate([stranger.issue({}).certificate]), 'untrusted', /was not signed with that key/);
  assertProblem(
    validate([root.issue({}).certificate], []),
    'untrusted',
    /is none of the profile's authorities/,
  );
});

test('who may be an authority', () => {
  assertProblem(
    belowAuthority({ authority: false, keyUsage: 0x04 }),
    'key-usage',
    /"CN=Sub" is no authority/,
  );
  const notAuthority = sequence();
  assertProblem(belowAuthority({ basicConstraints: notAuthority }), 'key-usage', /is no authority/);
  assertProblem(belowAuthority({ basicConstraints: 'none' }), 'key-usage', /is no authority/);
  assertProblem(belowAuthority({ keyUsage: 0x80 }), 'key-usage', /does not allow it to sign certificates/);
  assertValid(belowAuthority({ keyUsage: 'none' }));
  assertProblem(belowAuthority({ version: 1 }), 'key-usage', /is no authority/);
  const fakeRoot = makeAuthority({ authority: false });
  assertProblem(
    validate([fakeRoot.issue({}).certificate], [fakeRoot.certificate]),
    'key-usage',
    /no authority/,
  );
  const oldRoot = makeAuthority({ version: 1 });
  assertValid(validate([oldRoot.issue({}).certificate], [oldRoot.certificate]));
});

test('the end entity cannot issue: a leaf below a leaf', () => {
  const victim = leaf.issue({ subject: 'CN=evil' });
  assertProblem(
    validate([victim.certificate, leaf.certificate, intermediate.certificate]),
    'key-usage',
    /is no authority/,
  );
});

test('path length', () => {
  const short = makeAuthority({ pathLength: 0, subject: 'CN=Short' });
  assertValid(validate([short.issue({}).certificate], [short.certificate]));
  const sub = short.issue({ subject: 'CN=Sub', authority: true });
  assertProblem(
    validate([sub.issue({}).certificate, sub.certificate], [short.certificate]),
    'untrusted',
    /"CN=Short" allows 0 authorities below it, and there are 1/,
  );
  const limited = root.issue({ subject: 'CN=Limited', authority: true, pathLength: 0 });
  const beyond = limited.issue({ subject: 'CN=Beyond', authority: true });
  assertProblem(
    validate([beyond.issue({}).certificate, beyond.certificate, limited.certificate]),
    'untrusted',
    /allows 0 authorities/,
  );
  const rolledOver = make({ subject: 'CN=Limited', authority: true }, limited, 'CN=Limited');
  assertValid(validate([rolledOver.issue({}).certificate, rolledOver.certificate, limited.certificate]));
});

test('key usage and extended key usage of the end entity', () => {
  assertValid(below({ keyUsage: 0x80 }));
  assertValid(below({ keyUsage: 0x40 }));
  assertValid(below({ keyUsage: 'none' }));
  assertProblem(below({ keyUsage: 0x20 }), 'key-usage', /does not allow signatures/);
  for (const purpose of ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.8.2.2', '1.3.6.1.5.5.7.3.17', '2.5.29.37.0']) {
    assertValid(below({ purposes: ['1.3.6.1.5.5.7.3.4', purpose] }));
  }
  assertProblem(
    below({ purposes: ['1.3.6.1.5.5.7.3.3'] }),
    'key-usage',
    /does not allow it to be an IKE gateway/,
  );
  const client = root.issue({ purposes: ['1.3.6.1.5.5.7.3.2'] }).certificate;
  assertProblem(validate([client]), 'key-usage', /IKE gateway/);
  assertValid(validatePath([client], [root.certificate], duringValidity, 'client'));
});

test('weak signatures and keys', () => {
  const rsa = makeAuthority({ keys: rsaKeys(), subject: 'CN=RSA' });
  const issued = (options: CertificateOptions): PathResult =>
    validate([rsa.issue(options).certificate], [rsa.certificate]);
  assertProblem(issued({ algorithm: 'sha1' }), 'untrusted', /signed with SHA-1/);
  assertProblem(issued({ algorithm: 'md5' }), 'untrusted', /signed with MD5/);
  assertProblem(issued({ algorithm: 'pss-sha1' }), 'untrusted', /algorithm that is not accepted/);
  assertProblem(below({ algorithm: 'sha1' }), 'untrusted', /signed with SHA-1/);
  assertProblem(belowAuthority({ algorithm: 'sha1' }), 'untrusted', /"CN=Sub" is signed with SHA-1/);
  assertProblem(below({ keys: rsaKeys(1024) }), 'untrusted', /RSA key of 1024 bits/);
  assertProblem(belowAuthority({ keys: rsaKeys(1024) }), 'untrusted', /"CN=Sub" has an RSA key of 1024 bits/);
  assertProblem(below({ keys: ecKeys('secp256k1') }), 'untrusted', /curve secp256k1/);
  const selfSignedWithSha1 = makeAuthority({ algorithm: 'sha1', keys: rsaKeys(), subject: 'CN=Old' });
  assertValid(validate([selfSignedWithSha1.issue({}).certificate], [selfSignedWithSha1.certificate]));
});

test('critical extensions that are not understood', () => {
  const unknown = { id: '1.2.3.4', value: tlv(5) };
  assertValid(below({ extensions: [unknown] }));
  assertProblem(
    below({ extensions: [{ ...unknown, critical: true }] }),
    'untrusted',
    /not understood: 1\.2\.3\.4/,
  );
  assertProblem(belowAuthority({ extensions: [{ ...unknown, critical: true }] }), 'untrusted', /"CN=Sub"/);
  const policies = {
    id: '2.5.29.32',
    critical: true,
    value: sequence(sequence(objectIdentifier('2.5.29.32.0'))),
  };
  assertValid(below({ extensions: [policies] }));
  const explicitPolicy = { id: '2.5.29.36', critical: true, value: sequence(tlv(0x80, Uint8Array.of(0))) };
  assertProblem(belowAuthority({ extensions: [explicitPolicy] }), 'untrusted', /2\.5\.29\.36/);
});

test('name constraints', () => {
  const constrained = (
    permitted: readonly Uint8Array[],
    excluded: readonly Uint8Array[],
    names: readonly Uint8Array[],
    subject = '',
  ): PathResult => belowAuthority({ extensions: [nameConstraints(permitted, excluded)] }, { names, subject });
  const forbidden = (result: PathResult, name: RegExp): void => {
    assertProblem(result, 'untrusted', /"CN=Sub" may not vouch for .* \(name constraints\)/);
    assertProblem(result, 'untrusted', name);
  };
  const example = [dnsName('example.org')];
  assertValid(constrained(example, [], [dnsName('vpn.example.org')]));
  assertValid(constrained(example, [], [dnsName('EXAMPLE.ORG')]));
  assertValid(constrained(example, [], [addressName(192, 0, 2, 1)]));
  forbidden(constrained(example, [], [dnsName('notexample.org')]), /notexample/);
  forbidden(constrained(example, [], [dnsName('vpn.example.org'), dnsName('evil.com')]), /evil/);
  forbidden(constrained([], example, [dnsName('vpn.example.org')]), /vpn/);
  assertValid(constrained([], example, [dnsName('vpn.example.com')]));
  forbidden(constrained([], [dnsName('')], [dnsName('vpn.example.com')]), /vpn/);

  const net = [addressName(192, 0, 2, 0, 255, 255, 255, 0)];
  assertValid(constrained(net, [], [addressName(192, 0, 2, 77)]));
  forbidden(constrained(net, [], [addressName(192, 0, 3, 77)]), /192\.0\.3\.77/);
  forbidden(constrained(net, [], [addressName(...Array<number>(16).fill(1))]), /address/);
  forbidden(constrained([], net, [addressName(192, 0, 2, 77)]), /192\.0\.2\.77/);

  assertValid(constrained([emailName('example.org')], [], [emailName('a@example.org')]));
  forbidden(constrained([emailName('example.org')], [], [emailName('a@sub.example.org')]), /a@sub/);
  assertValid(constrained([emailName('.example.org')], [], [emailName('a@sub.example.org')]));
  forbidden(constrained([emailName('a@example.org')], [], [emailName('b@example.org')]), /b@/);
  forbidden(constrained([emailName('example.org')], [], [], 'CN=x, E=a@evil.com'), /a@evil\.com/);

  const organisation = [directoryName('C=CH, O=Example')];
  assertValid(constrained(organisation, [], [], 'C=CH, O=EXAMPLE, CN=vpn'));
  forbidden(constrained(organisation, [], [], 'C=CH, O=Other, CN=vpn'), /O=Other/);
  forbidden(constrained([], organisation, [], 'C=CH, O=Example, CN=vpn'), /O=Example/);
  forbidden(constrained(organisation, [], [directoryName('C=DE, O=x')]), /C=DE/);

  forbidden(constrained([uriName('example.org')], [], [uriName('http://example.org/')]), /cannot be checked/);
  assertValid(constrained([uriName('example.org')], [], [dnsName('anything')]));
});

test('name constraints reach below further authorities and bind the root', () => {
  const narrow = makeAuthority({
    extensions: [nameConstraints([dnsName('example.org')], [])],
    subject: 'CN=Narrow',
  });
  const sub = narrow.issue({ subject: 'CN=Sub', authority: true });
  const chain = (name: string): PathResult =>
    validate([sub.issue({ names: [dnsName(name)] }).certificate, sub.certificate], [narrow.certificate]);
  assertValid(chain('vpn.example.org'));
  assertProblem(chain('vpn.evil.com'), 'untrusted', /"CN=Narrow" may not vouch for "vpn\.evil\.com"/);
});

test('what cannot be read', () => {
  const good = root.issue({}).certificate;
  const broken: [string, Uint8Array][] = [
    ['garbage', Uint8Array.of(1, 2, 3)],
    ['empty', new Uint8Array()],
    ['cut', good.subarray(0, good.length - 1)],
    ['trailing byte', Uint8Array.of(...good, 0)],
    ['huge', tlv(0x30, new Uint8Array(40_000))],
    ['nested', Uint8Array.from({ length: 30_000 }, (_, index) => (index % 2 ? 0x80 : 0x30))],
    ['another algorithm inside', root.issue({ innerAlgorithm: 'sha384' }).certificate],
    [
      'an extension twice',
      root.issue({ extensions: [{ id: '2.5.29.15', value: tlv(3, Uint8Array.of(0, 0x80)) }] }).certificate,
    ],
    ['malformed constraints', root.issue({ basicConstraints: integer(1) }).certificate],
    ['an address of 5 bytes', root.issue({ names: [addressName(1, 2, 3, 4, 5)] }).certificate],
  ];
  for (const [what, der] of broken) {
    const result = validate([der]);
    assert.equal(result.valid ? 'valid' : result.problem, 'malformed', what);
  }
  assertProblem(validate([]), 'malformed', /sent no certificate/);
  assertValid(validate([good, Uint8Array.of(1, 2, 3)]));
});

test('a changed byte anywhere is never accepted', () => {
  const good = root.issue({ names: [dnsName('vpn.example.org')] }).certificate;
  for (let index = 0; index < good.length; index += 1) {
    const changed = Uint8Array.from(good);
    changed[index]! ^= 1 << (index % 8);
    assert.ok(!validate([changed]).valid, `byte ${index}`);
  }
});

test('mutated certificates are refused without an exception', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(leaf.certificate.length - 1), fc.integer({ min: 1, max: 255 })), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.boolean(),
      (changes, deep) => {
        const changed = Uint8Array.from(leaf.certificate);
        for (const [index, change] of changes) changed[index]! ^= change;
        parseCertificate(changed);
        const result = validate(deep ? [leaf.certificate, changed] : [changed, intermediate.certificate]);
        assert.ok(!result.valid || Buffer.from(changed).equals(leaf.certificate));
      },
    ),
    { seed: 6, numRuns: 300 },
  );
});

test('the work for one peer is bounded', () => {
  const many = Array.from({ length: 17 }, () => leaf.certificate);
  assertProblem(validate(many), 'malformed', /17 certificates; 16 at most/);
  const keys = ecKeys();
  const loop = Array.from({ length: 15 }, () =>
    make({ subject: 'CN=L', authority: true, keys }, { ...keys }, 'CN=L'),
  );
  const end = make({ subject: 'CN=end' }, keys, 'CN=L');
  assertProblem(validate([end.certificate, ...loop.map(({ certificate }) => certificate)]), 'untrusted', /./);

  let chain = root;
  const certificates: Uint8Array[] = [];
  const ofDepth = (depth: number): PathResult => {
    while (certificates.length < depth) {
      chain = chain.issue({ subject: `CN=Depth ${certificates.length + 1}`, authority: true });
      certificates.unshift(chain.certificate);
    }
    return validate([chain.issue({}).certificate, ...certificates]);
  };
  assertValid(ofDepth(7));
  assertProblem(ofDepth(8), 'untrusted', /"CN=Depth 1"/);
});
