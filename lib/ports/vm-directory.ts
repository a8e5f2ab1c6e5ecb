/** A VM as a listing shows it. */
export interface ListedVm {
  readonly vmId: string;
  /** `properties.vmId`: another VM of the same name has another one. */
  readonly vmUniqueId: string;
  readonly name: string;
  readonly region: string;
  readonly osType: 'Linux' | 'Windows';
}

/** Which VMs there are to protect. */
export interface VmDirectory {
  /**
   * Every VM that the service may see, in the order of the platform. Throws `ThrottledError`, or
   * `BackupError` for what a retry may cure.
   */
  listVms(): Promise<readonly ListedVm[]>;
  /** One VM by its ARM id, in any case; undefined when there is none that the service may see. */
  findVm(vmId: string): Promise<ListedVm | undefined>;
}
