import { BackupError, ConflictError } from '../../lib/errors.ts';
import type { GuestChannel } from '../../lib/ports/guest-channel.ts';
import { createPortFaults, type PortFaults } from './port-faults.ts';

interface Files {
  toGuest: Buffer;
  fromGuest: Buffer;
}

export interface MemoryGuestChannel extends GuestChannel {
  readonly sessions: ReadonlyMap<string, Files>;
  /** The guest's side: what the service said from `offset` on. */
  guestRead(sessionId: string, offset: number): Buffer;
  guestAppend(sessionId: string, bytes: string | Uint8Array): void;
}

const gone = (sessionId: string): BackupError =>
  new BackupError('GuestSessionGone', `there is no session ${sessionId}`);

export function createMemoryGuestChannel(
  faults: PortFaults = createPortFaults(),
): MemoryGuestChannel {
  const sessions = new Map<string, Files>();
  const of = (sessionId: string): Files => {
    const files = sessions.get(sessionId);
    if (files === undefined) throw gone(sessionId);
    return files;
  };
  return {
    sessions,
    idOf: (sessionId) => `sessions.example/guest-sessions/${sessionId}`,
    open: (sessionId) =>
      faults.run('channel.open', () => {
        if (sessions.has(sessionId)) return;
        sessions.set(sessionId, { toGuest: Buffer.alloc(0), fromGuest: Buffer.alloc(0) });
      }),
    append: (sessionId, line, position) =>
      faults.run('channel.append', () => {
        const files = of(sessionId);
        const bytes = Buffer.from(line, 'utf8');
        const nextPosition = position + bytes.byteLength;
        if (files.toGuest.byteLength !== position) {
          const there = files.toGuest.subarray(position, nextPosition);
          if (there.equals(bytes)) return { nextPosition };
          throw new ConflictError('something else stands there');
        }
        files.toGuest = Buffer.concat([files.toGuest, bytes]);
        return { nextPosition };
      }),
    read: (sessionId, offset) =>
      faults.run('channel.read', () =>
        of(sessionId).fromGuest.subarray(offset, offset + 1_048_576),
      ),
    readSent: (sessionId) => faults.run('channel.readSent', () => sessions.get(sessionId)?.toGuest),
    remove: (sessionId) => faults.run('channel.remove', () => void sessions.delete(sessionId)),
    guestRead: (sessionId, offset) => of(sessionId).toGuest.subarray(offset),
    guestAppend(sessionId, bytes) {
      const files = of(sessionId);
      files.fromGuest = Buffer.concat([files.fromGuest, Buffer.from(bytes)]);
    },
  };
}
