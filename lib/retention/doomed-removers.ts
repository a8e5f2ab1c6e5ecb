import type { MadeResource } from '../catalog/run.ts';
import { TAGS } from '../catalog/storage-layout.ts';
import { BackupError } from '../errors.ts';
import type { GuestChannel } from '../ports/guest-channel.ts';
import type { GuestCommands } from '../ports/guest-commands.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';
import type { Clock } from '../time/clock.ts';
import type { DoomedRemover, Removal } from './remove-doomed.ts';

const GONE: Removal = { state: 'gone' };
const later = (reason: string): Removal => ({ state: 'later', reason });

/** A request that was under way when its process died may still make the thing. */
const LATE_ARRIVAL_MS = 120_000;
/** The longest freeze deadline, and a margin: no helper holds a file system for longer. */
const HELPER_LIMIT_MS = 90_000;

const ageMs = (clock: Clock, made: MadeResource): number =>
  clock.now().getTime() - Date.parse(made.sinceUtc);

const absent = (clock: Clock, made: MadeResource): Removal =>
  ageMs(clock, made) >= LATE_ARRIVAL_MS
    ? GONE
    : later('it is not there, but a request that makes it may still be under way');

/** Deletes snapshots that bear our deployment's tag and lie in our resource group, no others. */
export const createSnapshotRemover =
  (ports: {
    readonly snapshots: SnapshotStore;
    readonly clock: Clock;
    readonly deploymentId: string;
  }): DoomedRemover =>
  async (made) => {
    const { snapshots, clock, deploymentId } = ports;
    const name = made.resourceId.slice(made.resourceId.lastIndexOf('/') + 1);
    if (snapshots.idOf(name).toLowerCase() !== made.resourceId.toLowerCase()) {
      return later('it is not in our resource group: never deleted');
    }
    const found = await snapshots.get(made.resourceId);
    if (found === undefined) return absent(clock, made);
    if (found.tags[TAGS.deployment] !== deploymentId) {
      return later('it does not bear our tag: never deleted');
    }
    await snapshots.remove(made.resourceId);
    return GONE;
  };

/**
 * Deletes run commands of ours, once the script has ended or no freeze of its can last any more:
 * deleting a command kills the script's process group.
 */
export const createRunCommandRemover =
  (ports: {
    readonly commands: GuestCommands;
    readonly clock: Clock;
    readonly deploymentId: string;
  }): DoomedRemover =>
  async (made) => {
    const { commands, clock, deploymentId } = ports;
    const tags = await commands.readTags(made.resourceId);
    if (tags === undefined) return absent(clock, made);
    if (tags[TAGS.deployment] !== deploymentId) {
      return later('it does not bear our tag: never deleted');
    }
    if (ageMs(clock, made) < HELPER_LIMIT_MS) {
      const state = await commands.readState(made.resourceId);
      if (state !== undefined && state.execution !== 'succeeded' && state.execution !== 'failed') {
        return later('its script may still hold file systems frozen');
      }
    }
    await commands.remove(made.resourceId);
    return GONE;
  };

/** Deletes the two files of a guest session, unless a guest may still need to read its `abort`. */
export const createGuestSessionRemover =
  (ports: { readonly channel: GuestChannel; readonly clock: Clock }): DoomedRemover =>
  async (made) => {
    const sessionId = made.resourceId.slice(made.resourceId.lastIndexOf('/') + 1);
    if (ports.channel.idOf(sessionId) !== made.resourceId) {
      return later('it is not in our session container: never deleted');
    }
    if (ageMs(ports.clock, made) < HELPER_LIMIT_MS && !(await hasEnded(ports.channel, sessionId))) {
      return later('its guest may still have to read that it must end');
    }
    await ports.channel.remove(sessionId);
    return GONE;
  };

/** Whether the guest has said its last word. */
async function hasEnded(channel: GuestChannel, sessionId: string): Promise<boolean> {
  try {
    const said = Buffer.from(await channel.read(sessionId, 0)).toString('utf8');
    return /"type":\s*"done"/.test(said);
  } catch (error) {
    if (error instanceof BackupError && error.errorCode === 'GuestSessionGone') return true;
    throw error;
  }
}
