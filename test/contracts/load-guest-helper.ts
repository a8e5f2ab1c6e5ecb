import { readFileSync } from 'node:fs';

/** Source text of the helper that runs inside the guest. */
export const loadGuestHelper = (): string =>
  readFileSync(new URL('../../lib/consistency/guest-helper.py', import.meta.url), 'utf8');
