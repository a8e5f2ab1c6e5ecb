import { describe, expect, it } from 'vitest';
import { expireDoomed } from '../../../functions/orchestrations/expire-doomed.ts';
import { rebuildFromReplicas } from '../../../functions/orchestrations/rebuild-from-replicas.ts';
import { verifyDisk } from '../../../functions/orchestrations/verify-disk.ts';
import { replay } from '../../support/replay.ts';

const refusal = { ok: false, errorCode: 'ManifestCorrupt', message: 'it is no JSON' };

describe('expireDoomed', () => {
  it('ends with what removeDoomed says', async () => {
    const removed = { ok: true, value: { removed: 3, left: 1 } };

    const end = await replay(expireDoomed, {}, { activities: { removeDoomed: () => removed } });

    expect(end.output).toEqual(removed);
  });
});

describe('rebuildFromReplicas', () => {
  const input = { targets: ['near', 'far'] };

  it('adds up the points of all targets', async () => {
    const rebuildCatalog = ({ target }: { target: string }) => ({
      ok: true,
      value: { points: target === 'near' ? 2 : 5, added: 1, notListed: [{ path: target }] },
    });

    const end = await replay(rebuildFromReplicas, input, { activities: { rebuildCatalog } });

    expect(end.output).toEqual({
      ok: true,
      value: { points: 7, added: 2, notListed: [{ path: 'near' }, { path: 'far' }] },
    });
  });

  it('ends with the refusal of a target, after all of them', async () => {
    const asked: string[] = [];
    const rebuildCatalog = ({ target }: { target: string }) => {
      asked.push(target);
      return target === 'near'
        ? refusal
        : { ok: true, value: { points: 5, added: 0, notListed: [] } };
    };

    const end = await replay(rebuildFromReplicas, input, { activities: { rebuildCatalog } });

    expect(end.output).toEqual(refusal);
    expect(asked).toEqual(['near', 'far']);
  });

  it('does nothing without targets', async () => {
    const end = await replay(rebuildFromReplicas, { targets: [] }, { activities: {} });

    expect(end.output).toMatchObject({ ok: true, value: { points: 0 } });
  });
});

describe('verifyDisk', () => {
  const input = {
    runId: 'r',
    target: 'paired',
    vmKey: 'v',
    pointId: 'p',
    diskKey: 'd1',
    fromOffset: 0,
  };
  const verifyUpTo =
    (end: number) =>
    ({ fromOffset }: { fromOffset: number }) => ({
      ok: true,
      value: {
        nextOffset: fromOffset + 1 >= end ? null : fromOffset + 1,
        readBytes: 7,
        proof: 'byDiff',
      },
    });

  it('reads slice after slice, in rounds of a hundred', async () => {
    const end = await replay(verifyDisk, input, {
      activities: { verifyReplicaDisk: verifyUpTo(205) },
    });

    expect(end.output).toMatchObject({ ok: true, value: { diskKey: 'd1' } });
    expect(end.rounds).toBe(3);
    expect(end.scheduled).toHaveLength(205);
  });

  it('ends with the refusal of a damaged slice', async () => {
    const verifyReplicaDisk = () => ({ ...refusal, errorCode: 'ReplicaDamaged' });

    const end = await replay(verifyDisk, input, { activities: { verifyReplicaDisk } });

    expect(end.output).toMatchObject({ ok: false, errorCode: 'ReplicaDamaged' });
  });
});
