import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type CloudEnd,
  createSessionRig,
  HELPER_TEXT,
  SCRIPT,
  type SessionRig,
  VM_ID,
  waitUntil,
} from './session-rig.ts';

let rig: SessionRig;

beforeAll(async () => {
  rig = await createSessionRig({ diskCount: 3 });
});

afterEach(async () => {
  const guest = rig.guests.guest(VM_ID);
  guest.behaviour = {};
  await guest.stopWriters();
  expect(rig.guests.frozenGuests()).toEqual([]);
});

afterAll(async () => {
  await rig.close();
});

describe('a guest session', () => {
  it('goes from hello to done when the cloud releases', async () => {
    const cloud = rig.open();
    const hello = await cloud.hear('hello');
    expect(hello).toMatchObject({
      v: 1,
      session: cloud.session,
      seq: 0,
      helperSha256: createHash('sha256').update(HELPER_TEXT).digest('hex'),
      helperVersion: '1.2',
      mounts: [
        { mountPoint: '/', fsType: 'ext4', luns: [-1], freezable: true },
        { mountPoint: '/srv/data0', luns: [0] },
        { mountPoint: '/srv/data1', luns: [1] },
      ],
      disks: [-1, 0, 1].map((lun) => ({ lun, covered: true, uncovered: [] })),
      preHooks: [],
    });
    expect(rig.guests.frozenGuests()).toEqual([]);
    cloud.say('go', { deadlineMs: 5000 });
    const frozen = await cloud.hear('frozen');
    expect(frozen).toMatchObject({
      deadlineMs: 5000,
      mounts: [{ ok: true }, { ok: true }, { ok: true }],
    });
    expect(rig.guests.frozenGuests()).toEqual([
      { vmId: VM_ID, mountPoints: ['/', '/srv/data0', '/srv/data1'] },
    ]);
    cloud.say('release');
    const thawed = await cloud.hear('thawed');
    expect(thawed).toMatchObject({
      cause: 'released',
      mounts: [{ mountPoint: '/', ok: true }, {}, {}],
    });
    await cloud.hear('done');
    expect(await cloud.process.finished).toMatchObject({ exitCode: 0 });
    expect(cloud.messages().map(({ seq }) => seq)).toEqual([0, 1, 2, 3]);
    expect(rig.guests.freezes.find(cloud.session)).toMatchObject({
      cause: 'released',
      deadlineMs: 5000,
      mounts: [{ mountPoint: '/srv/data0' }, { mountPoint: '/srv/data1' }, { mountPoint: '/' }],
    });
    expect(rig.guests.sessions.at(-1)).toMatchObject({
      scriptSha256: createHash('sha256').update(SCRIPT).digest('hex'),
      problems: [],
      ended: { exitCode: 0, how: 'exited' },
    });
  });

  it('ends without a freeze when the cloud aborts before go', async () => {
    const cloud = rig.open();
    await cloud.hear('hello');
    cloud.say('abort', { reason: 'not ready' });
    await cloud.hear('done');
    expect(rig.guests.freezes.find(cloud.session)).toBeUndefined();
  });

  it('ends without a freeze when neither go nor abort comes in time', async () => {
    const cloud = rig.open({
      parameters: { LOCKSTEP_SESSION: `s-${'a'.repeat(32)}`, LOCKSTEP_HELLO_TIMEOUT_S: '0.05' },
    });
    await cloud.hear('done');
    expect(cloud.messages()).toHaveLength(2);
  });

  it('thaws when the cloud aborts after go', async () => {
    const cloud = rig.open();
    cloud.say('go', { deadlineMs: 5000 });
    await cloud.hear('frozen');
    cloud.say('abort', { reason: 'a snapshot was refused' });
    expect(await cloud.hear('thawed')).toMatchObject({ cause: 'released' });
    await cloud.process.finished;
  });

  it('thaws by itself at the deadline', async () => {
    const cloud = rig.open();
    cloud.say('go', { deadlineMs: 60 });
    expect(await cloud.hear('thawed')).toMatchObject({ cause: 'deadline' });
    const record = rig.guests.freezes.find(cloud.session);
    expect(record?.heldMs).toBeGreaterThanOrEqual(55);
    expect(record?.heldMs).toBeLessThan(3000);
    await cloud.process.finished;
  });

  it.each([
    { what: 'a line that is not JSON', raw: 'release' },
    { what: 'a release before go', type: 'release' },
    { what: 'an unknown type', type: 'hurry' },
    { what: 'a deadline beyond the ceiling', type: 'go', fields: { deadlineMs: 30_001 } },
  ])('ends with an error on $what from the cloud', async ({ raw, type, fields }) => {
    const cloud = rig.open();
    await cloud.hear('hello');
    if (type === undefined) cloud.sayRaw(`${raw}\n`);
    else cloud.say(type, fields);
    expect(await cloud.process.finished).toMatchObject({ exitCode: 1 });
    expect(rig.guests.sessions.at(-1)?.problems[0]).toContain('CloudProtocolError');
  });

  it('thaws on a protocol error of the cloud while frozen', async () => {
    const cloud = rig.open();
    cloud.say('go', { deadlineMs: 5000 });
    await cloud.hear('frozen');
    cloud.sayRaw('{}\n');
    expect(await cloud.hear('thawed')).toMatchObject({ cause: 'failure' });
    expect(await cloud.process.finished).toMatchObject({ exitCode: 1 });
  });

  it('says each message once when connections break', async () => {
    const cloud = rig.open();
    await cloud.hear('hello');
    for (const when of ['before', 'after'] as const) rig.breakConnections(2, when);
    cloud.say('go', { deadlineMs: 5000 });
    await cloud.hear('frozen');
    rig.breakConnections(3, 'after');
    cloud.say('release');
    await cloud.process.finished;
    expect(cloud.messages().map(({ type }) => type)).toEqual(['hello', 'frozen', 'thawed', 'done']);
  });

  it('gives up when the signature is refused', async () => {
    const cloud = rig.open({
      protectedParameters: {
        LOCKSTEP_TO_GUEST_URL: 'https://127.0.0.1:1/none?sig=x',
        LOCKSTEP_FROM_GUEST_URL: `${await anyUrl()}?sig=wrong`,
      },
    });
    expect(await cloud.process.finished).toMatchObject({ exitCode: 1 });
    expect(rig.guests.sessions.at(-1)?.problems[0]).toMatch(/append was refused with 40[34]/);
  });

  it('refuses a script without the helper, and parameters that are missing', async () => {
    const noHelper = rig.open({ script: '#!/bin/sh\necho python\n' });
    expect(await noHelper.process.finished).toMatchObject({ exitCode: 1 });
    const broken = rig.open({ script: SCRIPT.replace('done', '') });
    expect(await broken.process.finished).toMatchObject({ exitCode: 1 });
    expect(rig.guests.sessions.at(-1)?.problems[0]).toContain('sh cannot parse');
    const noSession = rig.open({ parameters: {} });
    expect((await noSession.process.finished).error).toContain('LOCKSTEP_SESSION');
  });

  it('notes a signature in a plain parameter', async () => {
    const cloud = rig.open({ parameters: { LOCKSTEP_TO_GUEST_URL: 'https://x/?sv=1&sig=abc' } });
    await cloud.process.finished;
    expect(rig.guests.sessions.at(-1)?.problems[0]).toContain('plain parameter');
  });
});

