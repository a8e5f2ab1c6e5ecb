/** A call of the product's HTTP interface, ready to be pasted into a shell. */
export interface SampleCall {
  readonly what: string;
  readonly curl: string;
}

export interface SampleCallsOptions {
  readonly url: string;
  readonly functionKey: string;
  readonly vmId: string;
  readonly vmName: string;
  /** A run that exists, for the call that shows one. */
  readonly runId: string;
}

const RESTORED_SUFFIX = '-restored';

/** The restore's name is free until the restore was called. */
export function createSampleCalls(options: SampleCallsOptions): readonly SampleCall[] {
  const { url, functionKey, vmId, vmName, runId } = options;
  const curl = (path: string, body?: unknown): string =>
    [
      'curl -sS',
      ...(body === undefined ? [] : ['-i -X POST']),
      `-H 'x-functions-key: ${functionKey}'`,
      ...(body === undefined
        ? []
        : [`-H 'content-type: application/json'`, `-d '${JSON.stringify(body)}'`]),
      `'${new URL(path, url).href}'`,
    ].join(' ');
  const restore = {
    vm: vmName,
    latest: true,
    mode: 'newVm',
    source: 'auto',
    overrides: { vmName: `${vmName}${RESTORED_SUFFIX}` },
  };
  return [
    { what: 'list VMs', curl: curl('/api/vms') },
    { what: 'protect now', curl: curl('/api/points', { vmId }) },
    { what: 'list points', curl: curl('/api/points') },
    {
      what: 'plan a restore, and do nothing',
      curl: curl('/api/restores', { ...restore, dryRun: true }),
    },
    { what: 'restore', curl: curl('/api/restores', restore) },
    { what: 'show a run', curl: curl(`/api/runs/${runId}`) },
  ];
}
