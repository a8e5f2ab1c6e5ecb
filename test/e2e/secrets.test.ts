import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FaultAction, FaultMatch } from '../local-azure/front/faults.ts';
import { DEPLOYMENT } from '../world/app-settings.ts';
import { until } from '../world/lockstep-api.ts';
import { blobService } from '../world/start-world.ts';
import { withFault } from './planted-fault.ts';
import { brokenPromises } from './promises.ts';
import { BASELINE, copyReaches, protect, type SmallWorld, startSmallWorld } from './small-world.ts';

/** No signature, token or key that was issued is written down, above all not by what failed. */

let small: SmallWorld;
let pointId: string;
const restoredVmIds: string[] = [];
/** Everything that callers were answered. */
const answers: string[] = [];

beforeAll(async () => {
  small = await startSmallWorld();
  quoted = (await small.world.azure.control.plantSecret()).value;
});
afterAll(async () => {
  await small?.world.stop();
});

const protectAndKeepAnswer = async () => {
  const run = await protect(small.app, small.vm.vmId, { targets: [DEPLOYMENT.target] });
  answers.push(JSON.stringify(run));
  return run;
};

async function restoreFrom(source: string, vmName: string): Promise<string> {
  const { restoreGroup, pairedRegion } = DEPLOYMENT;
  const { subnetId } = await small.world.azure.control.createNetwork({
    name: restoreGroup,
    resourceGroup: restoreGroup,
    region: pairedRegion,
  });
  const place = source === 'replica' ? { resourceGroup: restoreGroup, subnetId } : {};
  const started = await small.app.call('POST', '/api/restores', {
    pointId,
    mode: 'newVm',
    source,
    overrides: { vmName, ...place },
  });
  expect(started).toMatchObject({ status: 202 });
  const run = await small.app.finishRun(started.headers.get('location') ?? '');
  answers.push(JSON.stringify(started.body), JSON.stringify(run));
  if (run.state === 'succeeded') restoredVmIds.push(String(run.result?.['vmId']));
  return run.state;
}

/** Set before anything else: a signature that counts as issued. */
let quoted: string;

/** A refusal that quotes a signed URL in its message, as some of Azure's do. */
const quoting = (status: number, code: string) => (): FaultAction => ({
  status,
  code,
  message: `planted ${code}: https://x.blob.core.windows.net/a/b?sv=2024-11-04&sp=r&sig=${encodeURIComponent(quoted)}&se=2030 cannot be read`,
});

