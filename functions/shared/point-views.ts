import type { PointCopy } from '../../lib/catalog/point-copy.ts';
import type { RestorePoint } from '../../lib/catalog/restore-point.ts';
import type { CopyFailure } from './copy-failures.ts';

/** How points look in answers. */

export interface PointSummary {
  readonly pointId: string;
  readonly vmKey: string;
  readonly vmName: string;
  readonly region: string;
  readonly state: RestorePoint['state'];
  readonly createdAtUtc: string;
  readonly recordedAtUtc?: string;
  readonly requestedLabel: string;
  /** The label that was achieved; absent until the point is recorded. */
  readonly label?: string;
  readonly disks: number;
  readonly sizeBytes: number;
  readonly copies: readonly { readonly copy: string; readonly state: PointCopy['state'] }[];
  readonly failure?: RestorePoint['failure'];
}

const copyOrder = (a: PointCopy, b: PointCopy): number => (a.copy < b.copy ? -1 : 1);

export const summarizePoint = (
  point: RestorePoint,
  copies: readonly PointCopy[],
): PointSummary => ({
  pointId: point.pointId,
  vmKey: point.vmKey,
  vmName: point.vmName,
  region: point.region,
  state: point.state,
  createdAtUtc: point.createdAtUtc,
  ...(point.recordedAtUtc === undefined ? {} : { recordedAtUtc: point.recordedAtUtc }),
  requestedLabel: point.requested.label,
  ...(point.verdict === undefined ? {} : { label: point.verdict.achieved }),
  disks: point.disks.length,
  sizeBytes: point.disks.reduce((sum, disk) => sum + disk.sizeBytes, 0),
  copies: [...copies].sort(copyOrder).map(({ copy, state }) => ({ copy, state })),
  ...(point.failure === undefined ? {} : { failure: point.failure }),
});

const viewCopy = (
  { formatVersion: _, vmKey: _key, pointId: _id, ...copy }: PointCopy,
  lastFailure: CopyFailure | undefined,
) => ({ ...copy, ...(lastFailure === undefined ? {} : { lastFailure }) });

/** Everything about a point but ARM's raw bodies, which repeat the configuration at length. */
export const describePoint = (
  point: RestorePoint,
  copies: readonly PointCopy[],
  failures: ReadonlyMap<string, CopyFailure>,
): Readonly<Record<string, unknown>> => {
  const { raw: _raw, ...configuration } = point.configuration;
  const { verdict, requested, runId, disks, failure } = point;
  return {
    ...summarizePoint(point, copies),
    vmId: point.vmId,
    runId,
    requested,
    ...(verdict === undefined ? {} : { verdict }),
    ...(failure === undefined ? {} : { failure }),
    disks,
    copies: [...copies].sort(copyOrder).map((one) => viewCopy(one, failures.get(one.copy))),
    configuration,
  };
};
