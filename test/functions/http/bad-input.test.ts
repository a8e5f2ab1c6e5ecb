import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPoint } from '../../../functions/http/create-point.ts';
import { createRestore } from '../../../functions/http/create-restore.ts';
import { getPoint } from '../../../functions/http/get-point.ts';
import { getRun } from '../../../functions/http/get-run.ts';
import { listPoints, listVmPoints } from '../../../functions/http/list-points.ts';
import { problemOfRefusals, problemResponse } from '../../../functions/shared/problems.ts';
import { createRestoreWorld, PAIRED_SUBNET_ID } from '../../fakes/restore-world.ts';
import {
  SAMPLE_VM_KEY,
  sampleConfiguration,
  sampleDisks,
  samplePoint,
} from '../../fakes/sample-point.ts';
import { createHttpStand } from '../../support/http-call.ts';

const { pointId } = samplePoint();
const runId = `restore-${SAMPLE_VM_KEY}-20261123T180000Z-abc123`;

async function stand() {
  const world = createRestoreWorld();
  await world.seal(samplePoint());
  const http = createHttpStand({
    settings: { roles: ['restore'] },
    services: { restore: () => world.ports, catalog: world.ports.catalog },
  });
  await world.ports.catalog.putFact('catalogRebuiltAtUtc', '2026-11-23T18:00:00.000Z');
  return http;
}

/** What somebody sends who means harm, beside what a generator thinks of. */
const hostileText = fc.oneof(
  fc.constantFrom(
    ...[
      '__proto__',
      'constructor',
      'toString',
      '..',
      '../..',
      '/',
      'a/b',
      'a?b#c',
      '%2e%2e%2f',
      '',
    ],
    ...['a\u0000b', 'a\r\nb', '\u202e', '\ud800', 'ß', ' ', "'", '" or 1 eq 1', 'x'.repeat(5_000)],
    ...[
      pointId,
      runId,
      SAMPLE_VM_KEY,
      'p-99999999T999999Z-00000000',
      'p-20260231T250000Z-ffffffff',
    ],
  ),
  fc.string({ maxLength: 40 }),
);
const hostileValue = fc.oneof(
  hostileText,
  fc.constantFrom(null, true, 0, -1, 1.5, 1e308, [], {}, [[]]),
  fc.array(hostileText, { maxLength: 4 }),
  fc.dictionary(hostileText, hostileText, { maxKeys: 3 }),
);
const restoreBody = fc.record(
  {
    pointId: fc.oneof(fc.constant(pointId), hostileValue),
    vm: hostileValue,
    latest: fc.constantFrom(true, 'yes'),
    mode: fc.oneof(fc.constant('newVm'), hostileValue),
    source: fc.oneof(fc.constantFrom('auto', 'replica', 'primary'), hostileValue),
    target: fc.oneof(fc.constant('paired'), hostileValue),
    overrides: fc.oneof(
      fc.record(
        {
          vmName: hostileText,
          resourceGroup: fc.oneof(fc.constant('rg-restored'), hostileText),
          subnetId: fc.oneof(fc.constant(PAIRED_SUBNET_ID), hostileText),
          size: hostileText,
          zone: hostileText,
          diskNames: fc.dictionary(fc.oneof(fc.constant('db-1-os'), hostileText), hostileText),
        },
        { requiredKeys: [] },
      ),
      hostileValue,
    ),
    dryRun: fc.constantFrom(true, 'no'),
  },
  { requiredKeys: ['pointId', 'mode', 'source'] },
);

/** 4xx with a code and a text; a 5xx would blame us, or ask somebody to repeat what cannot work. */
const assertRefusedOrDone = ({
  status,
  body,
}: {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}) => {
  expect(status, JSON.stringify(body).slice(0, 300)).toBeLessThan(500);
  if (status < 400) return;
  expect(body).toMatchObject({ status, errorCode: expect.any(String) });
  expect(String(body['detail'])).not.toBe('');
};

