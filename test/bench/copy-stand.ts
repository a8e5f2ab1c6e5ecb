/** A VM with one large disk, and copies of it by the packaged app and by the raw client. */
import type { PlacedScenario } from '../local-azure/control/scenario-types.ts';
import type { RequestLogEntry } from '../local-azure/front/request-log.ts';
import type { LocalAzureConfig } from '../local-azure/local-azure-config.ts';
import { createStorageClient, type PageBlobReport } from '../local-azure/storage/storage-routes.ts';
import { DEPLOYMENT, storageAccountId } from '../world/app-settings.ts';
import { delay, until } from '../world/lockstep-api.ts';
import type { PointView } from '../world/point-view.ts';
import { type App, blobService, startWorld, type World } from '../world/start-world.ts';
import { createRawClient, type RawClient } from './raw-client.ts';

export type Mover = 'server' | 'verified' | 'streamed';

/** What one copy of the large disk was, as the local Azure counted it. */
export interface MeasuredCopy {
  readonly bytesWritten: number;
  readonly allocatedBytes: number;
  /** From the first request for the disk's pages until the last write has ended. */
  readonly seconds: number;
  readonly mibPerSecond: number;
  /** Page requests by operation: reads, writes, clears, listings. */
  readonly byOperation: Readonly<Record<string, number>>;
  readonly refused: number;
}

