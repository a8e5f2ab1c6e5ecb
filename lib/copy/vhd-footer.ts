import { createHash } from 'node:crypto';

/**
 * The footer of a fixed VHD, after "Virtual Hard Disk Image Format Specification" (Microsoft, 2006):
 * what makes a page blob a disk that Azure imports.
 */

export const VHD_FOOTER_BYTES = 512;

/** The specification counts seconds from 2000-01-01; a constant keeps the footer reproducible. */
const TIME_STAMP = 0;
const FEATURES_RESERVED = 2;
const FILE_FORMAT_VERSION = 0x00010000;
const DISK_TYPE_FIXED = 2;
/**
 * Hyper-V's: QEMU (block/vpc.c) takes a disk's size from the size field only for creators that it
 * knows, and else from the geometry, which is rounded down. Azure's own name it knows since 2024.
 */
const CREATOR_APPLICATION = 'win ';
const CREATOR_VERSION = 0x000a0000;
const MOST_SECTORS = 65_535 * 16 * 255;

interface Geometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectorsPerTrack: number;
}

/** The specification's "CHS Calculation" appendix, step by step. */
export const geometryOf = (sizeBytes: number): Geometry => {
  const totalSectors = Math.min(Math.floor(sizeBytes / 512), MOST_SECTORS);
  if (totalSectors >= 65_535 * 16 * 63) return geometry(totalSectors, 16, 255);
  let sectorsPerTrack = 17;
  let cylinderTimesHeads = Math.floor(totalSectors / sectorsPerTrack);
  let heads = Math.max(4, Math.floor((cylinderTimesHeads + 1023) / 1024));
  if (cylinderTimesHeads >= heads * 1024 || heads > 16) {
    sectorsPerTrack = 31;
    heads = 16;
    cylinderTimesHeads = Math.floor(totalSectors / sectorsPerTrack);
  }
  if (cylinderTimesHeads >= heads * 1024) {
    sectorsPerTrack = 63;
    heads = 16;
  }
  return geometry(totalSectors, heads, sectorsPerTrack);
};

const geometry = (totalSectors: number, heads: number, sectorsPerTrack: number): Geometry => ({
  cylinders: Math.floor(Math.floor(totalSectors / sectorsPerTrack) / heads),
  heads,
  sectorsPerTrack,
});

/** The same size and chain give the same footer, so that it may be written again. */
export const createVhdFooter = (sizeBytes: number, chainId: string): Buffer => {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0 || sizeBytes % 512 !== 0) {
    throw new RangeError(`A disk of ${sizeBytes} bytes does not consist of 512-byte sectors`);
  }
  const footer = Buffer.alloc(VHD_FOOTER_BYTES);
  const { cylinders, heads, sectorsPerTrack } = geometryOf(sizeBytes);
  footer.write('conectix', 0, 'ascii');
  footer.writeUInt32BE(FEATURES_RESERVED, 8);
  footer.writeUInt32BE(FILE_FORMAT_VERSION, 12);
  footer.fill(0xff, 16, 24); // Data offset: none in a fixed disk.
  footer.writeUInt32BE(TIME_STAMP, 24);
  footer.write(CREATOR_APPLICATION, 28, 'ascii');
  footer.writeUInt32BE(CREATOR_VERSION, 32);
  footer.write('Wi2k', 36, 'ascii');
  footer.writeBigUInt64BE(BigInt(sizeBytes), 40); // Original size.
  footer.writeBigUInt64BE(BigInt(sizeBytes), 48); // Current size.
  footer.writeUInt16BE(cylinders, 56);
  footer.writeUInt8(heads, 58);
  footer.writeUInt8(sectorsPerTrack, 59);
  footer.writeUInt32BE(DISK_TYPE_FIXED, 60);
  createHash('sha256').update(`vhd\n${chainId}`).digest().copy(footer, 68, 0, 16); // Unique id.
  footer.writeUInt32BE(checksumOf(footer), 64);
  return footer;
};

/** One's complement of the sum of all bytes but the checksum's own. */
const checksumOf = (footer: Buffer): number => {
  let sum = 0;
  for (const byte of footer) sum += byte;
  return ~sum >>> 0;
};
