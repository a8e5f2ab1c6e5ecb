import { MalformedDataError } from '../errors.ts';
import type { Manifest } from './manifest.ts';
import { BYTES, DISK_KEY, RESTORE_POINT_SCHEMA, TEXT, TIME } from './point-schema.ts';
import { createStoredValueCheck } from './stored-value.ts';

export const MANIFEST_DISK = {
  type: 'object',
  required: [
    'diskKey',
    'lun',
    'sizeBytes',
    'chainId',
    'blobPath',
    'blobSnapshot',
    'etagAtSeal',
    'kind',
    'mover',
    'source',
    'proof',
    'copiedBytes',
  ],
  properties: {
    diskKey: DISK_KEY,
    lun: { type: 'integer', minimum: -1, maximum: 63 },
    sizeBytes: { ...BYTES, minimum: 512, multipleOf: 512 },
    chainId: TEXT,
    blobPath: TEXT,
    blobSnapshot: TEXT,
    etagAtSeal: TEXT,
    kind: { enum: ['base', 'increment'] },
    baseReason: TEXT,
    mover: { enum: ['streamed', 'server'] },
    source: {
      type: 'object',
      required: ['snapshotId', 'uniqueId', 'familyId', 'timeCreatedUtc'],
      properties: { snapshotId: TEXT, uniqueId: TEXT, familyId: TEXT, timeCreatedUtc: TIME },
    },
    digest: {
      type: 'object',
      required: ['algorithm', 'segmentBytes', 'segments'],
      properties: {
        algorithm: { const: 'sum-sha256-4k' },
        segmentBytes: { type: 'integer', minimum: 4096, multipleOf: 4096 },
        segments: { type: 'array', items: { type: 'string', pattern: '^[0-9a-f]{64}$' } },
      },
    },
    proof: { enum: ['byDiff', 'audited', 'none'] },
    copiedBytes: BYTES,
  },
} as const;

const MANIFEST_SCHEMA = {
  type: 'object',
  required: ['formatVersion', 'kind', 'target', 'sealedAtUtc', 'point', 'disks', 'holds'],
  properties: {
    formatVersion: { const: 1 },
    kind: { const: 'lockstep-manifest' },
    target: TEXT,
    sealedAtUtc: TIME,
    point: RESTORE_POINT_SCHEMA,
    disks: { type: 'array', minItems: 1, items: MANIFEST_DISK },
    holds: {
      type: 'array',
      items: {
        type: 'object',
        required: ['name', 'sinceUtc'],
        properties: { name: TEXT, sinceUtc: TIME },
      },
    },
  },
} as const;

const checkForm = createStoredValueCheck<Manifest>(MANIFEST_SCHEMA);

/** Whatever the form cannot say: each disk of the point is there once, with a digest of its size. */
const assertDisksAgree = (manifest: Manifest, where: string): void => {
  const problem = (text: string): MalformedDataError =>
    new MalformedDataError(`${where} contradicts itself: ${text}`, { target: where });
  const byKey = new Map(manifest.disks.map((disk) => [disk.diskKey, disk]));
  if (byKey.size !== manifest.disks.length) throw problem('a disk occurs twice');
  if (manifest.disks.length !== manifest.point.disks.length) {
    throw problem(
      `${manifest.disks.length} disks, but the point has ${manifest.point.disks.length}`,
    );
  }
  for (const pointDisk of manifest.point.disks) {
    const disk = byKey.get(pointDisk.diskKey);
    if (disk === undefined) throw problem(`disk ${pointDisk.diskKey} is missing`);
    if (disk.lun !== pointDisk.lun || disk.sizeBytes !== pointDisk.sizeBytes) {
      throw problem(`LUN or size of disk ${disk.diskKey} differs from the point's`);
    }
    if ((disk.digest === undefined) !== (disk.proof === 'none')) {
      throw problem(`disk ${disk.diskKey} has proof '${disk.proof}', which its digest contradicts`);
    }
    if (disk.digest === undefined) continue;
    const segments = Math.ceil(disk.sizeBytes / disk.digest.segmentBytes);
    if (disk.digest.segments.length !== segments) {
      throw problem(
        `disk ${disk.diskKey} needs ${segments} digest sums and has ${disk.digest.segments.length}`,
      );
    }
  }
  if (manifest.point.state !== 'recorded') throw problem(`its point is ${manifest.point.state}`);
};

/** Answers the value as a manifest, or throws a `MalformedDataError` naming `where` and the field. */
export const checkManifest = (value: unknown, where: string): Manifest => {
  const manifest = checkForm(value, where);
  assertDisksAgree(manifest, where);
  return manifest;
};

/** Parses a manifest blob's text; throws a `MalformedDataError` naming its path and the field. */
export const parseManifest = (text: string, path: string): Manifest => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unreadable';
    throw new MalformedDataError(`Manifest ${path} is not JSON: ${reason}`, { target: path });
  }
  return checkManifest(value, `Manifest ${path}`);
};