describe('after runs of every kind, and failures of every kind', () => {
  it('makes a point, copies and restores it', async () => {
    const run = await protectAndKeepAnswer();
    pointId = run.pointId ?? '';
    await copyReaches(small.app, pointId, ['sealed']);
    expect(await restoreFrom('replica', 'kept-1')).toBe('succeeded');
  });

  it.each<[string, FaultMatch, () => FaultAction]>([
    [
      'the helper is refused',
      { service: 'arm', method: 'PUT', pathPattern: '/runCommands/', count: 0 },
      quoting(409, 'OperationNotAllowed'),
    ],
    [
      'the session’s files are refused',
      { service: 'blob', pathPattern: '/guest-sessions', count: 0 },
      quoting(403, 'AuthorizationFailure'),
    ],
    [
      'a snapshot is refused',
      { service: 'arm', method: 'PUT', pathPattern: '/snapshots/', nth: 2, count: 0 },
      quoting(400, 'InvalidParameter'),
    ],
  ])('fails a protect run when %s', async (_what, match, action) => {
    const state = await withFault(small.world, match, action(), async () => {
      const started = await small.app.call('POST', '/api/points', {
        vmId: small.vm.vmId,
        targets: [],
      });
      expect(started).toMatchObject({ status: 202 });
      const run = await small.app.finishRun(started.headers.get('location') ?? '');
      answers.push(JSON.stringify(run));
      return run.state;
    });
    expect(state).toBe('failed');
  });

  it.each<[string, FaultMatch, () => FaultAction]>([
    [
      'the source’s pages are refused',
      { service: 'disk', count: 0 },
      quoting(403, 'AuthenticationFailed'),
    ],
    ['the source is cut off', { service: 'disk', count: 0 }, () => ({ resetBefore: true })],
    [
      'the target cannot read the source',
      { service: 'blob', operation: 'Put Page From URL', count: 0 },
      quoting(403, 'CannotVerifyCopySource'),
    ],
  ])('puts a copy off, or finds another way, when %s', async (_what, match, action) => {
    const made = await withFault(small.world, match, action(), async () => {
      const run = await protectAndKeepAnswer();
      await until(
        'the copy met the fault',
        async () => {
          const { body } = await small.app.call<{
            copies: readonly { copy: string; state: string; lastFailure?: unknown }[];
          }>('GET', `/api/points/${run.pointId}`);
          const copy = body.copies.find((one) => one.copy === DEPLOYMENT.target);
          answers.push(JSON.stringify(body));
          return copy?.lastFailure !== undefined || copy?.state === 'sealed' ? copy : undefined;
        },
        60_000,
      );
      return run.pointId ?? '';
    });
    // Else the next case would take this failure for its own.
    await copyReaches(small.app, made, ['sealed'], 90_000);
  });

  it('undoes a restore whose disk is refused', async () => {
    const state = await withFault(
      small.world,
      { service: 'arm', method: 'PUT', pathPattern: '/disks/', count: 0 },
      quoting(400, 'InvalidParameter')(),
      () => restoreFrom('replica', 'undone-1'),
    );
    expect(state).toBe('failed');
  });

  it('finds no secret in states, logs, storage and answers, and finds those that are planted', async () => {
    const { world, app } = small;
    const answerDirectory = join(world.directory, 'answers');
    mkdirSync(answerDirectory);
    writeFileSync(join(answerDirectory, 'answers.json'), answers.join('\n'));
    const issued = (await world.azure.control.secrets()).map(({ value }) => value);
    // Signatures of the session, the grants and the copies; tokens and keys.
    expect(issued.length).toBeGreaterThan(20);
    const stored = join(world.directory, 'azure', 'azurite');

    const [inLog = '', inBlob = ''] = await Promise.all(
      [1, 2].map(async () => (await world.azure.control.plantSecret()).value),
    );
    const planted = join(world.directory, 'planted');
    mkdirSync(planted);
    writeFileSync(
      join(planted, 'host.log'),
      `{"m":"https://x/y?sig=${encodeURIComponent(inLog)}"}`,
    );
    const text = Buffer.from(`{"sig":"${inBlob}"}`).toString('base64');
    const blob = blobService(world.azure, DEPLOYMENT.homeAccount)
      .getContainerClient('guest-sessions')
      .getBlockBlobClient('planted');
    await blob.upload(text, text.length);
    // Once the planted ones are found, everything that was written before them is on disk too.
    await until(
      'the planted secrets are found',
      async () => {
        const { hits } = await world.evidence.searchSecrets({
          directories: [planted, stored],
          secrets: [inLog, inBlob],
        });
        return new Set(hits.map(({ secret }) => secret)).size === 2 ? true : undefined;
      },
      30_000,
    );
    await blob.delete();

    const search = await world.evidence.searchSecrets({
      directories: [app.directory, stored, answerDirectory],
      secrets: issued,
    });
    expect(search.filesSearched).toBeGreaterThan(4);
    expect(search.sqliteValuesSearched).toBeGreaterThan(100);
    expect(search.secretsSearched).toBe(issued.length);
    expect(search.hits).toEqual([]);
    // The quoting refusals did reach what was searched, without what they quoted.
    expect(answers.join('\n')).toContain('planted InvalidParameter');
  });

  it('keeps every other promise', async () => {
    expect(
      await brokenPromises(small.world, small.app, {
        vms: [small.vm],
        baseline: BASELINE,
        restoredVmIds,
        cleanWithinMs: 150_000,
      }),
    ).toEqual([]);
  });
});