describe('whatever callers send', () => {
  it('is answered by a restore with what is wrong with it', async () => {
    const { call } = await stand();
    const post = (json: unknown) => call(createRestore, { method: 'POST', json });
    await fc.assert(
      fc.asyncProperty(restoreBody, async (body) => assertRefusedOrDone(await post(body))),
      { numRuns: 400 },
    );
  });

  it.each(['vmName', 'resourceGroup', 'size'])('names %s when it holds a path', async (field) => {
    const { call } = await stand();
    const overrides = {
      resourceGroup: 'rg-restored',
      subnetId: PAIRED_SUBNET_ID,
      [field]: 'a/b',
    };
    const json = { pointId, mode: 'newVm', source: 'replica', dryRun: true, overrides };

    const { status, body } = await call(createRestore, { method: 'POST', json });

    expect(status).toBe(400);
    expect(JSON.stringify(body['errors'])).toContain(`/overrides/${field}`);
  });

  it('is answered by a start of a run with what is wrong with it', async () => {
    const { call } = createHttpStand();
    const anyBody = fc.record(
      {
        vmId: hostileValue,
        vmKey: hostileValue,
        consistency: fc.oneof(
          hostileValue,
          fc.record({ provider: hostileText, label: hostileText, freezeDeadlineMs: hostileValue }),
        ),
        targets: hostileValue,
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(anyBody, fc.jsonValue()), async (json) =>
        assertRefusedOrDone(await call(createPoint, { method: 'POST', json })),
      ),
      { numRuns: 300 },
    );
  });

  it('is answered by every read with what is wrong with it', async () => {
    const { call } = createHttpStand();
    await fc.assert(
      fc.asyncProperty(hostileText, hostileText, async (a, b) => {
        assertRefusedOrDone(await call(getPoint, { params: { pointId: a } }));
        assertRefusedOrDone(await call(getRun, { params: { runId: a } }));
        assertRefusedOrDone(await call(listVmPoints, { params: { vmKey: a } }));
        assertRefusedOrDone(await call(listPoints, { query: { [a]: b } }));
        assertRefusedOrDone(await call(listPoints, { query: { continuation: b, vmKey: a } }));
      }),
      { numRuns: 150 },
    );
  });

  it('refuses a page token of a day that there never was', async () => {
    const { call } = createHttpStand();
    const forged = Buffer.from(`p-99999999T999999Z-00000000.${SAMPLE_VM_KEY}`).toString(
      'base64url',
    );

    const answer = await call(listPoints, { query: { continuation: forged } });

    expect(answer).toMatchObject({ status: 400, body: { errorCode: 'FieldInvalid' } });
  });

  it('plans a disk that is called as every object’s members are', async () => {
    const world = createRestoreWorld();
    const disks = sampleDisks(1).map((disk, index) =>
      index === 1 ? { ...disk, name: 'constructor' } : disk,
    );
    const point = samplePoint({ configuration: sampleConfiguration({ disks }) });
    await world.seal(point);
    const { call } = createHttpStand({
      settings: { roles: ['restore'] },
      services: { restore: () => world.ports, catalog: world.ports.catalog },
    });
    await world.ports.catalog.putFact('catalogRebuiltAtUtc', '2026-11-23T18:00:00.000Z');
    const overrides = { resourceGroup: 'rg-restored', subnetId: PAIRED_SUBNET_ID, diskNames: {} };

    const { status, body } = await call(createRestore, {
      method: 'POST',
      json: { pointId, mode: 'newVm', source: 'replica', dryRun: true, overrides },
    });

    expect(status).toBe(200);
    expect(JSON.stringify(body)).toContain('/disks/constructor"');
  });

  it('repeats no secret of an error, in whichever member', () => {
    const message = 'could not read https://md-1.blob.core.windows.net/x?sv=1&sig=QUJDREVGRw%3D%3D';
    const refusal = { ok: false, errorCode: 'X', message, target: 'vm' } as const;

    const { body } = problemResponse(problemOfRefusals([refusal, refusal]));

    expect(String(body)).toContain('could not read');
    expect(String(body)).not.toContain('QUJDREVGRw');
  });

  it('names no more than a few of countless errors', async () => {
    const { call } = createHttpStand();
    const targets = Array.from({ length: 60_000 }, () => '');

    const { status, body } = await call(createPoint, { method: 'POST', json: { targets } });

    expect(status).toBe(400);
    expect(JSON.stringify(body).length).toBeLessThan(20_000);
  });

  it('refuses a body by its announced length, before it is read', async () => {
    const { call } = createHttpStand();

    const { status, body } = await call(createPoint, {
      method: 'POST',
      json: {},
      contentLength: '900000000',
    });

    expect(status).toBe(413);
    expect(body).toMatchObject({ errorCode: 'BodyTooLarge' });
  });
});
