import { describe, expect, it } from 'vitest';
import { failPoint } from '../../../lib/consistency/fail-point.ts';
import { snapshotInLockstep } from '../../../lib/consistency/snapshot-in-lockstep.ts';
import { expectNobodyFrozen, expectNothingForgotten } from '../../fakes/lockstep-expectations.ts';
import { createLockstepWorld } from '../../fakes/lockstep-world.ts';
import { createPortFaults, type FaultMode } from '../../fakes/port-faults.ts';

describe('whichever call of a port fails', () => {
  const cases: readonly FaultMode[] = ['before', 'after', 'hang'];
  it.each(cases)('leaves nobody frozen and nothing forgotten (%s)', async (mode) => {
    const whole = await createLockstepWorld();
    await snapshotInLockstep(whole.ports, whole.input);
    const total = whole.faults.calls.length;
    expect(total).toBeGreaterThan(30);
    for (let at = 1; at <= total; at += 1) {
      const faults = createPortFaults({ at, mode });
      const world = await createLockstepWorld({ faults });
      const attempt = snapshotInLockstep(world.ports, world.input).then(
        (outcome) => outcome,
        () => 'threw' as const,
      );
      const outcome = await Promise.race([
        attempt,
        world.clock.sleep(600_000).then(() => 'never ended' as const),
      ]);
      await expectNobodyFrozen(world);
      expect(faults.struck(), `call ${at}`).toBe(true);
      const name = faults.calls[at - 1] ?? '';
      if (typeof outcome === 'object' && outcome.ok) {
        const ids = outcome.value.snapshots.map((taken) => taken.snapshot.snapshotId);
        await expectNothingForgotten(world, 'any', ids);
      } else {
        await expectNothingForgotten(world, 'any');
      }
      // Whatever is left, the end of the run dooms it.
      if (typeof outcome !== 'object' || !outcome.ok) {
        const failed = await failPoint(
          { ...world.ports, catalog: world.catalog },
          { ...world.input, errorCode: 'Test', message: name },
        );
        expect(failed.ok).toBe(true);
        await expectNothingForgotten(world, 'doomed');
      }
    }
  });
});
