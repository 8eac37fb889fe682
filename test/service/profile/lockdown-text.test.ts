// Lockdown is switched in a profile's text, and nothing else of it changes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withLockdown } from '../../../main/service/profile/lockdown-text.ts';
import { parseProfile } from '../../../main/service/profile/parse.ts';

const tables = `[gateway]
address = "vpn.example.org" # the old one

[authentication]
method = "psk"
secret = "office"
`;

test('whatever the text is, it says afterwards what was asked for', () => {
  const texts = [
    tables,
    `# a remark\n\n${tables}`,
    `networks = [\n  "10.1.0.0/16",\n]\n\n${tables}`,
    `lockdown = false # not yet\nretry = true\n${tables}`,
    `retry = true\n  lockdown=true\n${tables}`,
  ];
  for (const text of texts) {
    for (const on of [true, false]) {
      const changed = withLockdown(text, on);
      const profile = parseProfile(changed, 'office');
      assert.equal(profile.failClosed.lockdown, on, changed);
      assert.deepEqual(
        { ...profile, failClosed: undefined },
        { ...parseProfile(text, 'office'), failClosed: undefined },
      );
      assert.ok(changed.endsWith(tables), changed);
      assert.equal(withLockdown(changed, on), changed);
    }
  }
  assert.match(withLockdown(texts[3]!, true), /^lockdown = true # not yet\nretry = true\n/);
  assert.match(withLockdown(texts[1]!, true), /^# a remark\nlockdown = true\n\n\[gateway\]/);
});
