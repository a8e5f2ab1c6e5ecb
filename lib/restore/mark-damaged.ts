import { done, type Outcome, refused } from '../outcome.ts';
import type { RestorePorts } from './restore-ports.ts';

export interface MarkDamagedInput {
  readonly vmKey: string;
  readonly pointId: string;
  readonly target: string;
  readonly reason: string;
}

/** Marks a sealed copy as damaged: no restore chooses it any more. May be repeated. */
export const markDamaged = async (
  ports: Pick<RestorePorts, 'catalog' | 'clock' | 'events'>,
  { vmKey, pointId, target, reason }: MarkDamagedInput,
): Promise<Outcome<{ readonly marked: boolean }>> => {
  const row = await ports.catalog.getCopy(vmKey, pointId, target);
  const name = `${pointId}/${target}`;
  if (row === undefined) {
    return refused('CopyNotAvailable', `The catalog has no copy ${name}.`, name);
  }
  if (row.value.state !== 'sealed') return done({ marked: false });
  await ports.catalog.updateCopy(
    { ...row.value, state: 'damaged', reason, updatedAtUtc: ports.clock.now().toISOString() },
    row.etag,
  );
  ports.events.emit('CopyDamaged', { pointId, target, reason });
  return done({ marked: true });
};
