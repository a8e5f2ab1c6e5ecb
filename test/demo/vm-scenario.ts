import { DEPLOYMENT } from '../world/app-settings.ts';

/** A database server that spreads its data over four disks. */
export const VM_SCENARIO = {
  name: 'db-1',
  resourceGroup: DEPLOYMENT.sourceGroup,
  region: DEPLOYMENT.sourceRegion,
  size: 'Standard_D4s_v5',
  tags: { app: 'shop', 'cost-centre': '4711' },
  identity: { type: 'SystemAssigned' },
  securityType: 'TrustedLaunch',
  osDisk: {
    sizeMiB: 96,
    caching: 'ReadWrite',
    sku: 'Premium_LRS',
    files: { count: 40, totalMiB: 24 },
  },
  dataDisks: [
    {
      lun: 0,
      sizeMiB: 128,
      caching: 'ReadOnly',
      sku: 'Premium_LRS',
      files: { count: 30, totalMiB: 48 },
    },
    { lun: 1, sizeMiB: 96, caching: 'None', sku: 'StandardSSD_LRS', tags: { holds: 'wal' } },
    { lun: 4, sizeMiB: 64, caching: 'None', sku: 'Standard_LRS', deleteOption: 'Delete' },
  ],
} as const;
