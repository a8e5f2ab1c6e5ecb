/** The bodies of control calls, checked: a wrong one is refused with the field's name. */
import type { ArmSettings, Denial } from '../arm/arm-state.ts';
import { createBodyParser } from '../guest/body-parser.ts';
import type { VmScenario } from './scenario-types.ts';

const text = { type: 'string', minLength: 1 } as const;
const tags = { type: 'object', additionalProperties: { type: 'string' } } as const;
const count = { type: 'integer', minimum: 1 } as const;

const diskProperties = {
  name: text,
  sizeMiB: { type: 'integer', minimum: 1 },
  caching: { enum: ['None', 'ReadOnly', 'ReadWrite'] },
  sku: text,
  tags,
  mountPoint: { anyOf: [{ type: 'string', pattern: '^/' }, { const: false }] },
  files: {
    type: 'object',
    properties: { count, totalMiB: { type: 'number', minimum: 0 } },
    required: ['count', 'totalMiB'],
    additionalProperties: false,
  },
  areaMiB: { type: 'number', minimum: 0 },
  deleteOption: { enum: ['Delete', 'Detach'] },
} as const;

export const parseVmScenario = createBodyParser<VmScenario>(
  'body',
  {
    name: text,
    resourceGroup: text,
    region: text,
    size: text,
    tags,
    zones: { type: 'array', items: text },
    identity: { type: 'object' },
    securityType: { enum: ['Standard', 'TrustedLaunch'] },
    osType: { enum: ['Linux', 'Windows'] },
    osDisk: {
      type: 'object',
      properties: diskProperties,
      required: ['sizeMiB'],
      additionalProperties: false,
    },
    dataDisks: {
      type: 'array',
      items: {
        type: 'object',
        properties: { ...diskProperties, lun: { type: 'integer', minimum: 0, maximum: 63 } },
        required: ['sizeMiB', 'lun'],
        additionalProperties: false,
      },
    },
    publicIp: { type: 'boolean' },
    extensions: {
      type: 'array',
      items: {
        type: 'object',
        properties: { name: text, publisher: text, type: text, typeHandlerVersion: text },
        required: ['name', 'publisher', 'type', 'typeHandlerVersion'],
        additionalProperties: false,
      },
    },
    guest: { type: 'boolean' },
    slotsPerVm: count,
    power: { enum: ['running', 'deallocated', 'stopped'] },
  },
  ['name', 'resourceGroup', 'region', 'osDisk'],
);

export const parsePower = createBodyParser<{
  vmId: string;
  power: 'running' | 'deallocated' | 'stopped';
}>('body', { vmId: text, power: { enum: ['running', 'deallocated', 'stopped'] } }, [
  'vmId',
  'power',
]);

export const parseBaseNetwork = createBodyParser<{
  name: string;
  resourceGroup: string;
  region: string;
}>('body', { name: text, resourceGroup: text, region: text }, ['name', 'resourceGroup', 'region']);

/** Whether the values make sense together, the list of faults checks. */
export const parseFault = createBodyParser<{ match: object; action: object }>(
  'body',
  {
    match: {
      type: 'object',
      properties: {
        service: { enum: ['arm', 'blob', 'table', 'queue', 'disk', 'identity'] },
        region: text,
        method: text,
        pathPattern: text,
        operation: text,
        nth: { type: 'integer' },
        count: { type: 'integer' },
        probability: { type: 'number' },
      },
      additionalProperties: false,
    },
    action: {
      type: 'object',
      properties: {
        latencyMs: { type: 'number', minimum: 0 },
        status: { type: 'integer' },
        code: text,
        message: text,
        headers: tags,
        resetBefore: { type: 'boolean' },
        resetAfter: { type: 'boolean' },
        hang: { type: 'boolean' },
        asyncLatencyMs: { type: 'number', minimum: 0 },
        asyncFailure: {
          type: 'object',
          properties: { code: text, message: text },
          required: ['code', 'message'],
          additionalProperties: false,
        },
      },
      additionalProperties: false,
    },
  },
  ['match', 'action'],
);

export const parseRegionOff = createBodyParser<{ armAnswers?: '503' | 'hangup' }>('body', {
  armAnswers: { enum: ['503', 'hangup'] },
});

export const parseDenials = createBodyParser<{ denials: readonly Denial[] }>(
  'body',
  {
    denials: {
      type: 'array',
      items: {
        type: 'object',
        properties: { identity: text, operation: text, pathPattern: text },
        required: ['identity', 'operation'],
        additionalProperties: false,
      },
    },
  },
  ['denials'],
);

const range = {
  type: 'object',
  properties: {
    min: { type: 'integer', minimum: 0 },
    max: { type: 'integer', minimum: 0 },
  },
  required: ['min', 'max'],
  additionalProperties: false,
} as const;
const whole = { type: 'integer', minimum: 0 } as const;

/** Part of the settings of ARM; what is left out stays as it is. */
export const parseSettings = createBodyParser<Partial<ArmSettings>>('body', {
  snapshotLatencyMs: range,
  operationLatencyMs: range,
  vmLatencyMs: range,
  runCommandLatencyMs: range,
  agentTimeoutMs: whole,
  sendRetryAfter: { type: 'boolean' },
  pageSize: { type: 'integer', minimum: 1 },
  maxIncrementalSnapshots: whole,
  maxIncrementalSnapshotsPer5Min: whole,
});

export const parseLock = createBodyParser<{ scope: string; locked: boolean }>(
  'body',
  { scope: { type: 'string', pattern: '^/subscriptions/' }, locked: { type: 'boolean' } },
  ['scope', 'locked'],
);

export const parseToken = createBodyParser<{ identity: string; resource: string }>(
  'body',
  { identity: text, resource: text },
  ['identity', 'resource'],
);

export const parsePlantedSnapshot = createBodyParser<{
  diskId: string;
  name: string;
  tags?: Record<string, string>;
}>('body', { diskId: text, name: text, tags }, ['diskId', 'name']);

export const parsePlantedGrant = createBodyParser<{
  snapshotId: string;
  durationSeconds?: number;
}>('body', { snapshotId: text, durationSeconds: count }, ['snapshotId']);

export const parseDamage = createBodyParser<{
  account: string;
  container: string;
  blob: string;
  snapshot?: string;
  offset: number;
}>(
  'body',
  {
    account: text,
    container: text,
    blob: text,
    snapshot: text,
    offset: { type: 'integer', minimum: 0 },
  },
  ['account', 'container', 'blob', 'offset'],
);

export const parseBaseline = createBodyParser<{ name: string }>('body', { name: text }, ['name']);
