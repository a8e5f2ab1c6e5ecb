import type { PageBlobClient } from '@azure/storage-blob';
import { BackupError, ConflictError } from '../errors.ts';
import type { OpenSnapshot, SnapshotFacts, SnapshotReader } from '../ports/snapshot-reader.ts';
import type { Clock } from '../time/clock.ts';
import type { ByteRange, ChangedRange } from '../transfer/byte-ranges.ts';
import { coerceAzureError, isNotFound, toBackupError } from './arm-errors.ts';
import type { AzureClients } from './azure-clients.ts';
import { clampTo, listPageRanges, readPages } from './page-blob-reads.ts';
import { limitedSignal } from './request-limits.ts';
import { createSnapshotGrants, type Grant } from './snapshot-grants.ts';
import { resourceOf } from './snapshot-resource-id.ts';

export interface DiskSasReaderOptions {
  readonly clients: Pick<AzureClients, 'compute' | 'blobBySas'>;
  readonly clock: Clock;
  /** How long a grant lasts; Azure allows up to 60 days. Default 6 hours. */
  readonly grantSeconds?: number;
}

const DEFAULT_GRANT_SECONDS = 6 * 3600;
/** A grant that is about to end is replaced before a request finds out. */
const GRANT_MARGIN_MS = 60_000;
const DIFF_LIMIT_MS = 120_000;
/** A diff of a smaller window than this has no more ranges than one answer holds (10,000). */
const SMALLEST_DIFF_WINDOW = 1024 * 1024;
const POLL_INTERVAL_MS = 500;

/**
 * Reads managed snapshots by SAS. A disk SAS has no expiry in its URL (`si` instead of `se`), so the
 * time of the request is remembered; a 403 mints another one, once for each call.
 */
export function createDiskSasReader(options: DiskSasReaderOptions): SnapshotReader {
  const { clients, clock } = options;
  const grantSeconds = options.grantSeconds ?? DEFAULT_GRANT_SECONDS;

  const mint = async (snapshotId: string): Promise<Grant> => {
    const { resourceGroup, name } = resourceOf(snapshotId);
    const expiresAtMs = clock.now().getTime() + grantSeconds * 1000 - GRANT_MARGIN_MS;
    try {
      const access = await clients.compute.snapshots.grantAccess(
        resourceGroup,
        name,
        { access: 'Read', durationInSeconds: grantSeconds },
        { updateIntervalInMs: POLL_INTERVAL_MS },
      );
      const url = access.accessSAS;
      if (url === undefined) {
        throw new BackupError('NoAccessSas', `Azure granted access to ${name} without a URL`);
      }
      return { url, client: clients.blobBySas(url), expiresAtMs };
    } catch (error) {
      throw toBackupError(error, `open snapshot ${name} for reading`, snapshotId);
    }
  };

  const revoke = async (snapshotId: string): Promise<void> => {
    const { resourceGroup, name } = resourceOf(snapshotId);
    try {
      await clients.compute.snapshots.revokeAccess(resourceGroup, name, {
        updateIntervalInMs: POLL_INTERVAL_MS,
      });
    } catch (error) {
      if (isNotFound(error)) return;
      throw toBackupError(error, `end the reading of snapshot ${name}`, snapshotId);
    }
  };

  const grants = createSnapshotGrants({ mint, revoke, clock });

  /** Calls `use` with the grants of the snapshots; a 403 renews them all, once. */
  const withGrants = async <T>(
    snapshotIds: readonly string[],
    action: string,
    use: (grants: readonly Grant[]) => Promise<T>,
  ): Promise<T> => {
    const held = await Promise.all(snapshotIds.map(grants.get));
    const target = snapshotIds[0];
    try {
      return await use(held);
    } catch (error) {
      if (coerceAzureError(error).statusCode !== 403) throw toBackupError(error, action, target);
    }
    const renewed = await Promise.all(
      snapshotIds.map((id, index) => grants.renew(id, held[index]?.url ?? '')),
    );
    try {
      return await use(renewed);
    } catch (error) {
      throw toBackupError(error, action, target);
    }
  };

  const open = (snapshotId: string, sizeBytes: number): OpenSnapshot => {
    const { name } = resourceOf(snapshotId);
    return {
      snapshotId,
      sizeBytes,
      listAllocated: (window, signal) =>
        withGrants([snapshotId], `list the ranges of snapshot ${name}`, async ([grant]) =>
          grant === undefined ? [] : listPageRanges(grant.client, window, signal),
        ),
      listChanged: async (previous, window, signal) => {
        const action = `compare snapshot ${name} with the one before`;
        try {
          return await withGrants(
            [snapshotId, previous.snapshotId],
            action,
            async ([grant, before]) =>
              grant === undefined || before === undefined
                ? []
                : diffOf(grant.client, before.url, window, signal),
          );
        } catch (error) {
          // 409 BlobGenerationMismatch, and whatever else says that it is about these two.
          if (!(error instanceof ConflictError)) throw error;
          throw new BackupError('DiffRefused', error.message, { target: snapshotId });
        }
      },
      read: (offset, into, signal) =>
        withGrants([snapshotId], `read snapshot ${name}`, async ([grant]) => {
          if (grant !== undefined) await readPages(grant.client, offset, into, signal);
        }),
      sourceUrl: async (refusedUrl) =>
        refusedUrl === undefined
          ? (await grants.get(snapshotId)).url
          : (await grants.renew(snapshotId, refusedUrl)).url,
    };
  };

  return {
    async describe(snapshotId): Promise<SnapshotFacts | undefined> {
      const { resourceGroup, name } = resourceOf(snapshotId);
      try {
        const found = await clients.compute.snapshots.get(resourceGroup, name);
        return {
          snapshotId,
          uniqueId: found.uniqueId ?? '',
          familyId: found.incrementalSnapshotFamilyId ?? '',
          timeCreatedUtc: found.timeCreated?.toISOString() ?? '',
          sizeBytes: found.diskSizeBytes ?? 0,
        };
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw toBackupError(error, `read snapshot ${name}`, snapshotId);
      }
    },
    open,
    revoke: grants.end,
  };
}

