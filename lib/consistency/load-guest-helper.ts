import { readFileSync } from 'node:fs';

let loaded: string | undefined;

/** Source text of the helper that runs inside the guest; it lies beside this file. */
export function loadGuestHelper(): string {
  loaded ??= readFileSync(new URL('./guest-helper.py', import.meta.url), 'utf8');
  return loaded;
}
