/** What the cloud may say to a guest. */
export type CloudMessage =
  | { readonly type: 'go'; readonly deadlineMs: number }
  | { readonly type: 'release' }
  | { readonly type: 'abort'; readonly reason: string };

/** The cloud broke the protocol: the guest thaws and ends. */
export class CloudProtocolError extends Error {
  override readonly name = 'CloudProtocolError';
}

const MAX_LINE_BYTES = 64 * 1024;
/** A deadline beyond it is refused (protocol version 1). */
const DEADLINE_CEILING_MS = 30_000;

/** Cuts what arrives into lines and checks each; keeps half a line for the next call. */
export function createCloudMessageReader(session: string): {
  push(data: Buffer): CloudMessage[];
} {
  let rest = Buffer.alloc(0);
  let nextSeq = 0;

  function parseLine(line: Buffer): CloudMessage {
    let message: unknown;
    try {
      message = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(line));
    } catch (cause) {
      throw new CloudProtocolError('a line is not JSON in UTF-8', { cause });
    }
    if (typeof message !== 'object' || message === null) {
      throw new CloudProtocolError('a line is not an object');
    }
    const fields = message as Readonly<Record<string, unknown>>;
    if (fields['v'] !== 1) throw new CloudProtocolError(`version ${String(fields['v'])}`);
    if (fields['session'] !== session) throw new CloudProtocolError('another session');
    if (fields['seq'] !== nextSeq) {
      throw new CloudProtocolError(`seq ${String(fields['seq'])} where ${nextSeq} is due`);
    }
    nextSeq += 1;
    return readFields(fields);
  }

  return {
    push(data) {
      rest = Buffer.concat([rest, data]);
      const messages: CloudMessage[] = [];
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
        if (end > MAX_LINE_BYTES) throw new CloudProtocolError('a line is too long');
        messages.push(parseLine(rest.subarray(0, end)));
        rest = rest.subarray(end + 1);
      }
      if (rest.length > MAX_LINE_BYTES) throw new CloudProtocolError('a line is too long');
      return messages;
    },
  };
}

function readFields(fields: Readonly<Record<string, unknown>>): CloudMessage {
  switch (fields['type']) {
    case 'go': {
      const deadlineMs = fields['deadlineMs'];
      if (
        typeof deadlineMs !== 'number' ||
        !(deadlineMs > 0 && deadlineMs <= DEADLINE_CEILING_MS)
      ) {
        throw new CloudProtocolError(`go with deadlineMs ${String(deadlineMs)}`);
      }
      return { type: 'go', deadlineMs };
    }
    case 'release':
      return { type: 'release' };
    case 'abort':
      if (typeof fields['reason'] !== 'string')
        throw new CloudProtocolError('abort without reason');
      return { type: 'abort', reason: fields['reason'] };
    default:
      throw new CloudProtocolError(`type ${String(fields['type'])}`);
  }
}
