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
        vmName: NAME,
        resourceGroup: { type: 'string', minLength: 1, maxLength: 90 },
        subnetId: {
          type: 'string',
          pattern:
            '^/[Ss]ubscriptions/[^/]+/resource[Gg]roups/[^/]+/providers/Microsoft\\.Network/virtualNetworks/[^/]+/subnets/[^/]+$',
        },
        size: NAME,
        diskNames: { type: 'object', additionalProperties: NAME },
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
