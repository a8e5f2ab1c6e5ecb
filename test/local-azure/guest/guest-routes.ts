import { ControlError, type RegisterControlRoute } from '../control/control-server.ts';
import { type GuestBehaviour, parseBehaviour } from './behaviour.ts';
import { createBodyParser } from './body-parser.ts';
import type { SimulatedGuests } from './create-guest-agent.ts';
import type { DiskPlan, Guest } from './guest.ts';
import type { GuestSummary, JournalSummary } from './guest-client.ts';

const VM_ID = { type: 'string', minLength: 1 } as const;
const RANGE = {
  type: 'object',
  properties: {
    start: { type: 'integer', minimum: 0 },
    end: { type: 'integer', minimum: 1 },
  },
  required: ['start', 'end'],
} as const;

const parseCreate = createBodyParser<{
  vmId: string;
  disks: DiskPlan[];
  slotsPerVm?: number;
}>(
  'body',
  {
    vmId: VM_ID,
    slotsPerVm: { type: 'integer', minimum: 1 },
    disks: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        properties: {
          lun: { type: 'integer', minimum: -1 },
          mountPoint: { type: 'string', pattern: '^/' },
          area: { type: 'array', items: RANGE },
        },
        required: ['lun'],
        additionalProperties: false,
      },
    },
  },
  ['vmId', 'disks'],
);
const parseVm = createBodyParser<{ vmId: string }>('body', { vmId: VM_ID }, ['vmId']);
const parseStart = createBodyParser<{ vmId: string; pairsPerSecond?: number }>(
  'body',
  { vmId: VM_ID, pairsPerSecond: { type: 'number', exclusiveMinimum: 0, maximum: 1000 } },
  ['vmId'],
);
const parseSetBehaviour = createBodyParser<{ vmId: string; behaviour: GuestBehaviour }>(
  'body',
  { vmId: VM_ID, behaviour: { type: 'object' } },
  ['vmId', 'behaviour'],
);
const parseStatus = createBodyParser<{ vmId: string; status: Guest['agentStatus'] }>(
  'body',
  { vmId: VM_ID, status: { enum: ['Ready', 'Unavailable', 'None'] } },
  ['vmId', 'status'],
);
const parsePower = createBodyParser<{ vmId: string; on: boolean }>(
  'body',
  { vmId: VM_ID, on: { type: 'boolean' } },
  ['vmId', 'on'],
);

/** Pairs per second of each writer; four writers make some 1,200 writes a second. */
const DEFAULT_PAIRS_PER_SECOND = 150;

/** The control routes `/guest/*`; `guest-client.ts` is their typed client. */
export function registerGuestRoutes(register: RegisterControlRoute, guests: SimulatedGuests): void {
  const known = (vmId: string): Guest => {
    const guest = guests.guests().find((candidate) => isSame(candidate.vmId, vmId));
    if (guest === undefined) throw new ControlError(404, 'NoSuchGuest', `${vmId} has no guest`);
    return guest;
  };

  register('GET', '/guest/guests', () =>
    guests.guests().map((guest) => describeGuest(guest, guests)),
  );
  register('POST', '/guest/guests', async ({ body }) =>
    describeGuest(await guests.createGuest(parseCreate(body)), guests),
  );
  register('POST', '/guest/writers/start', ({ body }) => {
    const { vmId, pairsPerSecond } = parseStart(body);
    const guest = known(vmId);
    if (!guest.isRunning) throw new ControlError(409, 'GuestNotRunning', `${vmId} is powered off`);
    guest.startWriters(pairsPerSecond ?? DEFAULT_PAIRS_PER_SECOND);
    return describeGuest(guest, guests);
  });
  register('POST', '/guest/writers/stop', async ({ body }) => {
    const guest = known(parseVm(body).vmId);
    await guest.stopWriters();
    return describeGuest(guest, guests);
  });
  register('POST', '/guest/behaviour', ({ body }) => {
    const { vmId, behaviour } = parseSetBehaviour(body);
    known(vmId).behaviour = parseBehaviour(behaviour);
    return undefined;
  });
  register('POST', '/guest/agent-status', ({ body }) => {
    const { vmId, status } = parseStatus(body);
    known(vmId).agentStatus = status;
    return undefined;
  });
  register('POST', '/guest/power', async ({ body }) => {
    const { vmId, on } = parsePower(body);
    known(vmId);
    if (on) guests.powerOn(vmId);
    else await guests.powerOff(vmId);
    return undefined;
  });
  register('GET', '/guest/frozen', () => guests.frozenGuests());
  register('GET', '/guest/processes', () => guests.runningProcesses());
  register('GET', '/guest/journal', ({ query }) => {
    const vmId = query.get('vmId');
    if (vmId === null) throw new TypeError('the query names no vmId');
    return summarizeJournal(known(vmId), guests);
  });
  register('GET', '/guest/freezes', ({ query }) =>
    guests.freezes.records.filter(
      ({ vmId, session }) =>
        isSame(vmId, query.get('vmId') ?? vmId) && session === (query.get('session') ?? session),
    ),
  );
  register('GET', '/guest/sessions', ({ query }) =>
    guests.sessions.filter(({ vmId }) => isSame(vmId, query.get('vmId') ?? vmId)),
  );
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function describeGuest(guest: Guest, guests: SimulatedGuests): GuestSummary {
  return {
    vmId: guest.vmId,
    isRunning: guest.isRunning,
    agentStatus: guests.agentStatus(guest.vmId),
    behaviour: guest.behaviour,
    luns: guest.luns,
    mounts: guest.mounts.map(({ mountPoint, device, lun, diskId, isFrozen }) => ({
      ...{ mountPoint, device, lun, diskId, isFrozen },
    })),
    writers: guest.writers.map(({ facts, isRunning, seq }) => ({
      writer: facts.writer,
      isRunning,
      seq,
      slots: facts.slotOffsets[0].length,
    })),
  };
}

function summarizeJournal(guest: Guest, guests: SimulatedGuests): JournalSummary {
  const { journal } = guests;
  const writesByLun = new Map(
    guest.luns.map((lun) => [guest.journalDisk(lun).disk, { lun, writes: 0 }]),
  );
  for (let order = 1; order <= journal.lastOrder; order += 1) {
    const count = writesByLun.get(journal.entry(order).disk);
    if (count !== undefined) count.writes += 1;
  }
  return {
    lastOrder: journal.lastOrder,
    writesByLun: [...writesByLun.values()],
    slots: guest.writers.reduce((sum, { facts }) => sum + facts.slotOffsets[0].length, 0),
    slotsWritten: guest.writers.reduce(
      (sum, { facts, seq }) => sum + Math.min(seq, facts.slotOffsets[0].length),
      0,
    ),
  };
}
