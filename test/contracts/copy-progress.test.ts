import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTableCopyProgress } from '../../lib/azure/table-copy-progress.ts';
import type { CopyKey } from '../../lib/ports/copy-progress.ts';
import { createMemoryCopyProgress } from '../fakes/memory-copy-progress.ts';
import { samplePoint } from '../fakes/sample-point.ts';
import { type AzuriteTables, startAzuriteTables } from './azurite-table.ts';
import { describeCopyProgress } from './copy-progress.contract.ts';

let tables: AzuriteTables;
let prefixes = 0;

beforeAll(async () => {
  tables = await startAzuriteTables();
});
afterAll(async () => {
  await tables?.stop();
});

const createStore = async () => {
  prefixes += 1;
  const own = `t${prefixes}`;
  const progress = createTableCopyProgress({ tableClient: (table) => tables.client(own + table) });
  await progress.prepare();
  return { progress, client: tables.client(`${own}LockstepCopyProgress`) };
};

describeCopyProgress('in memory', async () => createMemoryCopyProgress());
describeCopyProgress('Azure Table Storage', async () => (await createStore()).progress);

it('names table, keys and field of a row that was changed by hand', async () => {
  const { progress, client } = await createStore();
  const { vmKey, pointId, disks } = samplePoint();
  const copy: CopyKey = { vmKey, pointId, target: 'paired' };
  const diskKey = disks[0]?.diskKey ?? '';
  const row = { index: 0, copiedBytes: 1, writtenRanges: 1, clearedRanges: 0 };
  await progress.putSegment(copy, diskKey, '00000a', row);
  for await (const entity of client.listEntities()) {
    await client.updateEntity(
      {
        partitionKey: entity.partitionKey ?? '',
        rowKey: entity.rowKey ?? '',
        body0: JSON.stringify({ ...row, diskKey, lineage: '00000a', sum: 'nonsense' }),
      },
      'Merge',
    );
  }
  const reading = progress.listSegments(copy, diskKey, '00000a');
  await expect(reading).rejects.toThrow(/LockstepCopyProgress .*field sum/);
  await expect(reading).rejects.toMatchObject({ errorCode: 'MalformedData' });
});
