import type { OrchestrationContext, Task } from 'durable-functions';
import * as df from 'durable-functions';
import type { Outcome } from '../../lib/outcome.ts';
import { call } from '../shared/durable.ts';
import { activities, orchestrations } from '../shared/names.ts';
import { registerFor } from '../shared/register.ts';
import type { CopiedDisk, CopyDiskInput, OpenDiskCopyRef } from '../shared/wire.ts';

type Run<T> = Generator<Task, T, unknown>;

/** Replay costs the square of the history; a slice is about three events. */
const SLICES_PER_ROUND = 100;

/** Copies one disk of one point to one target, slice by slice, and seals it. */
export function* copyDisk(ctx: OrchestrationContext): Run<Outcome<CopiedDisk>> {
  const { runId, vmKey, pointId, target, diskKey, resume } = ctx.df.getInput<CopyDiskInput>();
  const disk = { runId, vmKey, pointId, target, diskKey };
  let opened = resume?.opened;
  if (opened === undefined) {
    const answer = yield* call(ctx, activities.openDiskCopy, disk);
    if (!answer.ok) return answer;
    opened = answer.value;
  }
  const { attempt, chainId, kind, sizeBytes } = opened;
  const open: OpenDiskCopyRef = { ...disk, attempt, chainId };
  let mover = resume?.mover ?? opened.mover;
  let copiedBytes = resume?.copiedBytes ?? 0;
  let fromOffset = resume?.fromOffset ?? 0;
  for (let slices = 0; ; slices += 1) {
    ctx.df.setCustomStatus({ diskKey, kind, mover, sizeBytes, offset: fromOffset, copiedBytes });
    if (slices === SLICES_PER_ROUND) {
      ctx.df.continueAsNew({ ...disk, resume: { opened, mover, fromOffset, copiedBytes } });
      return { ok: true, value: { diskKey, copiedBytes, blobSnapshot: '' } };
    }
    const slice = yield* call(ctx, activities.copySlice, { ...open, fromOffset });
    if (!slice.ok) return slice;
    copiedBytes += slice.value.copiedBytes;
    mover = slice.value.mover;
    if (slice.value.nextOffset === null) break;
    fromOffset = slice.value.nextOffset;
  }
  ctx.df.setCustomStatus({ diskKey, kind, mover, sizeBytes, offset: sizeBytes, copiedBytes });
  const sealed = yield* call(ctx, activities.sealDisk, open);
  if (!sealed.ok) return sealed;
  return { ok: true, value: { diskKey, copiedBytes, blobSnapshot: sealed.value.blobSnapshot } };
}

registerFor(orchestrations.copyDisk.name, () => {
  df.app.orchestration(orchestrations.copyDisk.name, copyDisk);
});
