import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createArmSnapshotStore } from '../../lib/azure/arm-snapshot-store.ts';
import { createArmVmInventory } from '../../lib/azure/arm-vm-inventory.ts';
import { createBlobGuestChannel } from '../../lib/azure/blob-guest-channel.ts';
import { createRealClock } from '../../lib/azure/real-clock.ts';
import { createRunCommandGuest } from '../../lib/azure/run-command-guest.ts';
import { runIdOf, vmKeyOf } from '../../lib/catalog/identifiers.ts';
import type { ConsistencyRequest } from '../../lib/catalog/labels.ts';
import type { ConsistencyPorts } from '../../lib/consistency/consistency-ports.ts';
import { failPoint } from '../../lib/consistency/fail-point.ts';
import { preparePoint } from '../../lib/consistency/prepare-point.ts';
import { recordPoint } from '../../lib/consistency/record-point.ts';
import { snapshotInLockstep } from '../../lib/consistency/snapshot-in-lockstep.ts';
import { BackupError } from '../../lib/errors.ts';
import type { Outcome } from '../../lib/outcome.ts';
import {
  createGuestSessionRemover,
  createRunCommandRemover,
  createSnapshotRemover,
} from '../../lib/retention/doomed-removers.ts';
import { removeDoomed } from '../../lib/retention/remove-doomed.ts';
import { REQUEST } from '../fakes/lockstep-world.ts';
import { createMemoryCatalogStore } from '../fakes/memory-catalog-store.ts';
import type { GuestBehaviour } from '../local-azure/guest/behaviour.ts';
import { type AzureStand, SNAPSHOT_GROUP, startAzureStand } from './azure-stand.ts';
import { loadGuestHelper } from './load-guest-helper.ts';

const value = <T>(outcome: Outcome<T>): T => {
  if (!outcome.ok) throw new Error(`${outcome.errorCode}: ${outcome.message}`);
  return outcome.value;
};

