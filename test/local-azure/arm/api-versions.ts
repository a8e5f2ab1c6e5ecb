/** The api-versions that each provider publishes for its types (a recent part of the real lists). */
const computeVersions = [
  '2023-03-01',
  '2023-07-01',
  '2023-09-01',
  '2024-03-01',
  '2024-07-01',
  '2024-11-01',
  '2025-04-01',
  '2025-11-01',
  '2026-03-01',
  '2026-04-01',
] as const;
const diskVersions = [
  '2022-07-02',
  '2023-01-02',
  '2023-04-02',
  '2023-10-02',
  '2024-03-02',
  '2025-01-02',
  '2026-03-02',
] as const;
const networkVersions = [
  '2022-11-01',
  '2023-02-01',
  '2023-04-01',
  '2023-05-01',
  '2023-06-01',
  '2023-09-01',
  '2023-11-01',
  '2024-01-01',
  '2024-03-01',
  '2024-05-01',
  '2024-07-01',
  '2024-10-01',
  '2025-01-01',
  '2025-03-01',
  '2025-05-01',
] as const;
const storageVersions = [
  '2022-09-01',
  '2023-01-01',
  '2023-04-01',
  '2023-05-01',
  '2024-01-01',
  '2025-01-01',
  '2025-06-01',
] as const;
const resourcesVersions = [
  '2019-10-01',
  '2020-06-01',
  '2021-01-01',
  '2021-04-01',
  '2022-09-01',
  '2023-07-01',
  '2024-03-01',
  '2024-07-01',
  '2024-11-01',
  '2025-03-01',
  '2025-04-01',
] as const;
const subscriptionVersions = [
  '2016-06-01',
  '2018-06-01',
  '2019-06-01',
  '2019-11-01',
  '2020-01-01',
  '2021-01-01',
  '2021-10-01',
  '2022-09-01',
  '2022-12-01',
] as const;

export const versionsByFamily = {
  compute: computeVersions,
  disk: diskVersions,
  network: networkVersions,
  storage: storageVersions,
  resources: resourcesVersions,
  subscriptions: subscriptionVersions,
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** Types that are versioned together. */
export type VersionFamily = keyof typeof versionsByFamily;
