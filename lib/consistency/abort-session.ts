import { BackupError } from '../errors.ts';
import type { GuestChannel } from '../ports/guest-channel.ts';
import { serviceLine } from './guest-messages.ts';

const TRIES = 4;

/**
 * Tells the guest of any session, also of one that another process began, to end and to thaw what it
 * froze. Reads first what was said so far, so it needs to know nothing about the session. Answers
 * whether an `abort` stands there now; false when the session does not exist.
 */
export async function abortSession(
  channel: GuestChannel,
  sessionId: string,
  reason: string,
): Promise<boolean> {
  for (let tries = 1; ; tries += 1) {
    try {
      const sent = await channel.readSent(sessionId);
      if (sent === undefined) return false;
      const text = Buffer.from(sent).toString('utf8');
      const lines = text.split('\n').filter((line) => line !== '');
      if (lines.some((line) => line.includes('"type":"abort"'))) return true;
      const line = serviceLine(sessionId, lines.length, { type: 'abort', reason });
      await channel.append(sessionId, line, sent.byteLength);
      return true;
    } catch (error) {
      if (error instanceof BackupError && error.errorCode === 'GuestSessionGone') return false;
      // A conflict means that somebody else said something meanwhile: look again.
      if (tries >= TRIES) throw error;
    }
  }
}