/** The blob of a new session: its server answers 403 to a wrong signature. */
async function anyUrl(): Promise<string> {
  const probe = rig.open({ script: 'none' });
  await probe.process.finished;
  return rig.fromGuestUrl(probe.session);
}

type CloudAct =
  | { readonly act: 'go'; readonly deadlineMs: number }
  | { readonly act: 'release' | 'abort' | 'nonsense' | 'kill' | 'breakBefore' | 'breakAfter' }
  | { readonly act: 'wait'; readonly ms: number };

async function perform(cloud: CloudEnd, { act, ...rest }: CloudAct): Promise<void> {
  switch (act) {
    case 'go':
    case 'release':
      cloud.say(act, rest);
      break;
    case 'abort':
      cloud.say(act, { reason: 'because' });
      break;
    case 'nonsense':
      cloud.sayRaw('nonsense\n');
      break;
    case 'kill':
      cloud.process.kill();
      break;
    case 'breakBefore':
    case 'breakAfter':
      rig.breakConnections(2, act === 'breakBefore' ? 'before' : 'after');
      break;
    case 'wait':
      await sleep('ms' in rest ? rest.ms : 0);
  }
}

describe('any guest session', () => {
  it('leaves nothing frozen past its deadline, whatever the cloud does', async () => {
    const deadline = fc.integer({ min: 20, max: 60 });
    const act: fc.Arbitrary<CloudAct> = fc.oneof(
      deadline.map((deadlineMs) => ({ act: 'go' as const, deadlineMs })),
      fc
        .constantFrom('release', 'abort', 'nonsense', 'kill', 'breakBefore', 'breakAfter')
        .map((name) => ({ act: name }) as CloudAct),
      fc.integer({ min: 1, max: 25 }).map((ms) => ({ act: 'wait' as const, ms })),
    );
    await fc.assert(
      fc.asyncProperty(deadline, fc.array(act, { maxLength: 6 }), async (deadlineMs, acts) => {
        const cloud = rig.open();
        cloud.say('go', { deadlineMs });
        for (const next of acts) await perform(cloud, next);
        await sleep(70);
        await waitUntil(() => rig.guests.frozenGuests().length === 0, 'the thaw', 5000);
        cloud.process.kill();
        await cloud.process.finished;
        const record = rig.guests.freezes.find(cloud.session);
        expect(record?.heldMs ?? 0).toBeLessThan(60 + 5000);
        expect(record?.mounts.every(({ thawedAtMs }) => thawedAtMs !== undefined)).not.toBe(false);
      }),
      { numRuns: 15 },
    );
  }, 30_000);
});

