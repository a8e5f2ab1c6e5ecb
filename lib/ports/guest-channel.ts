/**
 * The two append-only files through which the service and a helper inside a VM talk (docs/format.md,
 * "Guest session"). `sessionId` is `s-` and 32 lower hex digits. Nothing here knows what is said.
 */
export interface GuestChannel {
  /** Names the session for the catalog: `account/container/sessionId`. */
  idOf(sessionId: string): string;
  /** Creates both files, empty. Fine when they exist. */
  open(sessionId: string): Promise<void>;
  /**
   * Appends `line`, which ends with a line feed, to the file that the guest reads, exactly at
   * `position`, and answers the next position. May be repeated: a line that already stands at its
   * position is not written again. Throws `ConflictError` when something else stands there, and
   * `BackupError` `GuestSessionGone` when the session was removed.
   */
  append(
    sessionId: string,
    line: string,
    position: number,
    signal?: AbortSignal,
  ): Promise<{ readonly nextPosition: number }>;
  /**
   * What the guest wrote from byte `offset` on, at most 1 MiB; empty when there is nothing new. Throws
   * `BackupError` `GuestSessionGone` when there is no such session.
   */
  read(sessionId: string, offset: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** Everything that was appended for the guest so far; undefined when there is no such session. */
  readSent(sessionId: string): Promise<Uint8Array | undefined>;
  /** Deletes both files. Fine when there are none. */
  remove(sessionId: string): Promise<void>;
}
