import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPageStore } from '../pages/page-store.ts';
import { createDiskImage, type DiskImage, WRITER_AREA_PATH } from './create-disk-image.ts';
import { BLOCK_BYTES, listFileExtents } from './file-extents.ts';
import { checkFileSystem, compareFiles, readFileFrom } from './inspect-image.ts';
import { runFileSystemTool } from './run-file-system-tool.ts';
import { exportImage, loadImage } from './transfer-image.ts';

let directory: string;
let image: DiskImage;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'lockstep-images-test-'));
  image = await createDiskImage({
    file: path.join(directory, 'disk.img'),
    sizeMiB: 48,
    seed: 'images-test',
    label: 'data0',
    areaMiB: 2,
    files: { count: 12, totalMiB: 1 },
    extraFiles: { '/etc/host name': 'db-1\n' },
  });
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe('createDiskImage', () => {
  it('makes a clean file system with the listed files', async () => {
    expect(await checkFileSystem(image.file)).toMatchObject({ clean: true });
    expect(image.files).toHaveLength(13);
    expect(await compareFiles(image.file, image.files)).toEqual({
      filesCompared: 13,
      filesDifferent: 0,
      firstDifferences: [],
    });
    expect((await readFileFrom(image.file, '/etc/host name')).toString()).toBe('db-1\n');
  });

  it('repeats files, sums and blocks with the seed', async () => {
    const again = await createDiskImage({
      file: path.join(directory, 'again.img'),
      sizeMiB: 48,
      seed: 'images-test',
      label: 'data0',
      areaMiB: 2,
      files: { count: 12, totalMiB: 1 },
      extraFiles: { '/etc/host name': 'db-1\n' },
    });
    expect({ ...again, file: '' }).toEqual({ ...image, file: '' });
  });

  it('gives the writer area whole blocks inside the disk', () => {
    const bytes = image.area.reduce((sum, range) => sum + range.end - range.start, 0);
    expect(bytes).toBe(2 * 1024 * 1024);
    for (const range of image.area) {
      expect(range.start % BLOCK_BYTES).toBe(0);
      expect(range.end).toBeLessThanOrEqual(image.sizeBytes);
    }
  });

  it('stays clean and keeps its files when the whole writer area is overwritten raw', async () => {
    const store = createPageStore(image.sizeBytes);
    await loadImage(image.file, store);
    for (const range of image.area) {
      store.write(range.start, Buffer.alloc(range.end - range.start, 0xa5));
    }
    const file = path.join(directory, 'overwritten.img');
    await exportImage(store.snapshot(), file);
    expect(await checkFileSystem(file)).toMatchObject({ clean: true });
    expect(await compareFiles(file, image.files)).toMatchObject({ filesDifferent: 0 });
    const area = await readFileFrom(file, WRITER_AREA_PATH);
    expect(area.equals(Buffer.alloc(2 * 1024 * 1024, 0xa5))).toBe(true);
  });

  it('refuses a size that holds no file system', async () => {
    await expect(
      createDiskImage({ file: path.join(directory, 'x.img'), sizeMiB: 1, seed: 1, label: 'x' }),
    ).rejects.toThrow('sizeMiB');
  });
});

describe('loadImage and exportImage', () => {
  it('carry every byte and stay sparse', async () => {
    const store = createPageStore(image.sizeBytes);
    const writtenBytes = await loadImage(image.file, store);
    expect(writtenBytes).toBeLessThan(image.sizeBytes / 2);
    const file = path.join(directory, 'exported.img');
    await exportImage(store.snapshot(), file);
    const [source, copy] = await Promise.all([open(image.file), open(file)]);
    try {
      expect((await copy.readFile()).equals(await source.readFile())).toBe(true);
    } finally {
      await Promise.all([source.close(), copy.close()]);
    }
    expect((await stat(file)).blocks * 512).toBeLessThan(image.sizeBytes / 2);
  });

  it('refuse a disk that is too small', async () => {
    await expect(loadImage(image.file, createPageStore(4096))).rejects.toThrow(
      'the disk only 4096',
    );
  });
});

describe('checks of an image', () => {
  it('find damage in metadata and in a file', async () => {
    const store = createPageStore(image.sizeBytes);
    await loadImage(image.file, store);
    const file = image.files.find((candidate) => candidate.sizeBytes > BLOCK_BYTES);
    if (file === undefined) throw new Error('the image holds no file of two blocks');
    const [extent] = await listFileExtents(image.file, file.path);
    if (extent === undefined) throw new Error('the file has no extent');
    const block = store.read(extent.start, 512);
    block.writeUInt8(block.readUInt8(7) ^ 1, 7);
    store.write(extent.start, block);
    // The block bitmap and inode table of group 0 lie behind the group descriptors.
    store.clear(BLOCK_BYTES, BLOCK_BYTES * 64);
    const damaged = path.join(directory, 'damaged.img');
    await exportImage(store.snapshot(), damaged);
    expect((await checkFileSystem(damaged)).clean).toBe(false);

    const fileOnly = createPageStore(image.sizeBytes);
    await loadImage(image.file, fileOnly);
    fileOnly.write(extent.start, block);
    await exportImage(fileOnly.snapshot(), damaged);
    expect((await checkFileSystem(damaged)).clean).toBe(true);
    const compared = await compareFiles(damaged, image.files);
    expect(compared).toMatchObject({ filesDifferent: 1 });
    expect(compared.firstDifferences[0]?.path).toBe(file.path);
  });

  it('name a path that is not there', async () => {
    await expect(readFileFrom(image.file, '/nope')).rejects.toThrow('/nope cannot be read');
    await expect(listFileExtents(image.file, '/nope')).rejects.toThrow('/nope');
  });

  it('say that a file is no file system', async () => {
    const file = path.join(directory, 'text.img');
    await writeFile(file, 'x'.repeat(100_000));
    expect((await checkFileSystem(file)).clean).toBe(false);
    expect(await compareFiles(file, image.files)).toMatchObject({ filesDifferent: 13 });
  });
});

describe('runFileSystemTool', () => {
  it('names the package of a tool that is missing', async () => {
    await expect(runFileSystemTool('no-such-tool' as 'e2fsck', [])).rejects.toThrow('e2fsprogs');
  });
});
