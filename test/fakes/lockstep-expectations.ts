import { expect } from 'vitest';
import { type LockstepWorld, RUN_ID } from './lockstep-world.ts';

/** Every freeze ended, and not after its deadline. */
export const expectNobodyFrozen = async (
  world: LockstepWorld,
  deadlineMs = 10_000,
): Promise<void> => {
  await world.guest.idle();
  for (const freeze of world.guest.freezes) {
    expect(freeze.thawedAtMs).toBeDefined();
    expect((freeze.thawedAtMs ?? 0) - freeze.frozenAtMs).toBeLessThanOrEqual(deadlineMs + 1);
  }
};

/** Everything that exists has a row that says who must delete it. */
export const expectNothingForgotten = async (
  world: LockstepWorld,
  state: 'made' | 'doomed' | 'any',
  kept: readonly string[] = [],
): Promise<void> => {
  const rows = await world.catalog.listMade(RUN_ID);
  const known = new Map(rows.map((row) => [row.resourceId, row.state]));
  const existing = [
    ...[...world.snapshots.taken.values()].map((one) => one.resource.snapshotId),
    ...world.guest.commands.keys(),
    ...[...world.channel.sessions.keys()].map((id) => world.channel.idOf(id)),
  ].filter((id) => !kept.includes(id));
  for (const id of existing) {
    expect(known.has(id), `${id} has no row`).toBe(true);
    if (state !== 'any') expect(known.get(id), id).toBe(state);
  }
};
