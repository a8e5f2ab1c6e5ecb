import type { Comparison } from './compare-restored.ts';
import type { LeftoverFigures, SecretFigures } from './search-leaks.ts';

/** What the demo measured. Every figure is counted by the local Azure, its journal or a file system. */
export interface Figures extends Comparison, SecretFigures, LeftoverFigures {
  readonly points: number;
  /** Label of every point, in the order in which they were made. */
  readonly labels: readonly string[];
  readonly freezeMs: number;
  readonly slowestSnapshotMs: number;
  /** Pairs looked at in the frozen set. */
  readonly pairsChecked: number;
  /** Torn pairs of each set that was taken without a freeze: the counter-proof. */
  readonly tornPairsWithoutFreeze: readonly number[];
  readonly tornPairs: number;
  readonly blockedWrites: number;
  readonly copiedBytes: number;
  readonly allocatedBytes: number;
  readonly copyMiBPerSecond: number;
  readonly digestsCompared: number;
  readonly digestsDifferent: number;
  readonly seconds: number;
}

export const DISKS = 4;
const PAIRS_AT_LEAST = 1000;

/** Every promise that the demo makes, with whether the figures keep it. */
export function judgeFigures(f: Figures): readonly { promise: string; holds: boolean }[] {
  const torn = f.tornPairsWithoutFreeze;
  return [
    {
      promise: 'without a freeze most sets hold torn pairs',
      holds: torn.length > 0 && torn.filter((count) => count > 0).length * 2 > torn.length,
    },
    { promise: 'the frozen set holds none', holds: f.tornPairs === 0 },
    {
      promise: `at least ${PAIRS_AT_LEAST} pairs were looked at`,
      holds: f.pairsChecked >= PAIRS_AT_LEAST,
    },
    { promise: 'writes had to wait for the thaw', holds: f.blockedWrites > 0 },
    { promise: 'the label is the one that was earned', holds: f.labels.at(-1) === 'fileSystem' },
    {
      promise: 'as many bytes were copied as are allocated',
      holds: f.copiedBytes >= f.allocatedBytes,
    },
    {
      promise: "every disk's digest is that of the journal",
      holds: f.digestsCompared === DISKS && f.digestsDifferent === 0,
    },
    { promise: 'all disks were restored', holds: f.restoredDisks === DISKS },
    {
      promise: 'every page is the one of the frozen instant',
      holds: f.pagesCompared > 0 && f.pagesDifferent === 0,
    },
    {
      promise: 'a planted page is found',
      holds: f.plantedPages > 0 && f.plantedPagesFound === f.plantedPages,
    },
    {
      promise: 'the file systems are clean',
      holds: f.fileSystemsChecked === DISKS && f.fileSystemsDamaged === 0,
    },
    { promise: 'the files are there', holds: f.filesCompared > 0 && f.filesDifferent === 0 },
    {
      promise: 'the VM is configured as it was',
      holds: f.fieldsCompared > 0 && f.fieldsDifferent === 0,
    },
    {
      promise: 'no secret was written down',
      holds: f.secretsSearched > 0 && f.secretsFound === 0,
    },
    {
      promise: 'planted secrets are found',
      holds: f.plantedSecrets > 0 && f.plantedSecretsFound === f.plantedSecrets,
    },
    { promise: 'nothing was left behind', holds: f.leftovers === 0 },
    {
      promise: 'planted leftovers are found',
      holds: f.plantedLeftovers > 0 && f.plantedLeftoversFound === f.plantedLeftovers,
    },
  ];
}
