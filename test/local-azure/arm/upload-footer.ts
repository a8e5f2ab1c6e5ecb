import type { PageStore } from '../contracts.ts';
import { findVhdProblem, VHD_FOOTER_BYTES } from '../storage/vhd-footer.ts';
import { ArmError } from './arm-error.ts';

/**
 * Ends the upload of a disk: what was written must end with the footer of a fixed VHD, which Azure
 * looks at only in endGetAccess (microsoft/AzureStorageExplorer#6654). The footer is cut off: what
 * stays is the disk. Throws InvalidVhd and leaves everything as it is.
 */
export function endUpload(store: PageStore): void {
  const problem = findVhdProblem(store);
  if (problem !== undefined) throw new ArmError(409, 'InvalidVhd', problem);
  store.resize(store.sizeBytes - VHD_FOOTER_BYTES);
}
