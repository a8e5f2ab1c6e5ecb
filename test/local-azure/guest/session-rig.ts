import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PageStore, RunCommandProcess, RunCommandRequest } from '../contracts.ts';
import { createCertificate } from '../front/certificate.ts';
import { createPageStore } from '../pages/page-store.ts';
import { createGuestAgent, type SimulatedGuests } from './create-guest-agent.ts';

const MIB = 1024 * 1024;

export const VM_ID =
  '/subscriptions/0/resourceGroups/app/providers/Microsoft.Compute/virtualMachines/db-1';

export const HELPER_TEXT = "HELPER_VERSION = '1.2'\nprint('helper')\n";

export const SCRIPT = [
  '#!/bin/sh',
  'for p in python3 /usr/libexec/platform-python; do command -v $p && break; done',
  "exec $p - <<'LOCKSTEP_HELPER'",
  `${HELPER_TEXT}LOCKSTEP_HELPER`,
  '',
].join('\n');

/** The cloud's end of one guest session, for tests of the guest. */
export interface CloudEnd {
  readonly session: string;
  readonly process: RunCommandProcess;
  /** Every complete line that the guest has appended, parsed where it is JSON. */
  messages(): readonly Record<string, unknown>[];
  raw(): Buffer;
  say(type: string, fields?: Record<string, unknown>): void;
  sayRaw(text: string): void;
  /** Waits for a message of that type. */
  hear(type: string, timeoutMs?: number): Promise<Record<string, unknown>>;
}

export interface SessionRig {
  readonly guests: SimulatedGuests;
  readonly stores: readonly PageStore[];
  /** Starts a run command on the VM of the rig. */
  open(request?: Partial<RunCommandRequest>): CloudEnd;
  /** The guest's own blob of a session, without signature. */
  fromGuestUrl(session: string): string;
  /** The next `count` requests to the blobs break: before they are handled, or after. */
  breakConnections(count: number, when: 'before' | 'after'): void;
  close(): Promise<void>;
}

/** One guest with disks at LUN -1, 0, 1, ... and append blobs on an HTTPS server of the rig. */
export async function createSessionRig(options: {
  readonly diskCount: number;
  readonly areaMiB?: number;
  readonly slotsPerVm?: number;
}): Promise<SessionRig> {
  const directory = await mkdtemp(path.join(tmpdir(), 'lockstep-guest-test-'));
  const { certificatePem, keyPem } = await createCertificate(directory);
  const blobs = new Map<string, Buffer>();
  const broken = { count: 0, when: 'before' as 'before' | 'after' };
  const server = createServer({ cert: certificatePem, key: keyPem }, (request, response) => {
    const url = new URL(request.url ?? '/', 'https://rig');
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const breaks = broken.count > 0;
      if (breaks) broken.count -= 1;
      if (breaks && broken.when === 'before') {
        request.socket.destroy();
        return;
      }
      const { status, body } = answer(
        request.method ?? '',
        url,
        request.headers,
        Buffer.concat(parts),
      );
      if (breaks) request.socket.destroy();
      else response.writeHead(status).end(body);
    });
  });

  function answer(
    method: string,
    url: URL,
    headers: NodeJS.Dict<string | string[]>,
    body: Buffer,
  ): { status: number; body?: Buffer } {
    const blob = blobs.get(url.pathname);
    if (blob === undefined) return { status: 404 };
    if (url.searchParams.get('sig') !== 'rig-secret') return { status: 403 };
    if (method === 'PUT' && url.searchParams.get('comp') === 'appendblock') {
      if (Number(headers['x-ms-blob-condition-appendpos']) !== blob.length) return { status: 412 };
      blobs.set(url.pathname, Buffer.concat([blob, body]));
      return { status: 201 };
    }
    const from = Number(/^bytes=(\d+)-$/.exec(String(headers['x-ms-range']))?.[1]);
    if (method !== 'GET' || !Number.isInteger(from)) return { status: 400 };
    return from >= blob.length ? { status: 416 } : { status: 206, body: blob.subarray(from) };
  }

  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const areaBytes = (options.areaMiB ?? 1) * MIB;
  const stores = Array.from({ length: options.diskCount }, () => createPageStore(areaBytes + MIB));
  const diskIds = stores.map((_, index) => `${VM_ID}/disk-${index}`);
  const guests = createGuestAgent({
    certificatePem,
    pollMs: 5,
    compute: {
      vmDisks: () => diskIds.map((diskId, index) => ({ lun: index - 1, diskId })),
      diskStore: (diskId) => stores[diskIds.indexOf(diskId)],
    },
  });
  await guests.createGuest({
    vmId: VM_ID,
    disks: stores.map((_, index) => ({
      lun: index - 1,
      area: [{ start: MIB, end: MIB + areaBytes }],
    })),
    ...(options.slotsPerVm === undefined ? {} : { slotsPerVm: options.slotsPerVm }),
  });

  return {
    guests,
    stores,
    fromGuestUrl: (session) => `${origin}/sessions/${session}/from-guest`,
    breakConnections(count, when) {
      broken.count = count;
      broken.when = when;
    },
    open(request = {}) {
      const session = `s-${randomBytes(16).toString('hex')}`;
      const toGuest = `/sessions/${session}/to-guest`;
      const fromGuest = `/sessions/${session}/from-guest`;
      blobs.set(toGuest, Buffer.alloc(0)).set(fromGuest, Buffer.alloc(0));
      const running = guests.runCommand({
        vmId: VM_ID,
        name: `lockstep-${session}`,
        script: SCRIPT,
        parameters: { LOCKSTEP_SESSION: session, LOCKSTEP_HELLO_TIMEOUT_S: '5' },
        protectedParameters: {
          LOCKSTEP_TO_GUEST_URL: `${origin}${toGuest}?sig=rig-secret`,
          LOCKSTEP_FROM_GUEST_URL: `${origin}${fromGuest}?sig=rig-secret`,
        },
        timeoutSeconds: 60,
        ...request,
      });
      let seq = 0;
      const raw = () => blobs.get(fromGuest) ?? Buffer.alloc(0);
      const sayRaw = (text: string) => {
        blobs.set(
          toGuest,
          Buffer.concat([blobs.get(toGuest) ?? Buffer.alloc(0), Buffer.from(text)]),
        );
      };
      const cloud: CloudEnd = {
        session,
        process: running,
        raw,
        sayRaw,
        messages: () => raw().toString('utf8').split('\n').slice(0, -1).map(parseLine),
        say(type, fields = {}) {
          sayRaw(`${JSON.stringify({ v: 1, session, seq, type, ...fields })}\n`);
          seq += 1;
        },
        async hear(type, timeoutMs = 5000) {
          const found = () => cloud.messages().find((message) => message['type'] === type);
          await waitUntil(() => found() !== undefined, `a ${type} message`, timeoutMs);
          return found() ?? {};
        },
      };
      return cloud;
    },
    async close() {
      await guests.close();
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function parseLine(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : { value };
  } catch {
    return { notJson: line };
  }
}

/** Polls until `condition` holds; an Error that names `what` after `timeoutMs`. */
export async function waitUntil(
  condition: () => boolean,
  what: string,
  timeoutMs = 5000,
): Promise<void> {
  const untilMs = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > untilMs) throw new Error(`${what} did not come in ${timeoutMs} ms`);
    await sleep(3);
  }
}
