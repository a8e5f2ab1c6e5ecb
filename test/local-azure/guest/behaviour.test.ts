import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { GARBAGE_KINDS } from './behaviour.ts';
import { createSessionRig, type SessionRig, VM_ID, waitUntil } from './session-rig.ts';

let rig: SessionRig;

beforeAll(async () => {
  rig = await createSessionRig({ diskCount: 3 });
});

afterEach(() => {
  rig.guests.guest(VM_ID).behaviour = {};
  expect(rig.guests.frozenGuests()).toEqual([]);
});

afterAll(async () => {
  await rig.close();
});

describe('behaviours', () => {
  async function goAndHear(type: string, deadlineMs = 5000) {
    const cloud = rig.open();
    cloud.say('go', { deadlineMs });
    return { cloud, message: await cloud.hear(type) };
  }

  it('silent: says nothing and hangs until killed', async () => {
    rig.guests.guest(VM_ID).behaviour = { silent: true };
    const cloud = rig.open();
    expect(rig.guests.runningProcesses()).toHaveLength(1);
    cloud.process.kill();
    expect(await cloud.process.finished).toMatchObject({ exitCode: 137 });
    expect(cloud.raw()).toHaveLength(0);
    expect(rig.guests.sessions.at(-1)?.ended).toEqual({ exitCode: 137, how: 'killed' });
    expect(rig.guests.runningProcesses()).toEqual([]);
  });

  it('cannotStart: ends with an exit code and says nothing', async () => {
    const cannotStart = { exitCode: 127, error: 'python3: not found' };
    rig.guests.guest(VM_ID).behaviour = { cannotStart };
    const cloud = rig.open();
    expect(await cloud.process.finished).toEqual({ output: '', ...cannotStart });
    expect(cloud.raw()).toHaveLength(0);
  });

  it.each(['hello', 'hooks'] as const)(
    'failsAt %s: says so and freezes nothing',
    async (failsAt) => {
      rig.guests.guest(VM_ID).behaviour = { failsAt };
      const cloud = rig.open();
      await cloud.process.finished;
      expect(cloud.messages()).toMatchObject([
        { type: 'failed', stage: failsAt, seq: 0 },
        { type: 'done', seq: 1 },
      ]);
      expect(rig.guests.freezes.find(cloud.session)).toBeUndefined();
    },
  );

  it.each(GARBAGE_KINDS)('garbage %s: takes the place of a good message', async (kind) => {
    rig.guests.guest(VM_ID).behaviour = { garbage: { kind, at: 'frozen' } };
    const cloud = rig.open();
    const hello = await cloud.hear('hello');
    const before = cloud.raw().length;
    cloud.say('go', { deadlineMs: 5000 });
    await waitUntil(() => cloud.raw().length > before, 'the garbage');
    expect(rig.guests.frozenGuests()).toHaveLength(1);
    const second = cloud.raw().subarray(before);
    expect(isGood(second, String(hello['session']))).toBe(false);
    cloud.say('abort', { reason: 'garbage' });
    expect(await cloud.process.finished).toMatchObject({ exitCode: 0 });
    expect(rig.guests.frozenGuests()).toEqual([]);
  });

  it('freezeFails: reports the mount and thaws what was frozen', async () => {
    rig.guests.guest(VM_ID).behaviour = { freezeFails: { mountPoint: '/', errno: 'EOPNOTSUPP' } };
    const { cloud, message } = await goAndHear('failed');
    expect(message).toMatchObject({
      stage: 'freeze',
      reason: '/: EOPNOTSUPP',
      thawed: [
        { mountPoint: '/srv/data1', ok: true },
        { mountPoint: '/srv/data0', ok: true },
      ],
    });
    await cloud.hear('done');
  });

  it('thawsAfterMs: thaws earlier than it was told', async () => {
    rig.guests.guest(VM_ID).behaviour = { thawsAfterMs: 40 };
    const { cloud, message } = await goAndHear('thawed');
    expect(message).toMatchObject({ cause: 'deadline' });
    expect(cloud.messages()[1]).toMatchObject({ type: 'frozen', deadlineMs: 5000 });
    await cloud.process.finished;
  });

  it('thawFails: somebody else thawed a mount, so the own thaw gives EINVAL', async () => {
    rig.guests.guest(VM_ID).behaviour = { thawFails: { mountPoint: '/srv/data0', afterMs: 5 } };
    const { cloud } = await goAndHear('frozen');
    await waitUntil(
      () => rig.guests.frozenGuests()[0]?.mountPoints.length === 2,
      'the thaw by somebody else',
    );
    cloud.say('release');
    expect(await cloud.hear('thawed')).toMatchObject({
      cause: 'released',
      mounts: [
        { mountPoint: '/', ok: true },
        { mountPoint: '/srv/data1', ok: true },
        { mountPoint: '/srv/data0', ok: false, errno: 'EINVAL' },
      ],
    });
    await cloud.process.finished;
  });

  it('freezeTakesMs: a freeze that outlasts the deadline is no freeze', async () => {
    rig.guests.guest(VM_ID).behaviour = { freezeTakesMs: 60 };
    const { cloud, message } = await goAndHear('failed', 20);
    expect(message['reason']).toContain('watchdog');
    await cloud.process.finished;
  });

  it('uncoveredLuns: names the disk and leaves it out of the freeze', async () => {
    rig.guests.guest(VM_ID).behaviour = { uncoveredLuns: [1] };
    const { cloud } = await goAndHear('frozen');
    expect(cloud.messages()[0]?.['disks']).toMatchObject([
      { lun: -1, covered: true },
      { lun: 0, covered: true },
      { lun: 1, covered: false, uncovered: [{ reason: expect.stringContaining('raw volume') }] },
    ]);
    expect(rig.guests.frozenGuests()[0]?.mountPoints).toEqual(['/', '/srv/data0']);
    cloud.say('release');
    await cloud.process.finished;
  });

  it('hooks: reports their exit codes in hello and done', async () => {
    rig.guests.guest(VM_ID).behaviour = {
      hooks: [
        { name: 'db', stage: 'pre', exitCode: 3 },
        { name: 'db', stage: 'post', exitCode: 0 },
      ],
    };
    const { cloud } = await goAndHear('frozen');
    expect(cloud.messages()[0]?.['preHooks']).toMatchObject([
      { name: 'db', ok: false, exitCode: 3 },
    ]);
    cloud.say('release');
    expect(await cloud.hear('done')).toMatchObject({ postHooks: [{ name: 'db', ok: true }] });
  });

  it('noDone: ends, or hangs, without the last message', async () => {
    for (const noDone of ['ends', 'hangs'] as const) {
      rig.guests.guest(VM_ID).behaviour = { noDone };
      const { cloud } = await goAndHear('frozen');
      cloud.say('release');
      await cloud.hear('thawed');
      if (noDone === 'hangs') cloud.process.kill();
      expect(await cloud.process.finished).toMatchObject({ exitCode: noDone === 'ends' ? 0 : 137 });
      expect(cloud.messages().at(-1)).toMatchObject({ type: 'thawed' });
    }
  });

  it('answersAfterMs: every message is late', async () => {
    rig.guests.guest(VM_ID).behaviour = { answersAfterMs: 50 };
    const startedMs = performance.now();
    const { cloud } = await goAndHear('frozen');
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(95);
    cloud.say('release');
    await cloud.process.finished;
  });
});

function isGood(line: Buffer, session: string): boolean {
  if (line.length > 64 * 1024 || line.at(-1) !== 10) return false;
  try {
    const message = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(line));
    return (
      message.v === 1 &&
      message.session === session &&
      message.seq === 1 &&
      message.type === 'frozen' &&
      Array.isArray(message.mounts)
    );
  } catch {
    return false;
  }
}