describe('a guest whose first process is killed', () => {
  it.each(['deadline', 'atOnce'] as const)('is thawed by the watchdog (%s)', async (reaction) => {
    rig.guests.guest(VM_ID).behaviour = { watchdogReaction: reaction };
    const cloud = rig.open();
    cloud.say('go', { deadlineMs: 400 });
    await cloud.hear('frozen');
    cloud.process.kill();
    expect(await cloud.process.finished).toMatchObject({ exitCode: 137 });
    expect(rig.guests.frozenGuests()).toHaveLength(reaction === 'deadline' ? 1 : 0);
    await waitUntil(() => rig.guests.frozenGuests().length === 0, 'the thaw');
    expect(rig.guests.freezes.find(cloud.session)?.cause).toBe(
      reaction === 'deadline' ? 'deadline' : 'failure',
    );
    expect(cloud.messages().map(({ type }) => type)).toEqual(['hello', 'frozen']);
  });

  it('keeps a later run command waiting while / is frozen', async () => {
    const cloud = rig.open();
    cloud.say('go', { deadlineMs: 100 });
    await cloud.hear('frozen');
    const second = rig.open();
    const hello = await second.hear('hello');
    const record = rig.guests.freezes.find(cloud.session);
    expect(hello['monotonicMs']).toBeGreaterThanOrEqual(record?.thawedAtMs ?? Number.NaN);
    expect(record?.blockedWrites).toBe(0);
    expect(rig.guests.sessions.at(-1)?.problems[0]).toContain('started while / was frozen');
    second.say('abort', { reason: 'enough' });
    await second.process.finished;
    await cloud.process.finished;
  });

  it('dies by itself after the message it was told to', async () => {
    rig.guests.guest(VM_ID).behaviour = { diesAfter: 'frozen' };
    const cloud = rig.open();
    cloud.say('go', { deadlineMs: 100 });
    expect(await cloud.process.finished).toMatchObject({ exitCode: 137 });
    await waitUntil(() => rig.guests.frozenGuests().length === 0, 'the thaw');
  });
});
