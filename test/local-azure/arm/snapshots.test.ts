import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArmTestClient, soon, startArmTestClient } from './arm-test-client.ts';
import { createSnapshotTestBed, type SnapshotTestBed } from './snapshot-test-bed.ts';

let arm: ArmTestClient;
const group = 'snapshot-tests';
let diskId = '';
let bed: SnapshotTestBed;

beforeAll(async () => {
  arm = await startArmTestClient({ maxIncrementalSnapshots: 12 });
  bed = await createSnapshotTestBed(arm, group);
  diskId = bed.diskId;
}, 60_000);
afterAll(() => arm.stop());

function snapshotBody(sourceResourceId: string, extra: object = {}) {
  return {
    location: 'westeurope',
    tags: { owner: 'test' },
    properties: {
      creationData: { createOption: 'Copy', sourceResourceId },
      incremental: true,
      ...extra,
    },
  };
}

describe('PUT of a snapshot', () => {
  it('is accepted with 202 and a body without id, name and type', async () => {
    const reply = await arm.raw('PUT', bed.snapshotPath('wire'), snapshotBody(diskId));
    expect(reply.status).toBe(202);
    expect(Object.keys(reply.body).sort()).toEqual(['location', 'properties', 'tags']);
    expect(reply.body).toMatchObject({
      properties: {
        provisioningState: 'Updating',
        isArmResource: true,
        creationData: { sourceUniqueId: expect.any(String) },
      },
    });
    expect(await arm.poll(String(reply.headers['azure-asyncoperation']))).toMatchObject({
      status: 'Succeeded',
    });
  });

  it('ends with a snapshot of the disk, in the family of the disk', async () => {
    const disk = await arm.compute.disks.get(group, 'source');
    const [first, second] = [await bed.take('family-1'), await bed.take('family-2')];
    expect(first).toMatchObject({
      provisioningState: 'Succeeded',
      incremental: true,
      completionPercent: 100,
      diskSizeBytes: 1024 ** 3,
      diskState: 'Unattached',
      networkAccessPolicy: 'AllowAll',
      snapshotAccessState: 'Available',
      tags: { owner: 'test' },
      creationData: { sourceResourceId: diskId, sourceUniqueId: disk.uniqueId },
    });
    expect(first.incrementalSnapshotFamilyId).toBe(second.incrementalSnapshotFamilyId);
    expect(first.uniqueId).not.toBe(second.uniqueId);
    const other = await bed.take('other-family', await bed.newDisk('another'));
    expect(other.incrementalSnapshotFamilyId).not.toBe(first.incrementalSnapshotFamilyId);
  });

  it('over an existing name with the same source is accepted, and keeps the old content', async () => {
    const before = await bed.take('again');
    const after = await bed.take('again');
    expect(after.uniqueId).toBe(before.uniqueId);
    expect(after.timeCreated).toEqual(before.timeCreated);
  });

  it('over an existing name with another source is refused', async () => {
    await bed.take('taken');
    const reply = await arm.raw(
      'PUT',
      bed.snapshotPath('taken'),
      snapshotBody(await bed.newDisk('second-source')),
    );
    expect(reply.status).toBe(400);
    expect(reply.body).toEqual({
      error: {
        code: 'BadRequest',
        message: "Changing property 'sourceUri' is not allowed for existing disk 'taken'.",
      },
    });
  });

  it('refuses a source in another region as missing', async () => {
    const reply = await arm.raw('PUT', bed.snapshotPath('elsewhere'), {
      ...snapshotBody(diskId),
      location: 'northeurope',
    });
    expect(reply.status).toBe(404);
    expect(reply.body).toEqual({
      error: { code: 'NotFound', message: 'Resource source is not found.' },
    });
  });

  it('refuses a missing source with the words of the provider', async () => {
    const reply = await arm.raw('PUT', bed.snapshotPath('sourceless'), {
      location: 'westeurope',
      properties: { creationData: { createOption: 'Copy' }, incremental: true },
    });
    expect(reply.body).toMatchObject({
      error: {
        code: 'InvalidParameter',
        message: "Required parameter 'sourceUri' is missing (null).",
      },
    });
  });

  it('leaves a Failed snapshot behind when a fault makes its operation fail', async () => {
    await arm.control.addFault(
      { operation: 'snapshots.createOrUpdate', pathPattern: '/doomed\\?' },
      { asyncFailure: { code: 'InternalExecutionError', message: 'An internal error occurred.' } },
    );
    const reply = await arm.raw('PUT', bed.snapshotPath('doomed'), snapshotBody(diskId));
    expect(reply.status).toBe(202);
    expect(await arm.poll(String(reply.headers['azure-asyncoperation']))).toMatchObject({
      status: 'Failed',
      error: { code: 'InternalExecutionError' },
    });
    expect((await arm.compute.snapshots.get(group, 'doomed')).provisioningState).toBe('Failed');
    await arm.compute.snapshots.delete(group, 'doomed', soon);
  });

  it('takes longer on demand: one by a fault, all by the settings', async () => {
    await arm.control.addFault(
      { operation: 'snapshots.createOrUpdate', pathPattern: '/tardy\\?' },
      { asyncLatencyMs: 150 },
    );
    await bed.take('tardy');
    const before = await arm.control.changeSettings({});
    await arm.control.changeSettings({ snapshotLatencyMs: { min: 150, max: 160 } });
    await bed.take('slow');
    await arm.control.changeSettings({ snapshotLatencyMs: before.snapshotLatencyMs });
    const records = await arm.control.snapshots();
    const duration = (name: string): number => {
      const record = records.find(({ snapshotId }) => snapshotId.endsWith(`/${name}`));
      return (record?.endedMs ?? 0) - (record?.acceptedMs ?? 0);
    };
    expect(duration('tardy')).toBeGreaterThanOrEqual(145);
    expect(duration('slow')).toBeGreaterThanOrEqual(145);
    expect(await arm.control.changeSettings({})).toEqual(before);
  });

  it('leaves a Failed snapshot behind over the limit of one disk', async () => {
    const limited = await bed.newDisk('limited');
    for (let at = 0; at < 12; at += 1) await bed.take(`limited-${at}`, limited);
    const reply = await arm.raw('PUT', bed.snapshotPath('one-too-many'), snapshotBody(limited));
    expect(await arm.poll(String(reply.headers['azure-asyncoperation']))).toMatchObject({
      status: 'Failed',
      error: { code: 'SnapshotLimitReached' },
    });
    const left = await arm.compute.snapshots.get(group, 'one-too-many');
    expect(left.provisioningState).toBe('Failed');
  });

  it('needs the right to read the source disk', async () => {
    await arm.control.setDenials([{ identity: 'protect', operation: 'disks\\.grantAccess' }]);
    const reply = await arm.raw('PUT', bed.snapshotPath('unlinked'), snapshotBody(diskId));
    await arm.control.setDenials([]);
    expect(reply.status).toBe(403);
    expect(reply.body).toMatchObject({ error: { code: 'LinkedAuthorizationFailed' } });
  });
});

describe('a disk from a snapshot', () => {
  it('is a copy in the region of the snapshot', async () => {
    const snapshot = await bed.take('origin');
    const copy = await arm.compute.disks.createOrUpdate(
      group,
      'copy',
      {
        location: 'westeurope',
        sku: { name: 'StandardSSD_LRS' },
        creationData: { createOption: 'Copy', sourceResourceId: String(snapshot.id) },
      },
      soon,
    );
    expect(copy).toMatchObject({
      diskSizeBytes: 1024 ** 3,
      creationData: { sourceUniqueId: snapshot.uniqueId },
    });
  });
});

describe('tags and lists', () => {
  it('changes tags by PATCH and lists by group and subscription', async () => {
    await bed.take('tagged');
    const updated = await arm.compute.snapshots.update(
      group,
      'tagged',
      { tags: { owner: 'other' } },
      soon,
    );
    expect(updated.tags).toEqual({ owner: 'other' });
    const found: string[] = [];
    for await (const snapshot of arm.compute.snapshots.list()) {
      if (snapshot.tags?.['owner'] === 'other') found.push(String(snapshot.name));
    }
    expect(found).toEqual(['tagged']);
  });
});
