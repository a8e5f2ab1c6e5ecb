import { describe, expect, it } from 'vitest';
import { instanceIds } from '../../../functions/shared/names.ts';
import { runIdOf } from '../../../lib/catalog/identifiers.ts';

const vmKey = '0123456789abcdef01234567';
const at = new Date('2026-11-23T18:15:01Z');
const diskKey = '0123456789abcdef';
const pointId = 'p-20261123T181501Z-1a2b3c4d';
const replicate = runIdOf('replicate', vmKey, at, 'abcdef');
const restore = runIdOf('restore', vmKey, at, 'abcdef');

describe('instance ids', () => {
  it.each([
    ['protect', instanceIds.protect(vmKey)],
    ['replicate', instanceIds.replicate(vmKey, 'x'.repeat(40))],
    ['restore', instanceIds.restore(restore)],
    ['copyDisk', instanceIds.copyDisk(replicate, pointId, diskKey)],
    ['verifyDisk', instanceIds.verifyDisk(restore, diskKey)],
    ['closeRun', instanceIds.closeRun(replicate)],
  ])('of %s are short and plain enough for every back end of Durable Functions', (_, id) => {
    expect(id).toMatch(/^[A-Za-z0-9-]{1,100}$/);
  });

  it('tell the children of two points and of two disks apart', () => {
    const ids = [
      instanceIds.copyDisk(replicate, pointId, diskKey),
      instanceIds.copyDisk(replicate, 'p-20261123T191501Z-1a2b3c4e', diskKey),
      instanceIds.copyDisk(replicate, pointId, diskKey.replace('0', '1')),
    ];
    expect(new Set(ids).size).toBe(3);
  });
});
