import type { ManifestStore } from './manifest-store.ts';
import type { ReplicaStore } from './replica-store.ts';

/** A container that holds replicas: chains of disk copies, and the manifests beside them. */
export interface ReplicaTarget {
  readonly name: string;
  /** Where replicas restore to; lower case, without spaces. */
  readonly region: string;
  readonly replicas: ReplicaStore;
  readonly manifests: ManifestStore;
}

export interface ReplicaTargets {
  readonly names: readonly string[];
  /** Undefined when no target of this name is configured. */
  find(name: string): ReplicaTarget | undefined;
}
