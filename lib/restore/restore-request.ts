import { PRIMARY_COPY } from '../catalog/point-copy.ts';

export interface RestoreOverrides {
  readonly vmName?: string;
  /** Name of a group in the app's subscription. */
  readonly resourceGroup?: string;
  readonly subnetId?: string;
  readonly size?: string;
  /** New names of disks by the names that they had at the point. */
  readonly diskNames?: Readonly<Record<string, string>>;
  readonly zone?: string;
}

/** What a caller asks for. A point by its id, or the newest of a VM (its key, ARM id or name). */
export interface RestoreRequest {
  readonly pointId?: string;
  readonly vm?: string;
  readonly latest?: true;
  readonly mode: 'newVm';
  readonly source: 'auto' | 'primary' | 'replica';
  /** Name of the replica target; absent: any. */
  readonly target?: string;
  readonly overrides?: RestoreOverrides;
  readonly dryRun?: boolean;
  /** Whether a replica is read and compared before disks are made of it; default true. */
  readonly verify?: boolean;
}

const NAME = { type: 'string', minLength: 1, maxLength: 80 } as const;
/**
 * A name becomes a part of a resource id. Anything that would end or change that part is refused
 * here; the plan knows each kind's own rules.
 */
const PART_OF_ID = {
  ...NAME,
  pattern: '^[^/\\\\?#%\\s]+$',
  description: "a name without '/', '\\', '?', '#', '%' and blanks",
} as const;
/** Azure's naming rules for resource groups. */
const RESOURCE_GROUP = {
  type: 'string',
  minLength: 1,
  maxLength: 90,
  pattern: '^[-\\p{L}\\p{N}_.()]*[-\\p{L}\\p{N}_()]$',
  description:
    "a resource group's name: letters, digits, '_', '-', '.' and brackets, no '.' at the end",
} as const;

/** JSON Schema of the body of `POST /api/restores`; exactly one way to name the point. */
export const RESTORE_REQUEST_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['mode', 'source'],
  properties: {
    pointId: { type: 'string', pattern: '^p-\\d{8}T\\d{6}Z-[0-9a-f]{8}$' },
    vm: { type: 'string', minLength: 1, maxLength: 500 },
    latest: { const: true },
    mode: { enum: ['newVm'] },
    source: { enum: ['auto', PRIMARY_COPY, 'replica'] },
    target: NAME,
    overrides: {
      type: 'object',
      additionalProperties: false,
      properties: {
        vmName: PART_OF_ID,
        resourceGroup: RESOURCE_GROUP,
        subnetId: {
          type: 'string',
          pattern:
            '^/[Ss]ubscriptions/[^/?#%\\s]+/resource[Gg]roups/[^/?#%\\s]+/providers/Microsoft\\.Network/virtualNetworks/[^/?#%\\s]+/subnets/[^/?#%\\s]+$',
          maxLength: 500,
          description: 'the resource id of a subnet',
        },
        size: PART_OF_ID,
        diskNames: { type: 'object', maxProperties: 100, additionalProperties: PART_OF_ID },
        zone: { type: 'string', pattern: '^[1-9]$' },
      },
    },
    dryRun: { type: 'boolean' },
    verify: { type: 'boolean' },
  },
  oneOf: [
    { required: ['pointId'], not: { anyOf: [{ required: ['vm'] }, { required: ['latest'] }] } },
    { required: ['vm', 'latest'], not: { required: ['pointId'] } },
  ],
} as const;
