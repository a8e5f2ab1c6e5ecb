/** The parts of `GET /api/points/{id}` that tests look at. */
export interface PointView {
  readonly pointId: string;
  readonly vmKey: string;
  readonly vmName: string;
  readonly state: string;
  readonly label?: string;
  readonly verdict?: {
    readonly achieved: string;
    readonly reasons: readonly string[];
    readonly evidence: readonly { readonly what: string }[];
    readonly freezeHeldMs?: number;
  };
  readonly disks: readonly {
    readonly diskKey: string;
    readonly lun: number;
    readonly name: string;
    readonly sizeBytes: number;
    readonly snapshot?: { readonly snapshotId: string };
  }[];
  readonly copies: readonly {
    readonly copy: string;
    readonly state: string;
    readonly reason?: string;
    readonly lastFailure?: { readonly errorCode: string; readonly message: string };
    readonly manifestPath?: string;
  }[];
  readonly failure?: { readonly errorCode: string; readonly message: string };
}
