import { describe, expect, it } from 'vitest';
import { BackupError } from '../../../lib/errors.ts';
import type { Outcome } from '../../../lib/outcome.ts';
import { prepareRestore } from '../../../lib/restore/prepare-restore.ts';
import type { RestorePlan } from '../../../lib/restore/restore-plan.ts';
import { undoRestore } from '../../../lib/restore/undo-restore.ts';
import { RUN_ID, restoreOf, runPlan } from '../../fakes/restore-world.ts';
import { assertRestored, POINT, prepared, worldWithReplica } from './running-cases.ts';

/** Tries again what was thrown, as RetryOptions do; refusals are final. */
const retried = async <T>(step: () => Promise<Outcome<T>>): Promise<Outcome<T>> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await step();
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
};

const countCalls = async (): Promise<number> => {
  let calls = 0;
  const world = await worldWithReplica({ before: () => (calls += 1) });
  await runPlan(world.ports, await prepared(world));
  return calls;
};

describe('every port call of a restore may fail once', () => {
  it.each(['before', 'after'] as const)(
    'and the restore still comes out whole (%s)',
    async (when) => {
      const calls = await countCalls();
      expect(calls).toBeGreaterThan(80);
      for (let failing = 1; failing <= calls; failing += 1) {
        let seen = 0;
        const strike = (method: string): void => {
          seen += 1;
          if (seen === failing) throw new BackupError('Injected', method);
        };
        const world = await worldWithReplica({ [when]: strike });
        const plan = await retried(() =>
          prepareRestore(world.ports, { request: restoreOf(POINT), runId: RUN_ID, dryRun: false }),
        );
        if (!plan.ok) throw new Error(`call ${failing}: ${plan.message}`);
        const result = await runPlan(world.ports, plan.value, retried);
        expect(result, `call ${failing}`).toMatchObject({ ok: true });
        await assertRestored(world);
      }
    },
  );

  it('for good, and undoing leaves nothing behind, or the VM whole', async () => {
    const calls = await countCalls();
    for (let failing = 1; failing <= calls; failing += 1) {
      let seen = 0;
      let undoing = false;
      const world = await worldWithReplica({
        after: (method) => {
          seen += 1;
          if (!undoing && seen >= failing) throw new BackupError('Injected', method);
        },
      });
      let plan: RestorePlan | undefined;
      try {
        plan = await prepared(world);
        await runPlan(world.ports, plan);
      } catch (error) {
        // The fault; from here on the orchestration undoes.
        if (!(error instanceof BackupError)) throw error;
      }
      undoing = true;
      const origin = plan?.origin;
      const undone = await undoRestore(world.ports, {
        runId: RUN_ID,
        ...(origin === undefined ? {} : { origin }),
      });
      expect(world.scratch.blobs.size, `call ${failing}`).toBe(0);
      const made = [...world.arm.resources.values()].map((one) => one.made.kind);
      if (made.includes('vm')) {
        // The end of the restore had begun: nothing of the VM may be missing.
        expect(made, `call ${failing}`).toHaveLength(4 + 2 + 1);
        continue;
      }
      expect(undone, `call ${failing}`).toMatchObject({ ok: true, value: { left: [] } });
      expect(made, `call ${failing}`).toEqual([]);
      expect(await world.ports.catalog.listMade(RUN_ID)).toEqual([]);
    }
  });
});
