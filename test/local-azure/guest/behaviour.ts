import { createBodyParser } from './body-parser.ts';

/** What a simulated guest does wrong on request. An empty object is a guest that does all right. */
export interface GuestBehaviour {
  /** Starts, and never says a word. */
  readonly silent?: true;
  /** The launcher ends at once: no python3, a shell that fails. */
  readonly cannotStart?: { readonly exitCode: number; readonly error: string };
  /** Says `failed` of that stage where `hello` is due. */
  readonly failsAt?: 'hello' | 'hooks';
  /** Says something that the protocol does not allow, in place of the named message. */
  readonly garbage?: { readonly kind: GarbageKind; readonly at: GuestMessageType };
  /** The freeze of a mount (default: the last one) fails; what was frozen before is thawed. */
  readonly freezeFails?: { readonly mountPoint?: string; readonly errno: string };
  /** Thaws by itself after this time, whatever deadline it was told. */
  readonly thawsAfterMs?: number;
  /** Somebody else thaws a mount (default: the first one) meanwhile: the own thaw gives EINVAL. */
  readonly thawFails?: { readonly mountPoint?: string; readonly afterMs?: number };
  /** The time that each mount takes to freeze. Default 1. */
  readonly freezeTakesMs?: number;
  /** Raw volumes: the disk's data are not under any file system that can be frozen. */
  readonly uncoveredLuns?: readonly number[];
  /** Hooks that ran, each with its exit code (0 is success). */
  readonly hooks?: readonly {
    readonly name: string;
    readonly stage: 'pre' | 'post';
    readonly exitCode: number;
  }[];
  /** Never says `done`; the script ends without it, or runs on until it is killed. */
  readonly noDone?: 'ends' | 'hangs';
  /** Waits this long before every message. */
  readonly answersAfterMs?: number;
  /** SIGKILL to the first process as soon as it has said this message. */
  readonly diesAfter?: GuestMessageType;
  /** When the first process is dead: thaw at once, or when the deadline comes (default). */
  readonly watchdogReaction?: 'atOnce' | 'deadline';
}

const GUEST_MESSAGE_TYPES = ['hello', 'frozen', 'failed', 'thawed', 'done'] as const;
export type GuestMessageType = (typeof GUEST_MESSAGE_TYPES)[number];

export const GARBAGE_KINDS = [
  'notJson',
  'notAnObject',
  'notUtf8',
  'wrongSession',
  'wrongVersion',
  'outOfOrderSeq',
  'oversizedLine',
  'unknownType',
  'missingFields',
  'unfinishedLine',
] as const;
export type GarbageKind = (typeof GARBAGE_KINDS)[number];

/** The bytes of a wrong message of each kind; `message` is what should have been said. */
export function makeGarbage(kind: GarbageKind, message: Readonly<Record<string, unknown>>): Buffer {
  const line = (value: unknown) => Buffer.from(`${JSON.stringify(value)}\n`);
  switch (kind) {
    case 'notJson':
      return Buffer.from('Segmentation fault (core dumped)\n');
    case 'notAnObject':
      return line(['hello']);
    case 'notUtf8':
      return Buffer.concat([Buffer.from('{"v":1,"type":"'), Buffer.from([0xc3, 0x28, 0xff, 0x0a])]);
    case 'wrongSession':
      return line({ ...message, session: `s-${'0'.repeat(32)}` });
    case 'wrongVersion':
      return line({ ...message, v: 99 });
    case 'outOfOrderSeq':
      return line({ ...message, seq: Number(message['seq']) + 7 });
    case 'oversizedLine':
      return line({ ...message, padding: 'x'.repeat(80 * 1024) });
    case 'unknownType':
      return line({ ...message, type: 'greetings' });
    case 'missingFields': {
      const { v, session, seq, type } = message;
      return line({ v, session, seq, type });
    }
    case 'unfinishedLine': {
      const whole = line(message);
      return whole.subarray(0, Math.floor(whole.length / 2));
    }
  }
}

const DURATION = { type: 'number', minimum: 0, maximum: 600_000 } as const;

/** Checks a behaviour that came over the control API; the message names the field that is wrong. */
export const parseBehaviour = createBodyParser<GuestBehaviour>('behaviour', {
  silent: { const: true },
  cannotStart: {
    type: 'object',
    properties: { exitCode: { type: 'integer', minimum: 1 }, error: { type: 'string' } },
    required: ['exitCode', 'error'],
    additionalProperties: false,
  },
  failsAt: { enum: ['hello', 'hooks'] },
  garbage: {
    type: 'object',
    properties: { kind: { enum: GARBAGE_KINDS }, at: { enum: GUEST_MESSAGE_TYPES } },
    required: ['kind', 'at'],
    additionalProperties: false,
  },
  freezeFails: {
    type: 'object',
    properties: { mountPoint: { type: 'string' }, errno: { type: 'string' } },
    required: ['errno'],
    additionalProperties: false,
  },
  thawsAfterMs: DURATION,
  thawFails: {
    type: 'object',
    properties: { mountPoint: { type: 'string' }, afterMs: DURATION },
    additionalProperties: false,
  },
  freezeTakesMs: DURATION,
  uncoveredLuns: { type: 'array', items: { type: 'integer', minimum: -1 } },
  hooks: {
    type: 'array',
    items: {
      type: 'object',
      properties: {
        name: { type: 'string' },
        stage: { enum: ['pre', 'post'] },
        exitCode: { type: 'integer' },
      },
      required: ['name', 'stage', 'exitCode'],
      additionalProperties: false,
    },
  },
  noDone: { enum: ['ends', 'hangs'] },
  answersAfterMs: DURATION,
  diesAfter: { enum: GUEST_MESSAGE_TYPES },
  watchdogReaction: { enum: ['atOnce', 'deadline'] },
});
