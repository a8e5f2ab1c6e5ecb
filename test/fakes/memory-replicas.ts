import { createHash } from 'node:crypto';
import { BackupError, ConflictError } from '../../lib/errors.ts';
import type { ReplicaStamp, ReplicaStore, ReplicaWriter } from '../../lib/ports/replica-store.ts';
import { createMemoryImage, type MemoryImage } from './memory-image.ts';

export interface MemoryReplicas extends ReplicaStore {
  /** The page blob as it is now. */
  image(blobPath: string): MemoryImage;
  sealedImage(blobPath: string, blobSnapshot: string): MemoryImage;
  /** A write of somebody else, which leaves no other trace than the ETag. */
  touch(blobPath: string): void;
  removeSnapshot(blobPath: string, blobSnapshot: string): void;
  readonly paths: readonly string[];
  readonly bytesWritten: number;
  /** Requests that came with a lease that was not in force. */
  readonly refusedWrites: number;
}

export interface MemoryReplicasOptions {
  /** What the service reads when it is told to fetch: undefined is a source that it cannot read. */
  readonly fetch: (url: string) => MemoryImage | undefined;
  /** Runs inside each write, once it was admitted. */
  readonly onWrite?: () => void | Promise<void>;
}

interface Blob {
  image: MemoryImage;
  leaseId: string | undefined;
  version: number;
  stamp: ReplicaStamp | undefined;
  snapshots: { blobSnapshot: string; image: MemoryImage; stamp: ReplicaStamp | undefined }[];
}

export const createMemoryReplicas = (options: MemoryReplicasOptions): MemoryReplicas => {
  const blobs = new Map<string, Blob>();
  let bytesWritten = 0;
  let refusedWrites = 0;
  let snapshotNumber = 0;

  const find = (blobPath: string): Blob => {
    const blob = blobs.get(blobPath);
    if (blob === undefined) throw new BackupError('BlobNotFound', `no blob ${blobPath}`);
    return blob;
  };
  const admitted = (blobPath: string, leaseId: string): Blob => {
    const blob = find(blobPath);
    if (blob.leaseId !== leaseId) {
      refusedWrites += 1;
      throw new ConflictError('LeaseIdMismatchWithBlobOperation');
    }
    return blob;
  };
  const changed = (blob: Blob): void => {
    blob.version += 1;
  };

  const writer = (blobPath: string, leaseId: string): ReplicaWriter => ({
    async write(offset, bytes) {
      const blob = admitted(blobPath, leaseId);
      await options.onWrite?.();
      if (bytes.length > 4 * 1024 * 1024) throw new RangeError('more than 4 MiB');
      blob.image.write(offset, bytes);
      bytesWritten += bytes.length;
      changed(blob);
    },
    async writeFromUrl(range, sourceUrl, { md5 }) {
      const blob = admitted(blobPath, leaseId);
      await options.onWrite?.();
      const source = options.fetch(sourceUrl);
      if (source === undefined) throw new BackupError('CopySourceRefused', 'Forbidden');
      const bytes = source.read(range.start, range.end - range.start);
      if (md5 !== undefined && !createHash('md5').update(bytes).digest().equals(md5)) {
        throw new BackupError('Md5Mismatch', 'The MD5 value is not that of the source');
      }
      blob.image.write(range.start, bytes);
      bytesWritten += bytes.length;
      changed(blob);
    },
    async clear(range) {
      const blob = admitted(blobPath, leaseId);
      await options.onWrite?.();
      blob.image.clear(range);
      changed(blob);
    },
    async listDirty(window, since) {
      const blob = find(blobPath);
      if (since === undefined) return blob.image.allocated(window);
      const snapshot = blob.snapshots.find((one) => one.blobSnapshot === since);
      if (snapshot === undefined) throw new BackupError('BlobNotFound', `no snapshot ${since}`);
      return blob.image.changedSince(snapshot.image, window);
    },
    async seal(stamp) {
      const blob = admitted(blobPath, leaseId);
      const etag = `"${blob.version}"`;
      const known = blob.snapshots.find((one) => one.stamp?.pointId === stamp.pointId);
      if (known !== undefined) return { blobSnapshot: known.blobSnapshot, etag };
      snapshotNumber += 1;
      const blobSnapshot = `2026-11-23T18:15:01.${String(snapshotNumber).padStart(7, '0')}Z`;
      blob.snapshots.push({ blobSnapshot, image: blob.image.copy(), stamp });
      return { blobSnapshot, etag };
    },
  });

  return {
    image: (blobPath) => find(blobPath).image,
    sealedImage(blobPath, blobSnapshot) {
      const found = find(blobPath).snapshots.find((one) => one.blobSnapshot === blobSnapshot);
      if (found === undefined) throw new BackupError('BlobNotFound', `no ${blobSnapshot}`);
      return found.image;
    },
    touch: (blobPath) => changed(find(blobPath)),
    removeSnapshot(blobPath, blobSnapshot) {
      const blob = find(blobPath);
      blob.snapshots = blob.snapshots.filter((one) => one.blobSnapshot !== blobSnapshot);
    },
    get paths() {
      return [...blobs.keys()];
    },
    get bytesWritten() {
      return bytesWritten;
    },
    get refusedWrites() {
      return refusedWrites;
    },
    async listChains(vmKey, diskKey) {
      const prefix = `${vmKey}/${diskKey}/`;
      return [...blobs]
        .filter(([blobPath]) => blobPath.startsWith(prefix))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([blobPath, blob]) => ({
          blobPath,
          chainId: blobPath.slice(prefix.length, -'.vhd'.length),
          sizeBytes: blob.image.sizeBytes,
          etag: `"${blob.version}"`,
          ...(blob.stamp === undefined ? {} : { stamp: blob.stamp }),
          snapshots: blob.snapshots.map(({ blobSnapshot, stamp }) => ({
            blobSnapshot,
            ...(stamp === undefined ? {} : { stamp }),
          })),
        }));
    },
    async begin(blobPath, { sizeBytes, leaseId, knownLeaseIds, stamp }) {
      const known = blobs.get(blobPath);
      const blob: Blob = known ?? {
        image: createMemoryImage(sizeBytes),
        leaseId: undefined,
        version: 1,
        stamp: undefined,
        snapshots: [],
      };
      blobs.set(blobPath, blob);
      const before = blob.leaseId;
      const etag = `"${blob.version}"`;
      blob.leaseId = leaseId;
      if (blob.image.sizeBytes < sizeBytes) blob.image.resize(sizeBytes);
      blob.stamp = stamp;
      changed(blob);
      const takenOverFrom =
        before !== undefined && knownLeaseIds.includes(before) ? before : undefined;
      return {
        created: known === undefined,
        etag,
        ...(takenOverFrom === undefined ? {} : { takenOverFrom }),
      };
    },
    openForWriting: writer,
    async openSealed(blobPath, blobSnapshot) {
      const snapshot = blobs
        .get(blobPath)
        ?.snapshots.find((one) => one.blobSnapshot === blobSnapshot);
      if (snapshot === undefined) return undefined;
      const { image, stamp } = snapshot;
      return {
        sizeBytes: image.sizeBytes,
        ...(stamp === undefined ? {} : { stamp }),
        listAllocated: async (window) => image.allocated(window),
        read: async (offset, into) => {
          into.set(image.read(offset, into.length));
        },
      };
    },
  };
};
