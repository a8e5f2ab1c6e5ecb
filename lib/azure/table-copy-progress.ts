import { createHash } from 'node:crypto';
import type { TableClient } from '@azure/data-tables';
import type { ManifestDisk } from '../catalog/manifest.ts';
import { MANIFEST_DISK } from '../catalog/manifest-schema.ts';
import { BYTES, DISK_KEY, TEXT } from '../catalog/point-schema.ts';
import { CATALOG_TABLES, type CatalogTableName } from '../catalog/storage-layout.ts';
import { createStoredValueCheck } from '../catalog/stored-value.ts';
import type {
  CopyAttempt,
  CopyKey,
  CopyProgress,
  SegmentProgress,
} from '../ports/copy-progress.ts';
import { createTableRows, type RowKeys } from './table-rows.ts';

const checkAttempt = createStoredValueCheck<CopyAttempt>({
  type: 'object',
  required: [
    'diskKey',
    'attempt',
    'runId',
    'chainId',
    'kind',
    'mover',
    'verified',
    'segmentBytes',
    'lineage',
    'clean',
  ],
  properties: {
    diskKey: DISK_KEY,
    attempt: TEXT,
    runId: TEXT,
    chainId: TEXT,
    kind: { enum: ['base', 'increment'] },
    baseReason: TEXT,
    previous: MANIFEST_DISK,
    mover: { enum: ['streamed', 'server'] },
    moverReason: TEXT,
    verified: { type: 'boolean' },
    segmentBytes: { type: 'integer', minimum: 4096, multipleOf: 4096 },
    lineage: TEXT,
    clean: { type: 'boolean' },
  },
});

interface SegmentRow extends SegmentProgress {
  readonly diskKey: string;
  readonly lineage: string;
}

const checkSegment = createStoredValueCheck<SegmentRow>({
  type: 'object',
  required: ['diskKey', 'lineage', 'index', 'copiedBytes', 'writtenRanges', 'clearedRanges'],
  properties: {
    diskKey: DISK_KEY,
    lineage: TEXT,
    index: BYTES,
    sum: { type: 'string', pattern: '^[0-9a-f]{64}$' },
    copiedBytes: BYTES,
    writtenRanges: BYTES,
    clearedRanges: BYTES,
  },
});

const checkSealed = createStoredValueCheck<ManifestDisk>(MANIFEST_DISK);

interface HolderRow {
  readonly snapshotId: string;
  readonly holder: string;
}

const checkHolder = createStoredValueCheck<HolderRow>({
  type: 'object',
  required: ['snapshotId', 'holder'],
  properties: { snapshotId: TEXT, holder: TEXT },
});

/** Rows removed at a time: enough to be quick, few enough not to be throttled. */
const REMOVED_AT_ONCE = 16;

/** Copy progress in Azure Table Storage. Tables and keys: docs/format.md. */
export function createTableCopyProgress(options: {
  readonly tableClient: (table: CatalogTableName) => TableClient;
}): CopyProgress {
  const rowsOf = <T>(table: CatalogTableName, check: (value: unknown, where: string) => T) =>
    createTableRows<T>({ table, client: options.tableClient(table), check });
  const attempts = rowsOf(CATALOG_TABLES.copyProgress, checkAttempt);
  const segments = rowsOf(CATALOG_TABLES.copyProgress, checkSegment);
  const sealed = rowsOf(CATALOG_TABLES.copyProgress, checkSealed);
  const holders = rowsOf(CATALOG_TABLES.grantHolders, checkHolder);

  const partitionOf = (copy: CopyKey): string => `${copy.vmKey}~${copy.pointId}~${copy.target}`;
  const attemptKeys = (copy: CopyKey, diskKey: string): RowKeys => ({
    partitionKey: partitionOf(copy),
    rowKey: `attempt~${diskKey}`,
  });
  const sealedKeys = (copy: CopyKey, diskKey: string): RowKeys => ({
    partitionKey: partitionOf(copy),
    rowKey: `sealed~${diskKey}`,
  });
  const segmentKeys = (copy: CopyKey, row: SegmentRow): RowKeys => ({
    partitionKey: partitionOf(copy),
    rowKey: `segment~${row.diskKey}~${row.lineage}~${String(row.index).padStart(8, '0')}`,
  });
  const holderPartition = (snapshotId: string): string =>
    createHash('sha256').update(snapshotId.toLowerCase()).digest('hex').slice(0, 32);
  /** Rows whose key goes on with digits or letters after `prefix~`: these sort before a second `~`. */
  const startingWith = (copy: CopyKey, prefix: string) => ({
    partitionKey: partitionOf(copy),
    rowKeyFrom: `${prefix}~`,
    rowKeyBelow: `${prefix}~~`,
  });

  return {
    async prepare() {
      await attempts.prepare();
      await holders.prepare();
    },
    async getAttempt(copy, diskKey) {
      return (await attempts.get(attemptKeys(copy, diskKey)))?.value;
    },
    putAttempt: (copy, attempt) => attempts.put(attemptKeys(copy, attempt.diskKey), attempt),
    async listSegments(copy, diskKey, lineage) {
      const rows = await segments.list(startingWith(copy, `segment~${diskKey}~${lineage}`));
      return rows
        .map(({ diskKey: _, lineage: __, ...segment }): SegmentProgress => segment)
        .sort((a, b) => a.index - b.index);
    },
    async putSegment(copy, diskKey, lineage, segment) {
      const row: SegmentRow = { ...segment, diskKey, lineage };
      await segments.put(segmentKeys(copy, row), row);
    },
    async getSealedDisk(copy, diskKey) {
      return (await sealed.get(sealedKeys(copy, diskKey)))?.value;
    },
    putSealedDisk: (copy, disk) => sealed.put(sealedKeys(copy, disk.diskKey), disk),
    async forget(copy) {
      const known = [
        ...(await segments.list(startingWith(copy, 'segment'))).map((row) =>
          segmentKeys(copy, row),
        ),
        ...(await sealed.list(startingWith(copy, 'sealed'))).map((row) =>
          sealedKeys(copy, row.diskKey),
        ),
        ...(await attempts.list(startingWith(copy, 'attempt'))).map((row) =>
          attemptKeys(copy, row.diskKey),
        ),
      ];
      while (known.length > 0) {
        await Promise.all(known.splice(0, REMOVED_AT_ONCE).map((keys) => attempts.remove(keys)));
      }
    },
    async holdGrant(snapshotId, holder) {
      const keys = { partitionKey: holderPartition(snapshotId), rowKey: holder };
      await holders.put(keys, { snapshotId, holder });
    },
    async dropGrant(snapshotId, holder) {
      const partitionKey = holderPartition(snapshotId);
      await holders.remove({ partitionKey, rowKey: holder });
      return (await holders.list({ partitionKey })).length;
    },
  };
}
