import { AnonymousCredential, PageBlobClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArmTestClient, soon, startArmTestClient } from './arm-test-client.ts';
import { createSnapshotTestBed, type SnapshotTestBed } from './snapshot-test-bed.ts';

let arm: ArmTestClient;
const group = 'snapshot-access-tests';
let diskId = '';
let bed: SnapshotTestBed;

beforeAll(async () => {
  arm = await startArmTestClient();
  bed = await createSnapshotTestBed(arm, group);
  diskId = bed.diskId;
}, 60_000);
afterAll(() => arm.stop());

describe('access to a snapshot', () => {
  it('gives the SAS bare at the Location URL and in properties.output', async () => {
    await bed.take('granted');
    const reply = await arm.raw('POST', bed.snapshotPath('granted', '/beginGetAccess'), {
      access: 'Read',
      durationInSeconds: 300,
    });
    expect(reply.status).toBe(202);
    expect(reply.headers['retry-after']).toBeUndefined();
    const ended = await arm.poll(String(reply.headers['azure-asyncoperation']));
    const bare = await arm.raw('GET', String(reply.headers['location']));
    expect(bare.status).toBe(200);
    const sas = String(bare.body['accessSAS']);
    expect(ended).toMatchObject({ properties: { output: { accessSAS: sas } } });
    expect(sas).toMatch(/\?snapshot=.*&?sv=2018-03-28&sr=b&si=[^&]+&sig=/);
    expect(sas).not.toContain('&se=');
    const again = await arm.compute.snapshots.grantAccess(
      group,
      'granted',
      { access: 'Read', durationInSeconds: 300 },
      soon,
    );
    expect(again.accessSAS).toBe(sas);
    const size = (await new PageBlobClient(sas, new AnonymousCredential()).getProperties())
      .contentLength;
    expect(size).toBe(1024 ** 3 + 512);
    expect((await arm.compute.snapshots.get(group, 'granted')).diskState).toBe('ActiveSAS');
  });

  it('keeps the snapshot from being deleted until it is revoked', async () => {
    await bed.take('held');
    await arm.compute.snapshots.grantAccess(
      group,
      'held',
      { access: 'Read', durationInSeconds: 300 },
      soon,
    );
    await expect(arm.compute.snapshots.delete(group, 'held', soon)).rejects.toMatchObject({
      statusCode: 409,
      code: 'OperationNotAllowed',
    });
    await arm.compute.snapshots.revokeAccess(group, 'held', soon);
    await arm.compute.snapshots.delete(group, 'held', soon);
    await expect(arm.compute.snapshots.get(group, 'held')).rejects.toMatchObject({
      statusCode: 404,
    });
  });

  it('ends by itself when its time is over', async () => {
    await bed.take('short');
    const { accessSAS } = await arm.compute.snapshots.grantAccess(
      group,
      'short',
      { access: 'Read', durationInSeconds: 1 },
      soon,
    );
    const deadline = Date.now() + 5_000;
    for (;;) {
      const { diskState } = await arm.compute.snapshots.get(group, 'short');
      if (diskState === 'Unattached') break;
      expect(Date.now()).toBeLessThan(deadline);
    }
    await expect(
      new PageBlobClient(String(accessSAS), new AnonymousCredential()).getProperties(),
    ).rejects.toMatchObject({
      statusCode: 403,
    });
  });

  it('is refused where the network access policy is DenyAll', async () => {
    await bed.take('denied', diskId, { networkAccessPolicy: 'DenyAll' });
    await expect(
      arm.compute.snapshots.grantAccess(
        group,
        'denied',
        { access: 'Read', durationInSeconds: 60 },
        soon,
      ),
    ).rejects.toMatchObject({ statusCode: 409 });
  });

  it('is refused to a sixth snapshot of one family', async () => {
    const source = await bed.newDisk('six');
    for (let at = 0; at < 6; at += 1) await bed.take(`six-${at}`, source);
    const grant = (name: string) =>
      arm.compute.snapshots.grantAccess(
        group,
        name,
        { access: 'Read', durationInSeconds: 300 },
        soon,
      );
    for (let at = 0; at < 5; at += 1) await grant(`six-${at}`);
    await expect(grant('six-5')).rejects.toMatchObject({ statusCode: 409 });
    await arm.compute.snapshots.revokeAccess(group, 'six-0', soon);
    await grant('six-5');
  });

  it.each([
    [{ access: 'Read' }],
    [{ access: 'Read', durationInSeconds: 61 * 24 * 3600 }],
    [{ access: 'Everything', durationInSeconds: 60 }],
    [{ durationInSeconds: 60 }],
  ])('refuses the body %j with 400', async (body) => {
    await bed.take('bodies');
    const reply = await arm.raw('POST', bed.snapshotPath('bodies', '/beginGetAccess'), body);
    expect(reply.status).toBe(400);
    expect(reply.body).toMatchObject({ error: { code: 'InvalidParameter' } });
  });
});
