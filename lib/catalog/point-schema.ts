import { DISK_KEY_PATTERN, POINT_ID_PATTERN, VM_KEY_PATTERN } from './identifiers.ts';
import { LABELS } from './labels.ts';

/**
 * JSON Schemas of the stored forms of a restore point. Fields that are not named here are kept: a
 * later minor version may add some.
 */

export const TEXT = { type: 'string', minLength: 1 } as const;
export const TIME = { type: 'string', format: 'date-time' } as const;
export const BYTES = { type: 'integer', minimum: 0 } as const;
export const VM_KEY = { type: 'string', pattern: VM_KEY_PATTERN.source } as const;
export const POINT_ID = { type: 'string', pattern: POINT_ID_PATTERN.source } as const;
export const DISK_KEY = { type: 'string', pattern: DISK_KEY_PATTERN.source } as const;
export const FAILURE = {
  type: 'object',
  required: ['errorCode', 'message'],
  properties: { errorCode: TEXT, message: { type: 'string' } },
} as const;

const LUN = { type: 'integer', minimum: -1, maximum: 63 } as const;
const FLAG = { type: 'boolean' } as const;
const OBJECT = { type: 'object' } as const;
const OBJECTS = { type: 'array', items: OBJECT } as const;
const TEXTS = { type: 'array', items: { type: 'string' } } as const;
const TAGS = { type: 'object', additionalProperties: { type: 'string' } } as const;
const OS_TYPE = { enum: ['Linux', 'Windows'] } as const;
const LABEL = { enum: LABELS } as const;
const PROVIDER = { enum: ['lockstep', 'crash', 'restorePoint', 'offline'] } as const;

const CAPTURED_DISK = {
  type: 'object',
  required: [
    'diskId',
    'diskUniqueId',
    'name',
    'lun',
    'sizeBytes',
    'sku',
    'caching',
    'writeAcceleratorEnabled',
    'zones',
    'tags',
  ],
  properties: {
    diskId: TEXT,
    diskUniqueId: TEXT,
    name: TEXT,
    lun: LUN,
    sizeBytes: BYTES,
    sku: TEXT,
    caching: { enum: ['None', 'ReadOnly', 'ReadWrite'] },
    writeAcceleratorEnabled: FLAG,
    deleteOption: TEXT,
    zones: TEXTS,
    osType: OS_TYPE,
    hyperVGeneration: TEXT,
    logicalSectorSize: BYTES,
    diskEncryptionSetId: TEXT,
    securityProfile: OBJECT,
    purchasePlan: OBJECT,
    supportedCapabilities: OBJECT,
    tags: TAGS,
  },
} as const;

const CAPTURED_IP_CONFIGURATION = {
  type: 'object',
  required: ['name', 'primary', 'subnetId', 'privateIpAllocation'],
  properties: {
    name: TEXT,
    primary: FLAG,
    subnetId: TEXT,
    privateIpAddress: TEXT,
    privateIpAllocation: { enum: ['Static', 'Dynamic'] },
    publicIpId: TEXT,
  },
} as const;

const CAPTURED_NIC = {
  type: 'object',
  required: [
    'nicId',
    'name',
    'primary',
    'acceleratedNetworking',
    'ipForwarding',
    'dnsServers',
    'ipConfigurations',
    'tags',
  ],
  properties: {
    nicId: TEXT,
    name: TEXT,
    primary: FLAG,
    deleteOption: TEXT,
    networkSecurityGroupId: TEXT,
    acceleratedNetworking: FLAG,
    ipForwarding: FLAG,
    dnsServers: TEXTS,
    ipConfigurations: { type: 'array', items: CAPTURED_IP_CONFIGURATION },
    tags: TAGS,
  },
} as const;

const VM_CONFIGURATION = {
  type: 'object',
  required: [
    'vmId',
    'vmUniqueId',
    'name',
    'resourceGroup',
    'region',
    'size',
    'zones',
    'tags',
    'osType',
    'extensions',
    'disks',
    'nics',
    'raw',
  ],
  properties: {
    vmId: TEXT,
    vmUniqueId: TEXT,
    name: TEXT,
    resourceGroup: TEXT,
    region: TEXT,
    size: TEXT,
    zones: TEXTS,
    tags: TAGS,
    osType: OS_TYPE,
    securityProfile: OBJECT,
    licenseType: TEXT,
    plan: OBJECT,
    identity: OBJECT,
    imageReference: OBJECT,
    diagnosticsProfile: OBJECT,
    extensions: OBJECTS,
    disks: { type: 'array', items: CAPTURED_DISK },
    nics: { type: 'array', items: CAPTURED_NIC },
    raw: {
      type: 'object',
      required: ['vm', 'disks', 'nics'],
      properties: { vm: OBJECT, disks: OBJECTS, nics: OBJECTS },
    },
  },
} as const;

const CONSISTENCY_REQUEST = {
  type: 'object',
  required: ['provider', 'label', 'freezeDeadlineMs'],
  properties: {
    provider: PROVIDER,
    label: LABEL,
    accept: LABEL,
    freezeDeadlineMs: { type: 'integer', minimum: 0 },
  },
} as const;

const VERDICT = {
  type: 'object',
  required: ['provider', 'requested', 'achieved', 'reasons', 'evidence'],
  properties: {
    provider: PROVIDER,
    requested: LABEL,
    achieved: LABEL,
    reasons: { type: 'array', minItems: 1, items: TEXT },
    evidence: {
      type: 'array',
      items: {
        type: 'object',
        required: ['order', 'what', 'atUtc'],
        properties: { order: { type: 'integer' }, what: TEXT, atUtc: TIME, detail: OBJECT },
      },
    },
    freezeHeldMs: { type: 'number', minimum: 0 },
    slowestSnapshotMs: { type: 'number', minimum: 0 },
  },
} as const;

const POINT_DISK = {
  type: 'object',
  required: ['diskKey', 'lun', 'diskId', 'diskUniqueId', 'name', 'sizeBytes'],
  properties: {
    diskKey: DISK_KEY,
    lun: LUN,
    diskId: TEXT,
    diskUniqueId: TEXT,
    name: TEXT,
    sizeBytes: BYTES,
    snapshot: {
      type: 'object',
      required: ['snapshotId', 'name', 'uniqueId', 'familyId', 'timeCreatedUtc'],
      properties: {
        snapshotId: TEXT,
        name: TEXT,
        uniqueId: TEXT,
        familyId: TEXT,
        timeCreatedUtc: TIME,
      },
    },
  },
} as const;

export const RESTORE_POINT_SCHEMA = {
  type: 'object',
  required: [
    'formatVersion',
    'pointId',
    'vmKey',
    'vmId',
    'vmName',
    'region',
    'deploymentId',
    'runId',
    'state',
    'requested',
    'createdAtUtc',
    'configuration',
    'disks',
  ],
  properties: {
    formatVersion: { const: 1 },
    pointId: POINT_ID,
    vmKey: VM_KEY,
    vmId: TEXT,
    vmName: TEXT,
    region: TEXT,
    deploymentId: TEXT,
    runId: TEXT,
    state: { enum: ['preparing', 'recorded', 'failed'] },
    requested: CONSISTENCY_REQUEST,
    createdAtUtc: TIME,
    recordedAtUtc: TIME,
    verdict: VERDICT,
    failure: FAILURE,
    configuration: VM_CONFIGURATION,
    disks: { type: 'array', minItems: 1, items: POINT_DISK },
  },
} as const;