/**
 * The diff of a window. The SDK's call takes no marker although the service may answer with one, so
 * a window with too many ranges, or one that takes the service too long, is asked for in halves.
 */
async function diffOf(
  client: PageBlobClient,
  previousUrl: string,
  window: ByteRange,
  signal: AbortSignal | undefined,
): Promise<ChangedRange[]> {
  const lengthBytes = window.end - window.start;
  const halves = async (): Promise<ChangedRange[]> => {
    const middle = window.start + Math.ceil(lengthBytes / 1024) * 512;
    const parts = [
      { start: window.start, end: middle },
      { start: middle, end: window.end },
    ];
    const found: ChangedRange[] = [];
    for (const part of parts) found.push(...(await diffOf(client, previousUrl, part, signal)));
    return found;
  };
  const mayHalve = lengthBytes > SMALLEST_DIFF_WINDOW;
  try {
    const answer = await client.getPageRangesDiffForManagedDisks(
      window.start,
      lengthBytes,
      previousUrl,
      { abortSignal: limitedSignal(DIFF_LIMIT_MS, signal) },
    );
    // Untyped in the SDK: it parses the answer's NextMarker into this property all the same.
    const { continuationToken } = answer as { readonly continuationToken?: string };
    if (continuationToken !== undefined && continuationToken !== '') {
      if (mayHalve) return halves();
      throw new BackupError('IncompleteDiff', 'Azure answered only a part of a small window');
    }
    // `count` is the distance to the last byte, one less than the length.
    const rangesOf = (list: readonly { offset?: number; count?: number }[] = []) =>
      clampTo(
        list.map(({ offset = 0, count = 0 }) => ({ start: offset, end: offset + count + 1 })),
        window,
      );
    return [
      ...rangesOf(answer.pageRange).map((range) => ({ ...range, kind: 'write' as const })),
      ...rangesOf(answer.clearRange).map((range) => ({ ...range, kind: 'clear' as const })),
    ].sort((a, b) => a.start - b.start);
  } catch (error) {
    if (mayHalve && coerceAzureError(error).code === 'OperationTimedOut') return halves();
    throw error;
  }
}
