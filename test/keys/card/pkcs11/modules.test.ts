// Which files are loaded as modules, and that others never are: nothing of them runs.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { methods } from '../../../../main/control/schema.ts';
import { Pkcs11Cards } from '../../../../main/keys/card/pkcs11/pkcs11-cards.ts';
import { distrustFile } from '../../../../main/keys/card/pkcs11/trusted-file/index.ts';
import { SecretMemory } from '../../../../main/service/keying/secret-memory.ts';
import { cannotRunSoftHsm, softHsmModule } from '../../../fakes/card/softhsm.ts';

describe('files that are offered as PKCS#11 modules', { skip: cannotRunSoftHsm }, () => {
  let directory: string;
  const at = (name: string) => join(directory, name);
  before(() => {
    // Everybody may write to the system's folder for temporary files.
    directory = mkdtempSync('/var/lib/sealnic-modules-');
    chmodSync(directory, 0o755);
    copyFileSync(softHsmModule, at('good.so'));
    copyFileSync(softHsmModule, at('foreign.so'));
    chownSync(at('foreign.so'), 65534, 0);
    copyFileSync(softHsmModule, at('writable.so'));
    chmodSync(at('writable.so'), 0o664);
    symlinkSync(at('good.so'), at('link.so'));
    execFileSync('mkfifo', [at('fifo.so')]);
    for (const [name, mode] of [
      ['open', 0o777],
      ['sticky', 0o1777],
      ['shut', 0o755],
    ] as const) {
      mkdirSync(at(name));
      copyFileSync(softHsmModule, at(`${name}/module.so`));
      chmodSync(at(name), mode);
    }
    symlinkSync(at('shut'), at('by-link'));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  const refused: readonly [string, RegExp][] = [
    ['foreign.so', /does not belong to root/],
    ['writable.so', /others than root may write/],
    ['link.so', /is a link/],
    ['fifo.so', /no regular file/],
    ['shut', /no regular file/],
    ['missing.so', /cannot be read/],
    ['open/module.so', /lies below .*\/open, which others than root may write/],
    ['sticky/module.so', /lies below .*\/sticky/],
    ['by-link/module.so', /lies below .*\/by-link, which is no folder, or a link/],
    ['shut/../good.so', /no plain absolute path/],
  ];
  for (const [name, why] of refused) {
    test(`${name}: refused`, () => assert.match(distrustFile(`${directory}/${name}`) ?? 'taken', why));
  }
  test('a name without a path: refused, for the system would look for it', () => {
    assert.match(distrustFile('libsofthsm2.so') ?? 'taken', /no plain absolute path/);
  });
  test("root's own: taken", () => {
    assert.equal(distrustFile(at('good.so')), undefined);
    assert.equal(distrustFile(at('shut/module.so')), undefined);
  });
  test('what names them may lie in a sticky folder, not in an open one', () => {
    assert.equal(distrustFile(at('sticky/module.so'), true), undefined);
    assert.match(distrustFile(at('open/module.so'), true) ?? 'taken', /lies below/);
  });

  function open(modules: readonly string[], warnings: string[], user = 'nobody'): Pkcs11Cards {
    return new Pkcs11Cards({
      modules,
      user,
      environment: {},
      ignorePiv: true,
      memory: new SecretMemory(),
      schedule(milliseconds, call) {
        const timer = setTimeout(call, milliseconds);
        return () => clearTimeout(timer);
      },
      warn: (text) => warnings.push(text),
    });
  }

  test('no process is started for one that is refused', async () => {
    const warnings: string[] = [];
    const cards = open([at('foreign.so'), at('link.so'), at('fifo.so')], warnings);
    cards.start();
    assert.deepEqual(cards.processes, []);
    assert.equal(cards.state, 'no-library');
    assert.equal(warnings.length, 3);
    await cards.close();
  });

  describe('a module that acts as soon as it is loaded', () => {
    const mark = () => at('marks/mark');
    before(() => {
      mkdirSync(at('marks'));
      chmodSync(at('marks'), 0o777);
      const source = `#include <fcntl.h>
        __attribute__((constructor)) static void act(void) {
          open("${at('marks/mark')}", O_CREAT | O_WRONLY, 0644);
          open("${at('roots')}", O_CREAT | O_WRONLY, 0644);
        }`;
      const words = ['-shared', '-fPIC', '-x', 'c', '-o', at('hostile.so'), '-'];
      execFileSync('gcc', words, { input: source });
      for (const place of ['open', 'sticky']) copyFileSync(at('hostile.so'), at(`${place}/hostile.so`));
      copyFileSync(at('hostile.so'), at('given.so'));
      chownSync(at('given.so'), 65534, 0);
      symlinkSync(at('hostile.so'), at('hostile-link.so'));
    });

    test('acts nowhere where it is refused', async () => {
      const warnings: string[] = [];
      const names = ['given.so', 'hostile-link.so', 'open/hostile.so', 'sticky/hostile.so'];
      const cards = open(names.map(at), warnings);
      cards.start();
      await cards.close();
      assert.equal(warnings.length, names.length);
      assert.equal(existsSync(mark()), false);
    });

    test("acts without any right where root's configuration names it, and the service goes on", async () => {
      const warnings: string[] = [];
      const cards = open([at('hostile.so')], warnings);
      const told = Promise.withResolvers<void>();
      cards.onEvent(() => told.resolve());
      cards.start();
      await told.promise;
      await cards.close();
      assert.match(warnings[0]!, /cannot be loaded/);
      assert.notEqual(statSync(mark()).uid, 0);
      assert.equal(existsSync(at('roots')), false);
    });

    test('no client can name one', () => {
      for (const [name, { parameters }] of Object.entries(methods)) {
        const { error } = parameters.safeParse({ module: at('hostile.so') });
        const unknown = error?.issues.flatMap((issue) =>
          issue.code === 'unrecognized_keys' ? issue.keys : [],
        );
        assert.deepEqual(unknown, ['module'], name);
      }
    });
  });

  const library = ['/usr/lib/x86_64-linux-gnu/libz.so.1', '/usr/lib/aarch64-linux-gnu/libz.so.1'].find(
    existsSync,
  );
  for (const [what, path, user, state] of [
    ['a library that is no module', library, 'nobody', 'no-library'],
    ['a user that is not there', softHsmModule, 'nobody-at-all', 'no-service'],
    ["a user with root's rights", softHsmModule, 'root', 'no-service'],
  ] as const) {
    test(`${what}: nothing is loaded, and it is said`, { skip: path === undefined }, async () => {
      const warnings: string[] = [];
      const real = execFileSync('realpath', [path!]).toString().trim();
      const cards = open([real], warnings, user);
      const told = Promise.withResolvers<void>();
      if (state === 'no-library') cards.onEvent(() => told.resolve());
      const poll = setInterval(() => warnings.length > 0 && told.resolve(), 20);
      cards.start();
      await told.promise;
      clearInterval(poll);
      assert.equal(cards.state, state);
      assert.match(warnings[0]!, state === 'no-library' ? /cannot be loaded/ : /has ended/);
      await cards.close();
    });
  }
});
