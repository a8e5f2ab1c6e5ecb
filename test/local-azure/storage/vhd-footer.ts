/**
 * The footer of a fixed virtual hard disk ("Virtual Hard Disk Image Format Specification", version
 * 1.0): 512 bytes after the data, all numbers big-endian.
 */
import { createHash } from 'node:crypto';
import type { PageImage } from '../contracts.ts';

export const VHD_FOOTER_BYTES = 512;
const FIXED_DISK = 2;
const MIB = 2 ** 20;
const CHECKSUM_OFFSET = 64;

/** `identity` decides the unique id: one identity, one footer per size. */
export function createVhdFooter(dataBytes: number, identity: string): Buffer {
  const footer = Buffer.alloc(VHD_FOOTER_BYTES);
  footer.write('conectix', 0, 'latin1');
  footer.writeUInt32BE(2, 8); // features: the reserved bit is always set
  footer.writeUInt32BE(0x0001_0000, 12); // format version 1.0
  footer.fill(0xff, 16, 24); // data offset: none in a fixed disk
  footer.writeUInt32BE(0, 24); // time stamp, in seconds since 2000
  footer.write('wa  ', 28, 'latin1'); // creator application
  footer.writeUInt32BE(0x0007_0000, 32); // creator version
  footer.write('Wi2k', 36, 'latin1'); // creator host
  footer.writeBigUInt64BE(BigInt(dataBytes), 40); // original size
  footer.writeBigUInt64BE(BigInt(dataBytes), 48); // current size
  const geometry = geometryOf(dataBytes);
  footer.writeUInt16BE(geometry.cylinders, 56);
  footer.writeUInt8(geometry.heads, 58);
  footer.writeUInt8(geometry.sectorsPerTrack, 59);
  footer.writeUInt32BE(FIXED_DISK, 60);
  createHash('sha256').update(identity).digest().copy(footer, 68, 0, 16);
  footer.writeUInt32BE(checksumOf(footer), CHECKSUM_OFFSET);
  return footer;
}

/** One's complement of the sum of all bytes but those of the checksum itself. */
function checksumOf(footer: Buffer): number {
  let sum = 0;
  for (let index = 0; index < VHD_FOOTER_BYTES; index++) {
    if (index < CHECKSUM_OFFSET || index >= CHECKSUM_OFFSET + 4) {
      sum += footer.readUInt8(index);
    }
  }
  return ~sum >>> 0;
}

/** The appendix "CHS calculation" of the specification. */
function geometryOf(dataBytes: number): {
  cylinders: number;
  heads: number;
  sectorsPerTrack: number;
} {
  const sectors = Math.min(Math.floor(dataBytes / 512), 65_535 * 16 * 255);
  if (sectors >= 65_535 * 16 * 63) {
    return { cylinders: Math.floor(sectors / 255 / 16), heads: 16, sectorsPerTrack: 255 };
  }
  let sectorsPerTrack = 17;
  let cylindersTimesHeads = Math.floor(sectors / sectorsPerTrack);
  let heads = Math.max(4, Math.floor((cylindersTimesHeads + 1023) / 1024));
  if (cylindersTimesHeads >= heads * 1024 || heads > 16) {
    sectorsPerTrack = 31;
    heads = 16;
    cylindersTimesHeads = Math.floor(sectors / sectorsPerTrack);
  }
  if (cylindersTimesHeads >= heads * 1024) {
    sectorsPerTrack = 63;
    heads = 16;
    cylindersTimesHeads = Math.floor(sectors / sectorsPerTrack);
  }
  return { cylinders: Math.floor(cylindersTimesHeads / heads), heads, sectorsPerTrack };
}

/**
 * Why an image that ends with a footer is not a VHD that Azure takes, or undefined: fixed type,
 * right checksum and size, data a whole number of MiB ("Prepare a Windows VHD to upload to Azure").
 */
export function findVhdProblem(image: Pick<PageImage, 'sizeBytes' | 'read'>): string | undefined {
  const dataBytes = image.sizeBytes - VHD_FOOTER_BYTES;
  if (dataBytes <= 0) {
    return `a blob of ${image.sizeBytes} bytes has no room for a VHD footer`;
  }
  const footer = image.read(dataBytes, VHD_FOOTER_BYTES);
  const cookie = footer.toString('latin1', 0, 8);
  if (cookie !== 'conectix') {
    return "The specified cookie value in VHD footer indicates that the disk is not a supported VHD. Disk is expected to have cookie value 'conectix'.";
  }
  if (footer.readUInt32BE(CHECKSUM_OFFSET) !== checksumOf(footer)) {
    return 'The checksum of the VHD footer is wrong.';
  }
  const diskType = footer.readUInt32BE(60);
  if (diskType !== FIXED_DISK) {
    return `The VHD footer says disk type ${diskType}; only fixed disks (2) are supported.`;
  }
  const currentBytes = footer.readBigUInt64BE(48);
  if (currentBytes !== BigInt(dataBytes)) {
    return `The VHD footer says ${currentBytes} bytes, the blob holds ${dataBytes} before it.`;
  }
  if (dataBytes % MIB !== 0) {
    return `The VHD has an unsupported virtual size of ${dataBytes} bytes. The size must be a whole number (in MBs).`;
  }
  return undefined;
}

/** The image with its footer behind it, as SAS access to a managed disk serves it. */
export function withVhdFooter(image: PageImage, identity: string): PageImage {
  const store = image.fork();
  store.resize(image.sizeBytes + VHD_FOOTER_BYTES);
  store.write(image.sizeBytes, createVhdFooter(image.sizeBytes, identity));
  return store.snapshot();
}

/** The data alone, as a disk made from the VHD holds it. */
export function withoutVhdFooter(image: PageImage): PageImage {
  const store = image.fork();
  store.resize(image.sizeBytes - VHD_FOOTER_BYTES);
  return store.snapshot();
}
