/**
 * The CRC-64 of Azure Storage (`x-ms-content-crc64`): polynomial 0x9A6C9329AC4BC9B5 (reflected),
 * initial value and final XOR all ones, sent as the Base64 of its 8 bytes in little-endian order.
 */
const POLYNOMIAL = 0x9a6c9329ac4bc9b5n;
const SLICES = 8;

/** For each of 8 byte positions: the effect of a byte on the low and on the high half. */
const tables = buildTables();

function buildTables(): { readonly low: Uint32Array; readonly high: Uint32Array } {
  const low = new Uint32Array(SLICES * 256);
  const high = new Uint32Array(SLICES * 256);
  const first: bigint[] = [];
  for (let byte = 0; byte < 256; byte++) {
    let value = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) {
      value = (value & 1n) === 1n ? (value >> 1n) ^ POLYNOMIAL : value >> 1n;
    }
    first.push(value);
  }
  let previous = first;
  for (let slice = 0; slice < SLICES; slice++) {
    const current =
      slice === 0
        ? first
        : previous.map((value) => (value >> 8n) ^ (first[Number(value & 0xffn)] ?? 0n));
    current.forEach((value, byte) => {
      low[slice * 256 + byte] = Number(value & 0xffffffffn);
      high[slice * 256 + byte] = Number(value >> 32n);
    });
    previous = current;
  }
  return { low, high };
}

/** Base64 of the CRC-64 of `data`, as the header carries it. */
export function crc64(data: Buffer): string {
  const { low: tableLow, high: tableHigh } = tables;
  let low = 0xffffffff | 0;
  let high = 0xffffffff | 0;
  let position = 0;
  const wordsEnd = data.length - (data.length % 8);
  const at = (table: Uint32Array, index: number) => table[index] as number;
  for (; position < wordsEnd; position += 8) {
    const a = low ^ data.readInt32LE(position);
    const b = high ^ data.readInt32LE(position + 4);
    const i0 = 1792 + (a & 0xff);
    const i1 = 1536 + ((a >>> 8) & 0xff);
    const i2 = 1280 + ((a >>> 16) & 0xff);
    const i3 = 1024 + (a >>> 24);
    const i4 = 768 + (b & 0xff);
    const i5 = 512 + ((b >>> 8) & 0xff);
    const i6 = 256 + ((b >>> 16) & 0xff);
    const i7 = b >>> 24;
    low =
      at(tableLow, i0) ^
      at(tableLow, i1) ^
      at(tableLow, i2) ^
      at(tableLow, i3) ^
      at(tableLow, i4) ^
      at(tableLow, i5) ^
      at(tableLow, i6) ^
      at(tableLow, i7);
    high =
      at(tableHigh, i0) ^
      at(tableHigh, i1) ^
      at(tableHigh, i2) ^
      at(tableHigh, i3) ^
      at(tableHigh, i4) ^
      at(tableHigh, i5) ^
      at(tableHigh, i6) ^
      at(tableHigh, i7);
  }
  for (; position < data.length; position++) {
    const index = (low ^ data.readUInt8(position)) & 0xff;
    low = (low >>> 8) ^ (high << 24) ^ at(tableLow, index);
    high = (high >>> 8) ^ at(tableHigh, index);
  }
  const result = Buffer.alloc(8);
  result.writeInt32LE(~low, 0);
  result.writeInt32LE(~high, 4);
  return result.toString('base64');
}
