import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { ComputeManagementClient } from '@azure/arm-compute';
import { expect } from 'vitest';
import { createAzureClients } from '../../lib/azure/azure-clients.ts';
import { createBlobManifestStore } from '../../lib/azure/blob-manifest-store.ts';
import { createBlobReplicaStore } from '../../lib/azure/blob-replica-store.ts';
import { createDiskSasReader } from '../../lib/azure/disk-sas-reader.ts';
import { createRealClock } from '../../lib/azure/real-clock.ts';
import { createTableCopyProgress } from '../../lib/azure/table-copy-progress.ts';
import type { RestorePoint } from '../../lib/catalog/restore-point.ts';
import { type CopyPorts, DEFAULT_COPY_OPTIONS } from '../../lib/copy/copy-ports.ts';
import type { SnapshotReader } from '../../lib/ports/snapshot-reader.ts';
import { createMemoryCatalogStore } from '../fakes/memory-catalog-store.ts';
import {
  sampleConfiguration,
  sampleCopy,
  sampleDisks,
  samplePoint,
} from '../fakes/sample-point.ts';
import { silentEvents } from '../fakes/silent-events.ts';
import { TARGET } from '../lib/copy/copy-world.ts';
import type { PageImage, PageStore } from '../local-azure/contracts.ts';
import { createPageStore } from '../local-azure/pages/page-store.ts';
import { NORTH, startStorage, WEST } from '../local-azure/storage/storage-fixture.ts';

export const MIB = 1024 ** 2;
export const SIZE = 40 * MIB;

let containers = 0;

/** Storage of two regions over https, and the product's clients signed in to it. */
export const startHttpsStand = async () => {
  const fixture = await startStorage({ regions: [WEST, NORTH] });
  const clients = createAzureClients({
    credential: fixture.credential,
    subscriptionId: randomUUID(),
    armEndpoint: 'https://127.0.0.1:1',
  });
  return { fixture, clients };
};

export type HttpsStand = Awaited<ReturnType<typeof startHttpsStand>>;

/** The platform's side of a grant; URLs, ranges and bytes are then served over https. */
const createGrants = ({ fixture }: HttpsStand) => {
  const images = new Map<string, { image: PageImage; family: string }>();
  const open = new Map<string, { grantId: string; accessSas: string }>();
  const counts = { granted: 0, revoked: 0 };
  const snapshots = {
    grantAccess: async (_: string, name: string, data: { durationInSeconds: number }) => {
      const known = open.get(name);
      if (known !== undefined) return { accessSAS: known.accessSas };
      const found = images.get(name);
      if (found === undefined) throw Object.assign(new Error('gone'), { statusCode: 404 });
      counts.granted += 1;
      const grant = fixture.disks.grantRead({
        region: WEST,
        resourceId: name,
        image: found.image,
        familyId: found.family,
        durationSeconds: data.durationInSeconds,
        isSnapshot: true,
      });
      open.set(name, grant);
      return { accessSAS: grant.accessSas };
    },
    revokeAccess: async (_: string, name: string) => {
      const grant = open.get(name);
      if (grant !== undefined) fixture.disks.revoke(grant.grantId);
      open.delete(name);
      counts.revoked += 1;
    },
  };
  return {
    images,
    open,
    counts,
    compute: { snapshots } as unknown as ComputeManagementClient,
    /** Ends the grants as their expiry would: the platform goes on answering the same URL. */
    expire: () => {
      for (const grant of open.values()) fixture.disks.revoke(grant.grantId);
    },
  };
};

