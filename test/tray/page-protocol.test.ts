// The pages' protocol serves the files of its folder, under the policy, and nothing else.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { contentSecurityPolicy, pageResponse, startPage } from '../../main/tray/page-protocol.ts';

test('pages', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sealnic-pages-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const pages = join(directory, 'pages');
  mkdirSync(join(pages, 'assets'), { recursive: true });
  writeFileSync(join(pages, 'index.html'), '<!doctype html>');
  writeFileSync(join(pages, 'assets', 'index.js'), '1');
  writeFileSync(join(pages, 'key.pem'), 'no type of ours');
  writeFileSync(join(directory, 'outside.html'), 'outside');

  await t.test('a file comes with its type and the policy', async () => {
    const response = await pageResponse(pages, startPage, 'GET');
    assert.equal(response.status, 200);
    assert.equal(await response.text(), '<!doctype html>');
    assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8');
    assert.equal(response.headers.get('content-security-policy'), contentSecurityPolicy);
    const script = await pageResponse(pages, 'sealnic://app/assets/index.js?x#y', 'GET');
    assert.equal(script.headers.get('content-type'), 'text/javascript; charset=utf-8');
  });

  await t.test('everything else is not there', async () => {
    for (const address of [
      'sealnic://app/',
      'sealnic://app/none.html',
      'sealnic://app/key.pem',
      'sealnic://app/../outside.html',
      'sealnic://app/%2e%2e/outside.html',
      'sealnic://app/assets/..%2f..%2foutside.html',
      'sealnic://app/%00.html',
      'sealnic://app/%',
      'sealnic://other/index.html',
      'file:///etc/passwd',
      'nonsense',
    ]) {
      const response = await pageResponse(pages, address, 'GET');
      assert.equal(response.status, 404, address);
      assert.equal(await response.text(), '');
    }
    assert.equal((await pageResponse(pages, startPage, 'POST')).status, 404);
  });
});
