import { done, type Outcome } from '../outcome.ts';
import { type CopyInput, type CopyPorts, grantHolderOf } from './copy-ports.ts';

/**
 * Ends the run's reading of snapshots: a grant that nobody else holds is revoked. Answers the
 * snapshots whose grant ended. May be repeated.
 */
export async function releaseGrants(
  { catalog, progress, snapshots }: CopyPorts,
  input: Pick<CopyInput, 'runId' | 'target'>,
): Promise<Outcome<{ readonly revoked: readonly string[] }>> {
  const grants = (await catalog.listMade(input.runId)).filter((made) => made.kind === 'sasGrant');
  const ended = await Promise.all(
    grants.map(async (made) => {
      const others = await progress.dropGrant(made.resourceId, grantHolderOf(input));
      if (others === 0) await snapshots.revoke(made.resourceId);
      await catalog.forgetMade(made);
      return others === 0 ? [made.resourceId] : [];
    }),
  );
  return done({ revoked: ended.flat() });
}