export const createHttpsWorld = async (
  stand: HttpsStand,
  mover: 'verified' | 'server' | 'streamed' = 'verified',
) => {
  const { fixture, clients } = stand;
  containers += 1;
  const account = fixture.storage.accounts.find((one) => one.region === NORTH);
  if (account === undefined) throw new Error('no account');
  const container = `replicas-${containers}`;
  const service = clients.blobService(account.blobEndpoint);
  const serviceOnce = clients.blobServiceOnce(account.blobEndpoint);
  await service.getContainerClient(container).create();
  const grants = createGrants(stand);
  const reader = createDiskSasReader({
    clients: { compute: grants.compute, blobBySas: clients.blobBySas },
    clock: createRealClock(),
  });
  const facts = new Map<string, NonNullable<Awaited<ReturnType<SnapshotReader['describe']>>>>();
  const progress = createTableCopyProgress({
    tableClient: (table) => clients.table(account.tableEndpoint, `t${containers}${table}`),
  });
  await progress.prepare();
  const target = {
    name: TARGET,
    region: NORTH,
    replicas: createBlobReplicaStore({ service, serviceOnce, container }),
    manifests: createBlobManifestStore({ service, container }),
  };
  const catalog = createMemoryCatalogStore();
  const ports: CopyPorts = {
    catalog,
    progress,
    snapshots: { ...reader, describe: async (id) => facts.get(id) },
    targets: { names: [TARGET], find: (name) => (name === TARGET ? target : undefined) },
    clock: createRealClock(),
    events: silentEvents,
    randomHex: (digits) => randomBytes(digits).toString('hex').slice(0, digits),
    options: {
      ...DEFAULT_COPY_OPTIONS,
      mover,
      segmentBytes: 16 * MIB,
      pace: { ...DEFAULT_COPY_OPTIONS.pace, retryDelayMs: 5 },
    },
  };

  const addPoint = async (stores: readonly PageStore[], sequence = 0): Promise<RestorePoint> => {
    const configuration = sampleConfiguration({
      disks: sampleDisks(stores.length - 1).map((disk, index) => ({
        ...disk,
        sizeBytes: stores[index]?.sizeBytes ?? 0,
      })),
    });
    const point = samplePoint({ configuration }, sequence);
    const disks = point.disks.map((disk, index) => {
      const store = stores[index];
      if (disk.snapshot === undefined || store === undefined) throw new TypeError('no snapshot');
      const snapshot = { ...disk.snapshot, uniqueId: randomUUID() };
      grants.images.set(snapshot.name, { image: store.snapshot(), family: snapshot.familyId });
      facts.set(snapshot.snapshotId, { ...snapshot, sizeBytes: store.sizeBytes });
      return { ...disk, snapshot };
    });
    const recorded = { ...point, disks };
    await catalog.createPoint(recorded);
    await catalog.createCopy(
      sampleCopy({ pointId: point.pointId, copy: TARGET, state: 'pending' }),
    );
    return recorded;
  };

  /** What the storage service holds, against what the disks held. */
  const expectSealed = async (point: RestorePoint, images: readonly PageImage[]) => {
    const manifest = await target.manifests.read(point);
    expect(manifest?.disks).toHaveLength(images.length);
    for (const [index, disk] of (manifest?.disks ?? []).entries()) {
      const stored = fixture.storage.pageImage(
        account.name,
        container,
        disk.blobPath,
        disk.blobSnapshot,
      );
      const image = images[index];
      if (image === undefined) throw new TypeError('no image');
      expect(stored.sizeBytes).toBe(image.sizeBytes + 512);
      expect(hashOf(stored.read(0, image.sizeBytes))).toBe(hashOf(image.read(0, image.sizeBytes)));
    }
    return manifest;
  };
  return { ports, grants, target, container, account, catalog, addPoint, expectSealed };
};

const hashOf = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex');

export const createStore = (): PageStore => {
  const store = createPageStore(SIZE);
  store.write(0, randomBytes(5 * MIB + 512));
  store.write(17 * MIB + 1536, randomBytes(40 * 1024));
  store.write(17 * MIB + 60 * 1024, randomBytes(512));
  store.write(SIZE - 4096, randomBytes(4096));
  return store;
};

export const change = (store: PageStore): void => {
  store.write(3 * MIB, randomBytes(64 * 1024));
  store.clear(MIB, 128 * 1024);
  store.write(20 * MIB + 512, randomBytes(512));
};