export interface CopyStand {
  readonly world: World;
  readonly vm: PlacedScenario;
  readonly raw: RawClient;
  /** A snapshot of the large disk past the product, open for reading. */
  readonly source: { readonly url: string; readonly sizeBytes: number };
  startApp(mover: Mover): Promise<App>;
  /** A base copy: every call has a target container of its own. */
  copy(app: App): Promise<MeasuredCopy>;
  /** Gives `work` a new page blob as large as the disk, and removes it. */
  withRawBlob<T>(work: (blobUrl: string) => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

const MIB = 1024 ** 2;
const RAW_CONTAINER = 'raw';
const TARGETS_PER_APP = 6;
const COPY_TIMEOUT_MS = 180_000;
const LARGE_LUN = 0;
const FOOTER_BYTES = 512;

const writtenTo = ({ putPageBytes, putPageFromUrlBytes }: PageBlobReport): number =>
  putPageBytes + putPageFromUrlBytes;

const PAGE_OPERATIONS: ReadonlySet<string> = new Set([
  'Get Blob',
  'Get Page Ranges',
  'Get Page Ranges Diff',
  'Put Page',
  'Put Page From URL',
  'Clear Page',
]);
const WRITES: ReadonlySet<string> = new Set(['Put Page', 'Put Page From URL']);

export async function startCopyStand(options: {
  readonly dataMiB: number;
  readonly config?: LocalAzureConfig;
}): Promise<CopyStand> {
  const world = await startWorld({
    seed: 'bench',
    snapshotLatencyMs: { min: 50, max: 100 },
    operationLatencyMs: { min: 5, max: 20 },
    maxIncrementalSnapshotsPer5Min: 0,
    ...options.config,
  });
  try {
    return await prepare(world, options.dataMiB);
  } catch (error) {
    await world.stop();
    throw error;
  }
}

async function prepare(world: World, dataMiB: number): Promise<CopyStand> {
  const { control, info } = world.azure;
  const storage = createStorageClient(control.call);
  const vm = await control.createVm({
    name: 'bench-1',
    resourceGroup: DEPLOYMENT.sourceGroup,
    region: DEPLOYMENT.sourceRegion,
    guest: false,
    osDisk: { sizeMiB: 8, mountPoint: false },
    dataDisks: [
      {
        lun: LARGE_LUN,
        sizeMiB: Math.ceil(dataMiB * 1.1) + 32,
        files: { count: 1, totalMiB: dataMiB },
      },
    ],
  });
  const replicas = blobService(world.azure, DEPLOYMENT.replicaAccount);
  await replicas.getContainerClient(RAW_CONTAINER).create();
  const large = vm.disks.find(({ lun }) => lun === LARGE_LUN);
  if (large === undefined) throw new Error('the VM has no large disk');
  const { snapshotId } = await control.plantSnapshot({ diskId: large.diskId, name: 'raw-source' });
  const { accessSas } = await control.plantGrant(snapshotId);
  const { allocatedBytes, sizeBytes } = await world.evidence.allocatedBytes({ snapshotId });
  const raw = await createRawClient(world);

  let apps = 0;
  let rawBlobs = 0;
  const targetsLeft = new Map<App, string[]>();
  const replica = info.accounts.find(({ name }) => name === DEPLOYMENT.replicaAccount);
  if (replica === undefined) throw new Error('there is no replica account');

  /** Several hundred MiB for each copy: the local Azure keeps them in memory. */
  const removeBlobs = async (container: string): Promise<void> => {
    const client = replicas.getContainerClient(container);
    for await (const { name, properties } of client.listBlobsFlat()) {
      const one = client.getBlobClient(name);
      if (properties.leaseState === 'leased') await one.getBlobLeaseClient().breakLease(0);
      await one.delete({ deleteSnapshots: 'include' });
    }
  };

  return {
    world,
    vm,
    raw,
    source: { url: accessSas, sizeBytes },

    async startApp(mover) {
      apps += 1;
      const names = Array.from({ length: TARGETS_PER_APP }, (_, index) => `t${apps}-${index}`);
      for (const name of names) await replicas.getContainerClient(name).create();
      const app = await world.startSourceApp({
        LOCKSTEP_COPY_MOVER: mover,
        LOCKSTEP_MOVE_SCHEDULE: '* * * * * *',
        LOCKSTEP_REPLICA_TARGETS: JSON.stringify(
          names.map((name) => ({
            name,
            region: DEPLOYMENT.pairedRegion,
            blobEndpoint: replica.blobEndpoint,
            container: name,
            storageAccountId: storageAccountId(info, DEPLOYMENT.replicaAccount),
          })),
        ),
      });
      targetsLeft.set(app, names);
      return app;
    },

    async copy(app) {
      const target = targetsLeft.get(app)?.shift();
      if (target === undefined) throw new Error('the app has no target left');
      const after = Math.max(0, ...(await control.requests()).map((entry) => entry.number));
      await protectAndCopy(app, vm.vmId, target);
      // Only the large disk has anything to copy; of the other one there is the footer.
      const blobs = (await storage.pageBlobs()).filter(({ container }) => container === target);
      const blob = blobs.toSorted((a, b) => writtenTo(b) - writtenTo(a))[0];
      if (blob === undefined) throw new Error(`nothing was copied to ${target}`);
      const log = await control.requests({ after });
      const isOfBlob = ({ path }: RequestLogEntry): boolean => path.includes(blob.blob);
      const entries = log.filter(
        (entry) =>
          PAGE_OPERATIONS.has(entry.operation ?? '') &&
          (entry.service === 'disk' || (entry.service === 'blob' && isOfBlob(entry))),
      );
      await removeBlobs(target);
      return measure(entries, writtenTo(blob) - FOOTER_BYTES, allocatedBytes);
    },

    async withRawBlob(work) {
      rawBlobs += 1;
      const url = `${replica.blobEndpoint}/${RAW_CONTAINER}/${rawBlobs}.vhd`;
      await raw.createBlob(url, sizeBytes + FOOTER_BYTES);
      try {
        return await work(url);
      } finally {
        await removeBlobs(RAW_CONTAINER);
      }
    },

    async stop() {
      raw.close();
      await world.stop();
    },
  };
}

async function protectAndCopy(app: App, vmId: string, target: string): Promise<void> {
  const started = await app.call<{ runId: string }>('POST', '/api/points', {
    vmId,
    consistency: { provider: 'crash', label: 'uncoordinated' },
    targets: [target],
  });
  if (started.status !== 202) {
    throw new Error(`POST /api/points: ${started.status} ${JSON.stringify(started.body)}`);
  }
  const run = await app.finishRun(started.headers.get('location') ?? '');
  if (run.state !== 'succeeded') throw new Error(`the run failed: ${JSON.stringify(run)}`);
  await until(
    `copy ${target} of ${run.pointId}`,
    async () => {
      const { body } = await app.call<PointView>('GET', `/api/points/${run.pointId}`);
      const copy = body.copies.find((one) => one.copy === target);
      return copy?.state === 'sealed' ? true : undefined;
    },
    COPY_TIMEOUT_MS,
    500,
  );
  // Grants are revoked after the seal: the next measurement begins when that is over.
  await delay(300);
}

function measure(
  entries: readonly RequestLogEntry[],
  bytesWritten: number,
  allocatedBytes: number,
): MeasuredCopy {
  const writes = entries.filter(
    ({ operation = '', status }) => WRITES.has(operation) && status === 201,
  );
  const startMs = Math.min(...entries.map((entry) => entry.startMs));
  const endMs = Math.max(...writes.map((entry) => entry.endMs));
  const seconds = (endMs - startMs) / 1000;
  const byOperation: Record<string, number> = {};
  for (const { service, operation = '' } of entries) {
    const key = `${service} ${operation}`;
    byOperation[key] = (byOperation[key] ?? 0) + 1;
  }
  return {
    bytesWritten,
    allocatedBytes,
    seconds,
    mibPerSecond: bytesWritten / MIB / seconds,
    byOperation,
    refused: entries.filter(({ status }) => status === 503 || status === 429).length,
  };
}
