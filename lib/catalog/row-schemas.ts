import type { PointCopy } from './point-copy.ts';
import { COPY_STATES } from './point-copy.ts';
import {
  BYTES,
  FAILURE,
  POINT_ID,
  RESTORE_POINT_SCHEMA,
  TEXT,
  TIME,
  VM_KEY,
} from './point-schema.ts';
import type { RestorePoint } from './restore-point.ts';
import type { KnownVm, MadeResource, Run, VmLock } from './run.ts';
import { createStoredValueCheck } from './stored-value.ts';

/** Checks of the rows that the catalog reads, one for each kind of row. */
export const checkRestorePoint = createStoredValueCheck<RestorePoint>(RESTORE_POINT_SCHEMA);

export const checkPointCopy = createStoredValueCheck<PointCopy>({
  type: 'object',
  required: ['formatVersion', 'vmKey', 'pointId', 'copy', 'state', 'updatedAtUtc'],
  properties: {
    formatVersion: { const: 1 },
    vmKey: VM_KEY,
    pointId: POINT_ID,
    copy: TEXT,
    state: { enum: COPY_STATES },
    reason: { type: 'string' },
    updatedAtUtc: TIME,
    manifestPath: TEXT,
    copiedBytes: BYTES,
  },
});

export const checkRun = createStoredValueCheck<Run>({
  type: 'object',
  required: ['formatVersion', 'runId', 'kind', 'vmKey', 'instanceId', 'state', 'startedAtUtc'],
  properties: {
    formatVersion: { const: 1 },
    runId: TEXT,
    kind: { enum: ['protect', 'replicate', 'restore', 'expire'] },
    vmKey: VM_KEY,
    instanceId: TEXT,
    state: { enum: ['running', 'succeeded', 'failed'] },
    startedAtUtc: TIME,
    endedAtUtc: TIME,
    pointId: POINT_ID,
    failure: FAILURE,
    result: { type: 'object' },
  },
});

export const checkMadeResource = createStoredValueCheck<MadeResource>({
  type: 'object',
  required: ['runId', 'kind', 'resourceId', 'state', 'sinceUtc'],
  properties: {
    runId: TEXT,
    kind: {
      enum: [
        'snapshot',
        'sasGrant',
        'runCommand',
        'guestSession',
        'scratchBlob',
        'disk',
        'nic',
        'vm',
      ],
    },
    resourceId: TEXT,
    state: { enum: ['made', 'doomed'] },
    sinceUtc: TIME,
    reason: { type: 'string' },
  },
});

export const checkVmLock = createStoredValueCheck<VmLock>({
  type: 'object',
  required: ['vmKey', 'ownerRunId', 'expiresAtUtc'],
  properties: { vmKey: VM_KEY, ownerRunId: TEXT, expiresAtUtc: TIME },
});

export const checkKnownVm = createStoredValueCheck<KnownVm>({
  type: 'object',
  required: ['vmKey', 'vmId', 'name', 'region', 'lastSeenUtc'],
  properties: { vmKey: VM_KEY, vmId: TEXT, name: TEXT, region: TEXT, lastSeenUtc: TIME },
});

export const checkFact = createStoredValueCheck<string>({ type: 'string' });
