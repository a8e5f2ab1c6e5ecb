import { BackupError } from '../errors.ts';
import type { GuestChannel } from '../ports/guest-channel.ts';
import type { Clock } from '../time/clock.ts';
import {
  type GuestMessage,
  type GuestMessageType,
  MAX_LINE_BYTES,
  parseGuestLine,
  type ServiceMessage,
  serviceLine,
} from './guest-messages.ts';

/** The guest broke the protocol. What it says from here on means nothing. */
export class GuestAnswerInvalidError extends BackupError {
  constructor(problem: string) {
    super('GuestAnswerInvalid', `The helper in the VM broke the session protocol: ${problem}`);
    this.name = 'GuestAnswerInvalidError';
  }
}

/** One conversation with the helper inside a VM. One reader at a time; sending may go on beside it. */
export interface GuestSession {
  readonly sessionId: string;
  /**
   * The guest's next message, or undefined when none came until `untilMs` (monotonic) or the signal
   * fired. Throws `GuestAnswerInvalidError`; throws the channel's error when it fails several times
   * in a row.
   */
  next(options: {
    readonly untilMs: number;
    readonly pollMs: number;
    readonly signal?: AbortSignal;
  }): Promise<GuestMessage | undefined>;
  /** Settles when the message stands in the file that the guest reads. */
  send(message: ServiceMessage): Promise<void>;
}

/** Which message may follow which. */
const FOLLOWERS: Readonly<Record<GuestMessageType | 'nothing', readonly GuestMessageType[]>> = {
  nothing: ['hello', 'failed'],
  hello: ['frozen', 'failed', 'done'],
  frozen: ['thawed'],
  failed: ['done'],
  thawed: ['done'],
  done: [],
};

const TOLERATED_READ_FAILURES = 5;
const SEND_TRIES = 4;

export function createGuestSession(
  channel: GuestChannel,
  clock: Clock,
  sessionId: string,
): GuestSession {
  let received = Buffer.alloc(0);
  let offset = 0;
  let expectedSeq = 0;
  let last: GuestMessageType | 'nothing' = 'nothing';
  let sentPosition = 0;
  let sentSeq = 0;
  let goSent = false;

  const takeLine = (): GuestMessage | undefined => {
    const end = received.indexOf(0x0a);
    if (end < 0) {
      if (received.byteLength <= MAX_LINE_BYTES) return undefined;
      throw new GuestAnswerInvalidError(`a line is longer than ${MAX_LINE_BYTES} bytes`);
    }
    const parsed = parseGuestLine(received.subarray(0, end), sessionId, expectedSeq);
    if (!parsed.ok) throw new GuestAnswerInvalidError(parsed.problem);
    const { message } = parsed;
    if (!FOLLOWERS[last].includes(message.type)) {
      throw new GuestAnswerInvalidError(
        last === 'nothing'
          ? `it began with '${message.type}'`
          : `'${message.type}' came after '${last}'`,
      );
    }
    if (message.type === 'frozen' && !goSent) {
      throw new GuestAnswerInvalidError('it says that it froze, and nobody told it to');
    }
    received = received.subarray(end + 1);
    expectedSeq += 1;
    last = message.type;
    return message;
  };

  return {
    sessionId,

    async next({ untilMs, pollMs, signal }) {
      for (let failures = 0; ; ) {
        const message = takeLine();
        if (message !== undefined) return message;
        if (isStopped(signal)) return undefined;
        try {
          const bytes = await channel.read(sessionId, offset, signal);
          failures = 0;
          if (bytes.byteLength > 0) {
            offset += bytes.byteLength;
            received = Buffer.concat([received, bytes]);
            continue;
          }
        } catch (error) {
          if (isStopped(signal)) return undefined;
          failures += 1;
          if (failures > TOLERATED_READ_FAILURES) throw error;
        }
        const leftMs = untilMs - clock.monotonicMs();
        if (leftMs <= 0) return undefined;
        await pause(clock, Math.min(pollMs, leftMs), signal);
      }
    },

    async send(message) {
      if (message.type === 'go') goSent = true;
      const line = serviceLine(sessionId, sentSeq, message);
      for (let tries = 1; ; tries += 1) {
        try {
          const { nextPosition } = await channel.append(sessionId, line, sentPosition);
          sentPosition = nextPosition;
          sentSeq += 1;
          return;
        } catch (error) {
          // A conflict, or a session that is gone, stays so.
          const final =
            error instanceof BackupError &&
            (error.errorCode === 'Conflict' || error.errorCode === 'GuestSessionGone');
          if (final || tries >= SEND_TRIES) throw error;
          await pause(clock, 50 * tries);
        }
      }
    },
  };
}

const isStopped = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

async function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    if (!isStopped(signal)) throw error;
  }
}
