import { Ajv, type ValidateFunction } from 'ajv';

/** The guest session protocol, version 1: docs/format.md, "Guest session". */

export interface GuestMount {
  readonly mountPoint: string;
  readonly fsType: string;
  readonly device: string;
  /** LUNs of the disks that hold it; -1 is the OS disk. */
  readonly luns: readonly number[];
  readonly freezable: boolean;
  readonly reason?: string;
}

export interface GuestDisk {
  readonly lun: number;
  /** Whether a freeze covers all data of the disk. */
  readonly covered: boolean;
  readonly uncovered: readonly { readonly what: string; readonly reason: string }[];
}

export interface HookResult {
  readonly name: string;
  readonly ok: boolean;
  readonly exitCode: number;
  readonly ms: number;
}

export interface ThawResult {
  readonly mountPoint: string;
  readonly ok: boolean;
  readonly errno?: string;
}

interface Base {
  readonly v: 1;
  readonly session: string;
  readonly seq: number;
}

export interface HelloMessage extends Base {
  readonly type: 'hello';
  readonly helperSha256: string;
  readonly helperVersion: string;
  readonly bootId: string;
  readonly mounts: readonly GuestMount[];
  readonly disks: readonly GuestDisk[];
  readonly preHooks: readonly HookResult[];
  readonly monotonicMs: number;
  readonly utc: string;
}

export interface FrozenMessage extends Base {
  readonly type: 'frozen';
  readonly mounts: readonly { readonly mountPoint: string; readonly ok: true }[];
  readonly deadlineMs: number;
  readonly monotonicMs: number;
  readonly utc: string;
}

export interface FailedMessage extends Base {
  readonly type: 'failed';
  readonly stage: 'hello' | 'freeze' | 'hooks';
  readonly reason: string;
  readonly thawed: readonly ThawResult[];
}

export interface ThawedMessage extends Base {
  readonly type: 'thawed';
  readonly cause: 'released' | 'deadline' | 'failure';
  readonly mounts: readonly ThawResult[];
  readonly heldMs: number;
  readonly monotonicMs: number;
  readonly utc: string;
  /**
   * Sectors that the kernel wrote, between the freeze and the thaw, to mounts that cannot be frozen
   * but count as covered because nothing writes there (the EFI partition).
   */
  readonly unfrozenSectorsWritten?: number;
}

export interface DoneMessage extends Base {
  readonly type: 'done';
  readonly postHooks: readonly HookResult[];
}

export type GuestMessage =
  | HelloMessage
  | FrozenMessage
  | FailedMessage
  | ThawedMessage
  | DoneMessage;
export type GuestMessageType = GuestMessage['type'];

/** What the service says; the session adds version, session and sequence. */
export type ServiceMessage =
  | { readonly type: 'go'; readonly deadlineMs: number }
  | { readonly type: 'release' }
  | { readonly type: 'abort'; readonly reason: string };

export const MAX_LINE_BYTES = 64 * 1024;

const TEXT = { type: 'string' } as const;
const NUMBER = { type: 'number', minimum: 0 } as const;
const list = (items: object) => ({ type: 'array', items, maxItems: 4096 });
const object = (
  properties: Readonly<Record<string, object>>,
  optional: readonly string[] = [],
) => ({
  type: 'object',
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
});
const FLAG = { type: 'boolean' } as const;
const LUN = { type: 'integer', minimum: -1, maximum: 63 } as const;
const HOOKS = list(object({ name: TEXT, ok: FLAG, exitCode: { type: 'integer' }, ms: NUMBER }));
const THAWS = list(object({ mountPoint: TEXT, ok: FLAG, errno: TEXT }, ['errno']));
const TIMES = { monotonicMs: NUMBER, utc: TEXT };

const BODIES: Readonly<Record<GuestMessageType, object>> = {
  hello: object({
    helperSha256: { type: 'string', pattern: '^[0-9a-f]{64}$' },
    helperVersion: TEXT,
    bootId: TEXT,
    mounts: list(
      object(
        {
          mountPoint: TEXT,
          fsType: TEXT,
          device: TEXT,
          luns: list(LUN),
          freezable: FLAG,
          reason: TEXT,
        },
        ['reason'],
      ),
    ),
    disks: list(
      object({ lun: LUN, covered: FLAG, uncovered: list(object({ what: TEXT, reason: TEXT })) }),
    ),
    preHooks: HOOKS,
    ...TIMES,
  }),
  frozen: object({
    mounts: list(object({ mountPoint: TEXT, ok: { const: true } })),
    deadlineMs: NUMBER,
    ...TIMES,
  }),
  failed: object({ stage: { enum: ['hello', 'freeze', 'hooks'] }, reason: TEXT, thawed: THAWS }),
  thawed: object(
    {
      cause: { enum: ['released', 'deadline', 'failure'] },
      mounts: THAWS,
      heldMs: NUMBER,
      unfrozenSectorsWritten: NUMBER,
      ...TIMES,
    },
    ['unfrozenSectorsWritten'],
  ),
  done: object({ postHooks: HOOKS }),
};

let validators: ReadonlyMap<string, ValidateFunction> | undefined;

/** Compiled on first use: not every process that loads this talks to a guest. */
const validatorOf = (type: string): ValidateFunction | undefined => {
  if (validators === undefined) {
    const ajv = new Ajv({ allErrors: false, strict: true });
    validators = new Map(Object.entries(BODIES).map(([name, body]) => [name, ajv.compile(body)]));
  }
  return validators.get(type);
};

export type ParsedGuestLine =
  | { readonly ok: true; readonly message: GuestMessage }
  | { readonly ok: false; readonly problem: string };

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'none').slice(0, 40);

const wrong = (problem: string): ParsedGuestLine => ({ ok: false, problem });

/**
 * Reads one line of the guest, which may be anything at all. `expectedSeq` is the number that this
 * line must bear.
 */
export function parseGuestLine(
  line: Uint8Array,
  sessionId: string,
  expectedSeq: number,
): ParsedGuestLine {
  if (line.byteLength > MAX_LINE_BYTES)
    return wrong(`a line is longer than ${MAX_LINE_BYTES} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(line));
  } catch {
    return wrong('a line is not JSON in UTF-8');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return wrong('a line is not a JSON object');
  }
  const { v, session, seq, type } = value as Readonly<Record<string, unknown>>;
  if (v !== 1) return wrong(`a message has protocol version ${shown(v)}, not 1`);
  if (session !== sessionId) return wrong('a message belongs to another session');
  if (seq !== expectedSeq) {
    return wrong(`a message has number ${shown(seq)}, not ${expectedSeq}`);
  }
  const validate = typeof type === 'string' ? validatorOf(type) : undefined;
  if (validate === undefined) return wrong('a message has an unknown type');
  if (!validate(value)) {
    const error = validate.errors?.[0];
    return wrong(
      `field '${error?.instancePath ?? ''}' of a ${String(type)} message ${error?.message ?? 'is wrong'}`,
    );
  }
  return { ok: true, message: value as unknown as GuestMessage };
}

/** The line, with its line feed, that carries `message` to the guest. */
export const serviceLine = (sessionId: string, seq: number, message: ServiceMessage): string =>
  `${JSON.stringify({ v: 1, session: sessionId, seq, ...message })}\n`;