describe('lockstep over the real clients', () => {
  let stand: AzureStand;
  let vmId = '';

  beforeAll(async () => {
    stand = await startAzureStand({
      seed: 'lockstep',
      snapshotLatencyMs: { min: 200, max: 900 },
      runCommandLatencyMs: { min: 20, max: 60 },
      operationLatencyMs: { min: 10, max: 40 },
      sendRetryAfter: false,
      maxIncrementalSnapshotsPer5Min: 0,
    });
    const disk = { sizeMiB: 32, files: { count: 2, totalMiB: 1 }, areaMiB: 1 };
    const scenario = await stand.azure.control.createVm({
      name: 'db-1',
      resourceGroup: 'rg-app',
      region: 'westeurope',
      osDisk: disk,
      dataDisks: [0, 1, 2].map((lun) => ({ ...disk, lun })),
    });
    vmId = scenario.vmId;
    await stand.guests.startWriters(vmId, 200);
    await stand.azure.control.takeBaseline('before');
  });
  afterAll(() => stand?.stop());

  const portsOf = (timings: ConsistencyPorts['timings'] = {}): ConsistencyPorts => {
    const clock = createRealClock();
    const { clients, blobEndpoint } = stand;
    return {
      catalog: createMemoryCatalogStore(),
      vms: createArmVmInventory(clients),
      snapshots: createArmSnapshotStore({ clients, resourceGroup: SNAPSHOT_GROUP }),
      channel: createBlobGuestChannel(clients, blobEndpoint),
      commands: createRunCommandGuest({ clients, sessionBlobEndpoint: blobEndpoint, clock }),
      clock,
      events: { emit: () => undefined },
      deploymentId: 'lockstep-test',
      helperSource: loadGuestHelper(),
      timings: { doneWaitMs: 2_000, thawedWaitMs: 3_000, ...timings },
    };
  };
  const begin = async (ports: ConsistencyPorts, requested: Partial<ConsistencyRequest> = {}) => {
    const reading = await ports.vms.readVm(vmId);
    const vmKey = vmKeyOf(vmId, reading?.configuration.vmUniqueId ?? '');
    const runId = runIdOf('protect', vmKey, new Date(), '1a2b3c');
    const order = { runId, vmId, requested: { ...REQUEST, ...requested }, targets: ['paired'] };
    return { runId, ...value(await preparePoint(ports, order)) };
  };
  /** What is there and was not there before: containers stay. */
  const difference = async () => {
    const { added, removed } = await stand.azure.control.differenceSince('before');
    return { added: added.filter((item) => item.kind !== 'container'), removed };
  };
  /** As `expire` does, an hour later. */
  const sweep = async (ports: ConsistencyPorts) => {
    const now = () => new Date(Date.now() + 3_600_000);
    const late = { ...ports, clock: { ...ports.clock, now } };
    return value(
      await removeDoomed({
        ...late,
        removers: {
          snapshot: createSnapshotRemover(late),
          runCommand: createRunCommandRemover(late),
          guestSession: createGuestSessionRemover(late),
        },
      }),
    );
  };

  it('takes a coordinated point of a VM under write load, and leaves only its snapshots', async () => {
    const ports = portsOf();
    const input = await begin(ports);
    const set = value(await snapshotInLockstep(ports, input));
    expect(set.verdict.reasons).toHaveLength(1);
    expect(set.verdict.achieved).toBe('fileSystem');
    const [freeze] = await stand.guests.freezes({ vmId });
    expect(freeze).toMatchObject({ cause: 'released' });
    const held = set.verdict.freezeHeldMs ?? 0;
    expect(held).toBeLessThan((set.verdict.slowestSnapshotMs ?? 0) + 1_000);
    value(await recordPoint(ports, { ...input, ...set, targets: ['paired'] }));
    expect(await sweep(ports)).toEqual({ removed: 2, left: 0 });
    const { added, removed } = await difference();
    expect(removed).toEqual([]);
    const ids = set.snapshots.map((one) => `resource ${one.snapshot.snapshotId.toLowerCase()}`);
    expect(added.map((item) => item.key.toLowerCase()).sort()).toEqual(ids.sort());
    for (const id of set.snapshots) await ports.snapshots.remove(id.snapshot.snapshotId);
  });

  it('captures the VM as ARM describes it', async () => {
    const reading = await portsOf().vms.readVm(vmId.toUpperCase().replace('DB-1', 'db-1'));
    expect(reading).toMatchObject({
      powerState: 'running',
      agentState: 'ready',
      configuration: {
        name: 'db-1',
        resourceGroup: 'rg-app',
        region: 'westeurope',
        osType: 'Linux',
        disks: [{ lun: -1 }, { lun: 0 }, { lun: 1 }, { lun: 2 }],
        nics: [
          { primary: true, ipConfigurations: [{ subnetId: expect.stringContaining('/subnets/') }] },
        ],
      },
    });
    const { raw, disks } = reading?.configuration ?? {};
    expect(raw?.vm).toHaveProperty('properties.storageProfile.osDisk.managedDisk.id');
    expect(raw?.disks).toHaveLength(4);
    expect(raw?.nics).toHaveLength(1);
    expect(await portsOf().vms.readDisks(vmId)).toEqual(
      disks?.map(({ lun, diskId, diskUniqueId }) => ({ lun, diskId, diskUniqueId })),
    );
    expect(await portsOf().vms.readVm(`${vmId}-none`)).toBeUndefined();
  });

  /** A run that must fail; what it left, as `expire` finds it an hour later, must be nothing. */
  const failing = async (
    behaviour: GuestBehaviour,
    timings: ConsistencyPorts['timings'] = {},
  ): Promise<string> => {
    await stand.guests.setBehaviour(vmId, behaviour);
    const ports = portsOf(timings);
    const input = await begin(ports);
    let code: string;
    try {
      const outcome = await snapshotInLockstep(ports, input);
      code = outcome.ok ? `ok:${outcome.value.verdict.achieved}` : outcome.errorCode;
    } catch (error) {
      code = error instanceof BackupError ? `threw:${error.errorCode}` : String(error);
    }
    await failPoint(ports, { ...input, errorCode: code, message: code });
    await stand.azure.control.clearFaults();
    await stand.guests.setBehaviour(vmId, {});
    const deadline = Date.now() + 5_000;
    while ((await stand.guests.frozen()).length > 0 && Date.now() < deadline) {
      await setTimeout(50);
    }
    expect(await stand.guests.frozen()).toEqual([]);
    expect((await sweep(ports)).left).toBe(0);
    const { added } = await difference();
    expect(added).toEqual([]);
    return code;
  };

  it.each<[string, string, GuestBehaviour]>([
    ['GuestSilent', 'never answers', { silent: true }],
    ['GuestHelperEnded', 'has no Python', { cannotStart: { exitCode: 127, error: 'no python' } }],
    ['GuestFreezeFailed', 'cannot look around', { failsAt: 'hello' }],
    ['GuestFreezeFailed', 'cannot freeze', { freezeFails: { errno: 'EBUSY' } }],
    ['GuestAnswerInvalid', 'talks garbage', { garbage: { kind: 'notJson', at: 'hello' } }],
    ['GuestAnswerInvalid', 'lies of frozen', { garbage: { kind: 'outOfOrderSeq', at: 'frozen' } }],
    ['GuestAnswerInvalid', 'mumbles at the end', { garbage: { kind: 'notUtf8', at: 'thawed' } }],
    ['ok:uncoordinated', 'thaws early', { thawsAfterMs: 50 }],
    ['ok:uncoordinated', 'has a foreign thaw', { thawFails: {} }],
    ['ok:uncoordinated', 'has a raw volume', { uncoveredLuns: [1] }],
  ])('ends as %s when the guest %s, and leaves nothing', async (code, _, behaviour) => {
    expect(await failing(behaviour, { helloWaitMs: 2_500 })).toBe(code);
  });

  it('lets the guest go at once when the third snapshot is refused', async () => {
    await stand.azure.control.addFault(
      { operation: 'snapshots.createOrUpdate', nth: 3, count: 1 },
      { status: 409, code: 'SnapshotLimitReached', message: 'too many' },
    );
    expect(await failing({})).toBe('SnapshotRefused');
    const [freeze] = (await stand.guests.freezes({ vmId })).slice(-1);
    expect(freeze).toMatchObject({ cause: 'released' });
  });

  it('hands a 429 with its wait on, without waiting', async () => {
    await stand.azure.control.addFault(
      { operation: 'snapshots.createOrUpdate', nth: 2, count: 1 },
      {
        status: 429,
        code: 'OperationNotAllowed',
        message: 'too many requests',
        headers: { 'retry-after': '900' },
      },
    );
    const startedMs = Date.now();
    expect(await failing({})).toBe('threw:Throttled');
    expect(Date.now() - startedMs).toBeLessThan(10_000);
  });

  it('gives up, thaws and leaves nothing when ARM hangs up in the middle of the set', async () => {
    await stand.azure.control.addFault(
      { operation: 'snapshots.createOrUpdate', nth: 2, count: 1 },
      { resetAfter: true },
    );
    expect(await failing({})).toMatch(/^threw:/);
  });
});
