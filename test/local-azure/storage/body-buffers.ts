/**
 * Buffers for request bodies, used again: a fresh 4 MiB for every page write costs more than the
 * write.
 */
export interface BodyBuffers {
  /** At least `lengthBytes` long, with anything in it. */
  take(lengthBytes: number): Buffer;
  /** The content must not be used any more. */
  giveBack(buffer: Buffer): void;
}

const BUFFER_BYTES = 4 * 2 ** 20;
const MAX_KEPT = 16;

/** Keeps at most 16 buffers of 4 MiB. */
export function createBodyBuffers(): BodyBuffers {
  const free: Buffer[] = [];
  return {
    take: (lengthBytes) =>
      lengthBytes > BUFFER_BYTES
        ? Buffer.allocUnsafeSlow(lengthBytes)
        : (free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES)),
    giveBack(buffer) {
      if (buffer.length === BUFFER_BYTES && free.length < MAX_KEPT) {
        free.push(buffer);
      }
    },
  };
}
