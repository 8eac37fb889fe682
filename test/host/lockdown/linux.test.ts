// Lockdown: the rules that a boot would load keep the computer shut, and go with the fail-closed configuration.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cannotRun } from '../namespace.ts';
import { failClosed, gateway, inner, mark, outside } from '../network/configurations.ts';
import { Office } from '../network/office.ts';

test('a computer that boots with lockdown is shut before any service runs', { skip: cannotRun }, async () => {
  const office = new Office();
  await office.laptop.during(async () => {
    const host = office.open();
    await host.applyFailClosed({ ...failClosed, lockdown: failClosed.protectedPrefixes });
    const rules = join(office.options.lockdownDirectory!, 'lockdown.nft');
    const unit = join(office.options.unitDirectory!, 'sealnic-lockdown.service');
    const wanted = join(office.options.unitDirectory!, 'sysinit.target.wants', 'sealnic-lockdown.service');
    assert.match(readFileSync(unit, 'utf8'), new RegExp(`ExecStart=.*nft -f ${rules}`));
    assert.equal(readlinkSync(wanted), '../sealnic-lockdown.service');
    assert.equal(statSync(rules).mode & 0o777, 0o600);

    // As after a boot: nothing but what the unit loads.
    office.laptop.run('nft flush ruleset');
    office.laptop.run('ip rule flush');
    office.laptop.ip('rule add lookup main priority 32766');
    assert.equal(office.reaches(inner[4]), true, 'positive control');
    const seen = office.seen(inner[4]);
    office.laptop.run(`nft -f ${rules}`);
    assert.equal(office.misses(inner[4]), true);
    assert.equal(office.misses(inner[6]), true);
    assert.equal(office.seen(inner[4]), seen);
    assert.equal(office.reaches(outside[4]), true);
    assert.equal(office.reaches(gateway[4], `-m ${mark}`), true);

    const next = office.open({ boot: 'the next one' });
    await next.undo({ keepFailClosed: true });
    assert.equal(existsSync(rules), true);
    assert.equal(office.misses(inner[4]), true);
    await next.applyFailClosed({ ...failClosed, lockdown: failClosed.protectedPrefixes });
    await next.removeFailClosed();
    for (const path of [rules, unit, wanted]) assert.equal(existsSync(path), false, path);
    assert.equal(office.reaches(inner[4]), true);
    assert.equal(office.laptop.run('nft list ruleset').trim(), '');
  });
});
