import { describe, expect, it } from 'vitest';
import { BackupError } from '../../../lib/errors.ts';
import { REBUILT_FACT, rebuildCatalog } from '../../../lib/restore/rebuild-catalog.ts';
import { createRestoreWorld } from '../../fakes/restore-world.ts';
import { samplePoint } from '../../fakes/sample-point.ts';

describe('rebuildCatalog', () => {
  it('lists every point whose blob snapshots all exist', async () => {
    const world = createRestoreWorld();
    const points = [0, 1, 2].map((sequence) => samplePoint({}, sequence));
    for (const point of points) await world.seal(point);
    const rebuilt = await rebuildCatalog(world.ports, {});
    expect(rebuilt).toEqual({ ok: true, value: { points: 3, added: 3, notListed: [] } });
    expect(await world.ports.catalog.listPoints()).toEqual([...points].reverse());
    const [copy] = await world.ports.catalog.listCopies({ copy: 'paired' });
    expect(copy).toEqual({
      formatVersion: 1,
      vmKey: points[2]?.vmKey,
      pointId: points[2]?.pointId,
      copy: 'paired',
      state: 'sealed',
      updatedAtUtc: '2026-11-23T18:20:00.000Z',
      manifestPath: `${points[2]?.vmKey}/points/${points[2]?.pointId}.json`,
      copiedBytes: 4 * 4096,
    });
    expect(await world.ports.catalog.listVms()).toMatchObject([
      { name: 'db-1', region: 'westeurope', lastSeenUtc: points[2]?.createdAtUtc },
    ]);
    expect(await world.ports.catalog.getFact(REBUILT_FACT)).toMatch(/^2026-/);
  });

  it('ends in time, however many manifests there are, and goes on where it ended', async () => {
    const world = createRestoreWorld({
      hooks: {
        before: async (method) => {
          if (method === 'manifests.read') await world.ports.clock.sleep(100_000);
        },
      },
    });
    for (const sequence of [0, 1, 2, 3, 4]) await world.seal(samplePoint({}, sequence));

    await expect(rebuildCatalog(world.ports, {})).rejects.toMatchObject({
      errorCode: 'RebuildIncomplete',
    });

    expect(await world.ports.catalog.listPoints()).toHaveLength(3);
    expect(await world.ports.catalog.getFact(REBUILT_FACT)).toBeUndefined();
    expect(await rebuildCatalog(world.ports, {})).toMatchObject({
      ok: true,
      value: { points: 5, added: 2 },
    });
  });

  it('is the same a second time, and keeps what rows have learnt since', async () => {
    const world = createRestoreWorld();
    const point = samplePoint();
    await world.seal(point);
    await rebuildCatalog(world.ports, { target: 'paired' });
    const row = await world.ports.catalog.getCopy(point.vmKey, point.pointId, 'paired');
    if (row === undefined) throw new Error('no row');
    await world.ports.catalog.updateCopy({ ...row.value, state: 'damaged', reason: 'x' }, row.etag);
    expect(await rebuildCatalog(world.ports, { target: 'paired' })).toEqual({
      ok: true,
      value: { points: 1, added: 0, notListed: [] },
    });
    expect(
      (await world.ports.catalog.getCopy(point.vmKey, point.pointId, 'paired'))?.value.state,
    ).toBe('damaged');
  });

  it('reports corrupt manifests and missing snapshots, and lists the rest', async () => {
    const world = createRestoreWorld();
    const [good, corrupt, holed, swapped] = [0, 1, 2, 3].map((n) => samplePoint({}, n));
    if (!good || !corrupt || !holed || !swapped) throw new Error('four points');
    await world.seal(good);
    await world.seal(corrupt);
    world.manifests.overwrite(corrupt, '{"formatVersion":1,');
    const disk = (await world.seal(holed)).disks[1];
    world.replicas.removeSnapshot(disk?.blobPath ?? '', disk?.blobSnapshot ?? '');
    world.manifests.overwrite(swapped, JSON.stringify(await world.seal(samplePoint({}, 4))));
    const rebuilt = await rebuildCatalog(world.ports, {});
    if (!rebuilt.ok) throw new Error(rebuilt.message);
    expect(rebuilt.value.points).toBe(2);
    expect(
      rebuilt.value.notListed.map((one) => [one.errorCode, one.path.split('/').at(-1)]).sort(),
    ).toEqual(
      [
        ['BlobSnapshotMissing', `${holed.pointId}.json`],
        ['ManifestCorrupt', `${corrupt.pointId}.json`],
        ['ManifestCorrupt', `${swapped.pointId}.json`],
      ].sort(),
    );
    const listed = (await world.ports.catalog.listPoints()).map((point) => point.pointId);
    expect(listed).toEqual([samplePoint({}, 4).pointId, good.pointId]);
  });

  it('does not list a snapshot that was taken for another point', async () => {
    const world = createRestoreWorld();
    const first = await world.seal(samplePoint({}, 0));
    const second = await world.seal(samplePoint({}, 1));
    const stolen = {
      ...second,
      disks: second.disks.map((disk, index) => ({
        ...disk,
        blobSnapshot: first.disks[index]?.blobSnapshot ?? '',
      })),
    };
    world.manifests.overwrite(second.point, JSON.stringify(stolen));
    expect(await rebuildCatalog(world.ports, {})).toMatchObject({
      value: { points: 1, notListed: [{ errorCode: 'BlobSnapshotMissing' }] },
    });
  });

  it('refuses an unknown target', async () => {
    const world = createRestoreWorld();
    expect(await rebuildCatalog(world.ports, { target: 'x' })).toMatchObject({
      errorCode: 'TargetUnknown',
    });
  });

  it('comes out whole after any single failure', async () => {
    let calls = 0;
    const count = createRestoreWorld({ hooks: { before: () => (calls += 1) } });
    await count.seal(samplePoint());
    await rebuildCatalog(count.ports, {});
    for (const when of ['before', 'after'] as const) {
      for (let failing = 1; failing <= calls; failing += 1) {
        let seen = 0;
        const world = createRestoreWorld({
          hooks: {
            [when]: (method: string) => {
              seen += 1;
              if (seen === failing) throw new BackupError('Injected', method);
            },
          },
        });
        await world.seal(samplePoint());
        await expect(rebuildCatalog(world.ports, {})).rejects.toThrow();
        expect(await rebuildCatalog(world.ports, {})).toMatchObject({ value: { points: 1 } });
        expect(await world.ports.catalog.listPoints()).toEqual([samplePoint()]);
        expect(await world.ports.catalog.listVms()).toHaveLength(1);
        expect(await world.ports.catalog.listCopies({})).toHaveLength(1);
      }
    }
  });
});
