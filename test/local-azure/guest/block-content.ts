import { createCipheriv, createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

export const BLOCK_BYTES = 4096;

/** What a written block says about itself. */
export interface BlockHeader {
  readonly writer: number;
  /** Counts a writer's pairs from 1. */
  readonly seq: number;
  readonly slot: number;
  /** The journal's number of the disk that the block was written to. */
  readonly disk: number;
}

export type ParsedBlock =
  | { readonly kind: 'written'; readonly header: BlockHeader }
  /** No writer's block: never written, or something else lies there. */
  | { readonly kind: 'foreign' }
  /** Has our mark, but its content is not what its header stands for. */
  | { readonly kind: 'damaged' };

const MAGIC = Buffer.from('LSTPWBLK', 'latin1');
const HEADER_BYTES = 40;
const CHECKSUM_AT = BLOCK_BYTES - 4;

/**
 * The 4 KiB that a writer puts down: magic, header, a key stream that no compression shortens, and a
 * CRC-32 of all that. A function of the header alone, so that the journal needs no contents.
 */
export function makeBlock(header: BlockHeader): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  MAGIC.copy(block);
  block.writeUInt32LE(header.writer, 8);
  block.writeUInt32LE(header.slot, 12);
  block.writeBigUInt64LE(BigInt(header.seq), 16);
  block.writeUInt32LE(header.disk, 24);
  const key = createHash('sha256').update(block.subarray(0, HEADER_BYTES)).digest();
  const stream = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16));
  stream.update(block.subarray(HEADER_BYTES, CHECKSUM_AT)).copy(block, HEADER_BYTES);
  block.writeUInt32LE(crc32(block.subarray(0, CHECKSUM_AT)), CHECKSUM_AT);
  return block;
}

/** Reads a block back; `written` means that every byte is the one that `makeBlock` gives. */
export function parseBlock(block: Buffer): ParsedBlock {
  if (block.length !== BLOCK_BYTES || !block.subarray(0, MAGIC.length).equals(MAGIC)) {
    return { kind: 'foreign' };
  }
  const header: BlockHeader = {
    writer: block.readUInt32LE(8),
    slot: block.readUInt32LE(12),
    seq: Number(block.readBigUInt64LE(16)),
    disk: block.readUInt32LE(24),
  };
  return makeBlock(header).equals(block) ? { kind: 'written', header } : { kind: 'damaged' };
}
