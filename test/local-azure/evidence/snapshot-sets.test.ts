import { randomBytes } from 'node:crypto';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArmTestClient, soon, startArmTestClient } from '../arm/arm-test-client.ts';
import { openBlobCloudEnd } from '../guest/cloud-end.ts';
import { createGuestClient, type GuestClient } from '../guest/guest-client.ts';
import { SCRIPT } from '../guest/session-rig.ts';
import { createEvidenceClient, type EvidenceClient, type SourceAtLun } from './evidence-client.ts';

const GROUP = 'app';
const REGION = 'westeurope';

let arm: ArmTestClient;
let vm: Awaited<ReturnType<ArmTestClient['control']['createVm']>>;
let guest: GuestClient;
let evidence: EvidenceClient;

beforeAll(async () => {
  arm = await startArmTestClient({
    regions: [{ name: REGION }],
    accounts: [{ name: 'sessions', region: REGION }],
    snapshotLatencyMs: { min: 50, max: 600 },
  });
  guest = createGuestClient(arm.info.control);
  evidence = createEvidenceClient(arm.info.control);
  vm = await arm.control.createVm({
    ...{ name: 'db-1', resourceGroup: GROUP, region: REGION, slotsPerVm: 200 },
    osDisk: { sizeMiB: 32, areaMiB: 1, files: { count: 5, totalMiB: 1 } },
    dataDisks: [0, 1, 2].map((lun) => ({
      ...{ lun, sizeMiB: 32, areaMiB: 1, files: { count: 5, totalMiB: 1 } },
    })),
  });
  await guest.startWriters(vm.vmId, 100);
  const isWarm = async () => (await guest.journal(vm.vmId)).slotsWritten === 200;
  for (let round = 0; !(await isWarm()); round += 1) {
    if (round > 200) throw new Error('the writers did not fill their slots');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}, 60_000);

afterAll(async () => {
  await arm.stop();
});

/** Snapshots of all disks, requested at once; each is fixed at a moment of its own. */
async function takeSet(name: string): Promise<SourceAtLun[]> {
  return Promise.all(
    vm.disks.map(async ({ lun, diskId }) => {
      const snapshot = await arm.compute.snapshots.createOrUpdate(
        GROUP,
        `${name}-${lun + 1}`,
        {
          location: REGION,
          incremental: true,
          creationData: { createOption: 'Copy', sourceResourceId: diskId },
        },
        soon,
      );
      return { lun, source: { snapshotId: String(snapshot.id) } };
    }),
  );
}

describe('a set of snapshots under write load', () => {
  it('is torn without a freeze', async () => {
    const disks = await takeSet('crash');
    const torn = await evidence.tornPairs(vm.vmId, disks);
    expect(torn.pairsChecked).toBe(200);
    expect(torn.torn).toBeGreaterThan(0);
    expect(torn.oneInstant).toBeUndefined();
    for (const { lun, source } of disks) {
      if (!('snapshotId' in source)) throw new Error('the set is made of snapshots');
      const own = await evidence.compare(vm.vmId, [{ lun, source }], source);
      expect(own).toMatchObject({ pagesCompared: 8192, pagesDifferent: 0 });
    }
  });

  it('is one instant, the journal at the freeze, when the guest is frozen', async () => {
    const [account] = arm.info.accounts;
    if (account === undefined) throw new Error('the run has no storage account');
    const service = new BlobServiceClient(account.blobEndpoint, arm.credential);
    const cloud = await openBlobCloudEnd(service, `s-${randomBytes(16).toString('hex')}`);
    const runCommand = `lockstep-${cloud.session}`;
    await arm.compute.virtualMachineRunCommands.createOrUpdate(
      GROUP,
      'db-1',
      runCommand,
      {
        location: REGION,
        source: { script: SCRIPT },
        asyncExecution: true,
        timeoutInSeconds: 120,
        parameters: [{ name: 'LOCKSTEP_SESSION', value: cloud.session }],
        protectedParameters: [
          { name: 'LOCKSTEP_TO_GUEST_URL', value: cloud.toGuestUrl },
          { name: 'LOCKSTEP_FROM_GUEST_URL', value: cloud.fromGuestUrl },
        ],
      },
      soon,
    );
    await cloud.hear('hello');
    await cloud.say({ type: 'go', deadlineMs: 20_000 });
    await cloud.hear('frozen');
    const disks = await takeSet('frozen');
    expect(await guest.frozen()).toHaveLength(1);
    await cloud.say({ type: 'release' });
    expect(await cloud.hear('thawed')).toMatchObject({ cause: 'released' });
    await cloud.hear('done');
    expect(await guest.frozen()).toEqual([]);

    const torn = await evidence.tornPairs(vm.vmId, disks);
    expect(torn).toMatchObject({ pairsChecked: 200, torn: 0, cutViolations: 0, writersOffCut: 0 });
    const compared = await evidence.compare(vm.vmId, disks, { session: cloud.session });
    expect(compared).toMatchObject({ pagesCompared: 4 * 8192, pagesDifferent: 0 });
    expect(torn.oneInstant?.fromOrder).toBeLessThanOrEqual(compared.order);
    expect(torn.oneInstant?.toOrder).toBeGreaterThanOrEqual(compared.order);
    const [freeze] = await guest.freezes({ session: cloud.session });
    expect(freeze).toMatchObject({ cause: 'released', firstThawOrder: compared.order });
    expect(freeze?.blockedWrites).toBeGreaterThan(0);
    for (const { lun, source } of disks) {
      const files = vm.disks.find((disk) => disk.lun === lun)?.files ?? [];
      const checked = await evidence.checkFileSystem(source, files);
      expect(checked).toMatchObject({ clean: true, filesCompared: 5, filesDifferent: 0 });
    }
    const digest = await evidence.oracleDigest(vm.vmId, 0, { session: cloud.session });
    const frozen = disks.find(({ lun }) => lun === 0);
    if (frozen === undefined) throw new Error('no snapshot of LUN 0');
    expect((await evidence.imageDigest(frozen.source)).digest).toBe(digest.digest);

    // The same comparison sees the writes since.
    const later = await takeSet('later');
    const differences = await evidence.compare(vm.vmId, later, { session: cloud.session });
    expect(differences.pagesDifferent).toBeGreaterThan(0);
    await arm.compute.virtualMachineRunCommands.delete(GROUP, 'db-1', runCommand, soon);
    expect(await guest.processes()).toEqual([]);
  }, 60_000);

  it('is still compared when its region is off and its guest without power', async () => {
    const disks = await takeSet('last');
    await arm.control.turnRegionOff(REGION);
    expect(await guest.guests()).toMatchObject([{ isRunning: false, agentStatus: 'Unavailable' }]);
    const { lastOrder } = await guest.journal(vm.vmId);
    const [first] = disks;
    if (first === undefined || !('snapshotId' in first.source)) throw new Error('no snapshot');
    expect(await evidence.compare(vm.vmId, [first], first.source)).toMatchObject({
      pagesDifferent: 0,
    });
    expect((await guest.journal(vm.vmId)).lastOrder).toBe(lastOrder);
    await arm.control.turnRegionOn(REGION);
    expect(await guest.guests()).toMatchObject([
      { isRunning: true, writers: [{ isRunning: true }, {}, {}, {}] },
    ]);
  });
});
