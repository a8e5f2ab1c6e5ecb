import { randomBytes } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GuestChannel } from '../../lib/ports/guest-channel.ts';

export interface GuestChannelSubject {
  readonly channel: GuestChannel;
  /** The guest's side: appends to what the service reads. */
  guestAppend(sessionId: string, text: string): Promise<void>;
}

/** The promises of `GuestChannel`, for the fake of the unit tests and for the adapter alike. */
export function describeGuestChannel(
  name: string,
  start: () => Promise<GuestChannelSubject>,
): void {
  describe(`a guest channel (${name})`, () => {
    let subject: GuestChannelSubject;
    let channel: GuestChannel;
    let sessionId = '';
    beforeAll(async () => {
      subject = await start();
      channel = subject.channel;
    });
    beforeEach(async () => {
      sessionId = `s-${randomBytes(16).toString('hex')}`;
      await channel.open(sessionId);
    });
    const sent = async (): Promise<string> =>
      Buffer.from((await channel.readSent(sessionId)) ?? []).toString('utf8');

    it('begins empty, and may be opened again without losing anything', async () => {
      expect(await sent()).toBe('');
      expect(await channel.read(sessionId, 0)).toHaveLength(0);
      await channel.append(sessionId, 'one\n', 0);
      await channel.open(sessionId);
      expect(await sent()).toBe('one\n');
    });

    it('appends exactly once, however often a line is sent', async () => {
      const { nextPosition } = await channel.append(sessionId, 'one\n', 0);
      expect(await channel.append(sessionId, 'one\n', 0)).toEqual({ nextPosition });
      await channel.append(sessionId, 'zwei – ü\n', nextPosition);
      await channel.append(sessionId, 'one\n', 0);
      expect(await sent()).toBe('one\nzwei – ü\n');
    });

    it('refuses to write where something else stands, or past the end', async () => {
      await channel.append(sessionId, 'one\n', 0);
      for (const [line, position] of [
        ['two\n', 0],
        ['one!\n', 0],
        ['two\n', 9],
      ] as const) {
        await expect(channel.append(sessionId, line, position)).rejects.toMatchObject({
          errorCode: 'Conflict',
        });
      }
      expect(await sent()).toBe('one\n');
    });

    it('reads what the guest wrote from any byte on', async () => {
      await subject.guestAppend(sessionId, 'hello\n');
      await subject.guestAppend(sessionId, 'world\n');
      const text = async (offset: number): Promise<string> =>
        Buffer.from(await channel.read(sessionId, offset)).toString('utf8');
      expect([await text(0), await text(6), await text(12)]).toEqual([
        'hello\nworld\n',
        'world\n',
        '',
      ]);
    });

    it('says when a session is gone', async () => {
      await channel.remove(sessionId);
      await channel.remove(sessionId);
      expect(await channel.readSent(sessionId)).toBeUndefined();
      const gone = { errorCode: 'GuestSessionGone' };
      await expect(channel.read(sessionId, 0)).rejects.toMatchObject(gone);
      await expect(channel.append(sessionId, 'x\n', 0)).rejects.toMatchObject(gone);
    });

    it('names a session by its last part', () => {
      expect(channel.idOf(sessionId).split('/')).toHaveLength(3);
      expect(channel.idOf(sessionId).endsWith(`/${sessionId}`)).toBe(true);
    });
  });
}
