import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBlobGuestChannel } from '../../lib/azure/blob-guest-channel.ts';
import { guestLauncher } from '../../lib/azure/guest-launcher.ts';
import { createRealClock } from '../../lib/azure/real-clock.ts';
import { signSessionUrls } from '../../lib/azure/session-urls.ts';
import type { GuestMessage } from '../../lib/consistency/guest-messages.ts';
import { createGuestSession, type GuestSession } from '../../lib/consistency/guest-session.ts';
import { type AzureStand, startAzureStand } from './azure-stand.ts';
import { loadGuestHelper } from './load-guest-helper.ts';
import { createLoopMount, type LoopMount, whyNoLoopMounts } from './loop-mount.ts';

const why = whyNoLoopMounts();
const mustRun = process.env['CI'] === 'true';
if (why !== undefined && !mustRun) {
  process.stderr.write(`skipped: the real guest helper on a real file system: ${why}\n`);
}

/** The real helper, started by the real launcher, on a real ext4, over the real channel. */
describe.runIf(why === undefined || mustRun)('guest-helper.py', () => {
  const clock = createRealClock();
  let stand: AzureStand;
  let mount: LoopMount;
  let session: GuestSession;
  let helper: ChildProcess | undefined;
  let ended: Promise<number | null>;
  let errors = '';

  beforeAll(async () => {
    stand = await startAzureStand();
  });
  afterAll(() => stand?.stop());

  beforeEach(() => {
    mount = createLoopMount();
  });
  afterEach(() => {
    helper?.kill('SIGKILL');
    mount.remove();
  });

  const start = async (environment: Readonly<Record<string, string>> = {}): Promise<void> => {
    const sessionId = `s-${randomBytes(16).toString('hex')}`;
    const { clients, blobEndpoint } = stand;
    const channel = createBlobGuestChannel(clients, blobEndpoint);
    await channel.open(sessionId);
    session = createGuestSession(channel, clock, sessionId);
    const urls = await signSessionUrls(
      { clients, sessionBlobEndpoint: blobEndpoint, clock },
      sessionId,
      120_000,
    );
    const script = join(mount.directory, 'script.sh');
    writeFileSync(script, guestLauncher(loadGuestHelper()));
    helper = spawn('/bin/sh', [script], {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        SSL_CERT_FILE: stand.azure.info.caFile,
        LOCKSTEP_SESSION: sessionId,
        LOCKSTEP_HELLO_TIMEOUT_S: '30',
        LOCKSTEP_TO_GUEST_URL: urls.toGuest,
        LOCKSTEP_FROM_GUEST_URL: urls.fromGuest,
        LOCKSTEP_MOUNTS: mount.mountPoint,
        ...environment,
      },
    });
    errors = '';
    helper.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    const child = helper;
    ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  };

  const hear = async <T extends GuestMessage['type']>(
    type: T,
    limitMs = 15_000,
  ): Promise<Extract<GuestMessage, { type: T }>> => {
    const untilMs = clock.monotonicMs() + limitMs;
    const message = await session.next({ untilMs, pollMs: 20 });
    expect(message?.type, `${errors} ${JSON.stringify(message)}`).toBe(type);
    return message as Extract<GuestMessage, { type: T }>;
  };
  const freeze = async (deadlineMs: number): Promise<void> => {
    await start();
    await hear('hello');
    await session.send({ type: 'go', deadlineMs });
    await hear('frozen');
  };
  const expectBlocked = async () => {
    const write = mount.write('blocked');
    await sleep(400);
    expect(write.isDone()).toBe(false);
    return write;
  };
  const expectWrites = async (): Promise<void> => {
    expect(await mount.write('after').finished).toBe(true);
  };

  it('says what it is and what it would freeze', async () => {
    await start();
    const hello = await hear('hello');
    const sha256 = createHash('sha256').update(loadGuestHelper()).digest('hex');
    expect(hello).toMatchObject({ helperSha256: sha256, helperVersion: '1', preHooks: [] });
    expect(hello.mounts.filter((one) => one.freezable)).toMatchObject([
      { mountPoint: mount.mountPoint, fsType: 'ext4' },
    ]);
    await session.send({ type: 'abort', reason: 'test' });
    await hear('done');
    expect(await ended).toBe(0);
    await expectWrites();
  });

  it('blocks writers while it is frozen, and lets them go on release', async () => {
    await freeze(20_000);
    const write = await expectBlocked();
    await session.send({ type: 'release' });
    const thawed = await hear('thawed');
    expect(thawed).toMatchObject({
      cause: 'released',
      mounts: [{ mountPoint: mount.mountPoint, ok: true }],
      unfrozenSectorsWritten: 0,
    });
    expect(thawed.heldMs).toBeGreaterThan(350);
    expect(await write.finished).toBe(true);
    await hear('done');
    expect(await ended).toBe(0);
  });

  it('freezes an inner mount before the one that it stands on, and thaws in reverse', async () => {
    const inner = createLoopMount(mount);
    try {
      const points = [inner.mountPoint, mount.mountPoint];
      await start({ LOCKSTEP_MOUNTS: points.toReversed().join(':') });
      await hear('hello');
      await session.send({ type: 'go', deadlineMs: 10_000 });
      const frozen = await hear('frozen');
      expect(frozen.mounts.map((one) => one.mountPoint)).toEqual(points);
      const writes = [inner.write('blocked'), mount.write('blocked')];
      await sleep(300);
      expect(writes.map((write) => write.isDone())).toEqual([false, false]);
      await session.send({ type: 'release' });
      const thawed = await hear('thawed');
      expect(thawed.mounts.map((one) => [one.mountPoint, one.ok])).toEqual(
        points.toReversed().map((point) => [point, true]),
      );
      expect(await Promise.all(writes.map((write) => write.finished))).toEqual([true, true]);
    } finally {
      inner.remove();
    }
  });

  it('takes abort for release once it is frozen', async () => {
    await freeze(20_000);
    await session.send({ type: 'abort', reason: 'test' });
    expect(await hear('thawed')).toMatchObject({ cause: 'released' });
    await expectWrites();
  });

  it('thaws by itself at its deadline', async () => {
    await freeze(1_500);
    const write = await expectBlocked();
    const thawed = await hear('thawed');
    expect(thawed).toMatchObject({ cause: 'deadline', mounts: [{ ok: true }] });
    expect(thawed.heldMs).toBeGreaterThanOrEqual(1_400);
    expect(thawed.heldMs).toBeLessThan(1_900);
    expect(await write.finished).toBe(true);
    await hear('done');
  });

  it('thaws when its first process is killed, and says so', async () => {
    await freeze(20_000);
    const write = await expectBlocked();
    helper?.kill('SIGKILL');
    expect(await write.finished).toBe(true);
    expect(await hear('thawed')).toMatchObject({ cause: 'failure', mounts: [{ ok: true }] });
    await hear('done');
  });

  it('thaws when its whole process group is killed, as deleting the run command does', async () => {
    await freeze(20_000);
    const write = await expectBlocked();
    process.kill(-(helper?.pid ?? Number.NaN), 'SIGKILL');
    expect(await write.finished).toBe(true);
    expect(await hear('thawed')).toMatchObject({ cause: 'failure', mounts: [{ ok: true }] });
  });

  it('thaws at its deadline when its first process hangs', async () => {
    await freeze(1_500);
    const write = await expectBlocked();
    helper?.kill('SIGSTOP');
    expect(await write.finished).toBe(true);
    helper?.kill('SIGCONT');
    // Its own thaw found nothing to thaw any more: that is not a thaw by release.
    expect(await hear('thawed')).toMatchObject({ cause: 'deadline', mounts: [{ ok: false }] });
  });

  it('thaws when it is asked to end', async () => {
    await freeze(20_000);
    const write = await expectBlocked();
    helper?.kill('SIGTERM');
    expect(await write.finished).toBe(true);
    expect(await hear('thawed')).toMatchObject({ cause: 'failure', mounts: [{ ok: true }] });
  });

  it('thaws at its deadline when the network is gone', async () => {
    await freeze(1_500);
    const write = await expectBlocked();
    await stand.azure.control.turnRegionOff('westeurope');
    try {
      expect(await write.finished).toBe(true);
    } finally {
      await stand.azure.control.turnRegionOn('westeurope');
    }
    expect(await hear('thawed', 30_000)).toMatchObject({
      cause: 'deadline',
      mounts: [{ ok: true }],
    });
  });

  it('ends by itself when it hears nothing', async () => {
    await start({ LOCKSTEP_HELLO_TIMEOUT_S: '1' });
    await hear('hello');
    await hear('done');
    expect(await ended).toBe(0);
  });

  it('says failed, and leaves nothing frozen, when something is frozen already', async () => {
    const { execFileSync } = await import('node:child_process');
    await start();
    await hear('hello');
    execFileSync('fsfreeze', ['-f', mount.mountPoint], { timeout: 10_000 });
    await session.send({ type: 'go', deadlineMs: 5_000 });
    expect(await hear('failed')).toMatchObject({ stage: 'freeze', thawed: [] });
    await hear('done');
    execFileSync('fsfreeze', ['-u', mount.mountPoint], { timeout: 10_000 });
  });

  it('ends when its session was removed', async () => {
    await start();
    await hear('hello');
    await createBlobGuestChannel(stand.clients, stand.blobEndpoint).remove(session.sessionId);
    expect(await ended).toBe(1);
    expect(errors).toContain('the session is closed');
    expect(errors).not.toContain('sig=');
  });
});
