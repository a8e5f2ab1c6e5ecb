import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COPY_STATES } from '../../../lib/catalog/point-copy.ts';
import { chooseCopy } from '../../../lib/restore/choose-copy.ts';
import { planRestore } from '../../../lib/restore/plan-restore.ts';
import type { CopyFacts, DestinationFacts } from '../../../lib/restore/restore-facts.ts';
import { idsOf, restoreNames } from '../../../lib/restore/restore-names.ts';
import type { RestoreStep } from '../../../lib/restore/restore-plan.ts';
import { restoreOf } from '../../fakes/restore-world.ts';
import {
  SAMPLE_SUBNET_ID,
  sampleConfiguration,
  sampleDisks,
  sampleManifest,
  sampleNic,
  samplePoint,
} from '../../fakes/sample-point.ts';

const GROUP = '/subscriptions/s/resourceGroups/rg-restored';
const ORDER: readonly RestoreStep['kind'][] = [
  'verifyDisk',
  'restoreDisk',
  'createNic',
  'createVm',
  'finishRestore',
];

const cases = fc.record({
  dataDisks: fc.integer({ min: 3, max: 6 }),
  nics: fc.integer({ min: 1, max: 3 }),
  vmName: fc.option(fc.constantFrom('db-1', 'db-2', 'db-3', 'bad_'), { nil: undefined }),
  diskNames: fc.dictionary(
    fc.constantFrom('db-1-os', 'db-1-data-0', 'db-1-data-1', 'db-1-data-2', 'nobody'),
    fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'db-1-os', 'no good'),
    { maxKeys: 2 },
  ),
  zone: fc.option(fc.constantFrom('1', '2'), { nil: undefined }),
  zones: fc.option(fc.constantFrom<readonly string[]>([], ['1']), { nil: undefined }),
  isPrimary: fc.boolean(),
  groupExists: fc.constantFrom(true, true, true, false),
  subnet: fc.constantFrom('same', 'same', 'same', 'same', 'elsewhere', 'missing'),
  taken: fc.infiniteStream(fc.integer({ min: 0, max: 24 }).map((drawn) => drawn === 0)),
  verify: fc.option(fc.boolean(), { nil: undefined }),
});

describe('planRestore, whatever it is given', () => {
  it('plans every disk and NIC once under free names, in order, or says why not', () => {
    let planned = 0;
    fc.assert(
      fc.property(cases, (given) => {
        const nics = Array.from({ length: given.nics }, (_, index) =>
          sampleNic({ name: `db-1-nic-${index}`, primary: index === 0 }),
        );
        const configuration = sampleConfiguration({
          zones: ['1'],
          disks: sampleDisks(given.dataDisks),
          nics,
        });
        const point = samplePoint({ configuration });
        const region = given.isPrimary ? 'westeurope' : 'northeurope';
        const chosen: CopyFacts = given.isPrimary
          ? { copy: 'primary', region, state: 'sealed' }
          : { copy: 'paired', region, state: 'sealed', manifest: sampleManifest(point) };
        const overrides = {
          diskNames: given.diskNames,
          ...(given.vmName === undefined ? {} : { vmName: given.vmName }),
          ...(given.zone === undefined ? {} : { zone: given.zone }),
        };
        const names = restoreNames(configuration, overrides, GROUP);
        const elsewhere = given.isPrimary ? 'northeurope' : 'westeurope';
        const subnet = { same: region, elsewhere, missing: undefined }[given.subnet];
        const destination: DestinationFacts = {
          resourceGroupId: GROUP,
          resourceGroupExists: given.groupExists,
          subnets: new Map(
            subnet === undefined
              ? []
              : [
                  [
                    SAMPLE_SUBNET_ID.toLowerCase(),
                    {
                      subnetId: SAMPLE_SUBNET_ID,
                      region: subnet,
                      addressPrefixes: ['10.0.0.0/8'],
                      contains: () => true,
                    },
                  ],
                ],
          ),
          networkSecurityGroupRegions: new Map(),
          takenIds: new Set(
            idsOf(names)
              .filter(() => given.taken.next().value === true)
              .map((id) => id.toLowerCase()),
          ),
          ...(given.zones === undefined ? {} : { zones: given.zones }),
        };
        const request = restoreOf(point, {
          overrides,
          ...(given.verify === undefined ? {} : { verify: given.verify }),
        });
        const plan = planRestore(
          request,
          { point, chosen, sourceReason: 'asked for', destination },
          { subnetId: SAMPLE_SUBNET_ID },
        );
        if (!plan.ok) {
          expect(plan.errorCode).toMatch(/^[A-Z][A-Za-z]+$/);
          expect(plan.message.length).toBeGreaterThan(20);
          return;
        }
        planned += 1;
        const { steps } = plan.value;
        expect(given.groupExists && subnet === region).toBe(true);
        const kinds = steps.map((step) => ORDER.indexOf(step.kind));
        expect(kinds).toEqual([...kinds].sort((a, b) => a - b));
        const made = steps.flatMap((step) =>
          step.kind === 'restoreDisk'
            ? [step.diskId]
            : step.kind === 'createNic'
              ? [step.nicId]
              : step.kind === 'createVm'
                ? [step.vmId]
                : [],
        );
        expect(made).toHaveLength(configuration.disks.length + nics.length + 1);
        expect(new Set(made.map((id) => id.toLowerCase())).size).toBe(made.length);
        for (const id of made) expect(destination.takenIds.has(id.toLowerCase())).toBe(false);
        const verified = steps.filter((step) => step.kind === 'verifyDisk').length;
        const mustVerify = !given.isPrimary && given.verify !== false;
        expect(verified).toBe(mustVerify ? configuration.disks.length : 0);
        const vm = steps.find((step) => step.kind === 'createVm');
        expect(vm?.disks).toHaveLength(configuration.disks.length);
        if (given.zones !== undefined) {
          for (const zone of vm?.zones ?? []) expect(given.zones).toContain(zone);
        }
      }),
      { numRuns: 500 },
    );
    // Both ways out were taken.
    expect(planned).toBeGreaterThan(10);
    expect(planned).toBeLessThan(490);
  });
});

describe('chooseCopy, whatever it is given', () => {
  it('answers a sealed copy that was asked for, or refuses', () => {
    const facts = fc.record({
      copy: fc.constantFrom('primary', 'paired', 'other'),
      region: fc.constantFrom('westeurope', 'northeurope'),
      state: fc.constantFrom(...COPY_STATES, 'unlisted' as const),
      problem: fc.option(fc.constant({ errorCode: 'ManifestCorrupt', message: 'x' }), {
        nil: undefined,
      }),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(facts, { selector: (one) => one.copy }),
        fc.constantFrom('auto' as const, 'primary' as const, 'replica' as const),
        fc.option(fc.constantFrom('paired', 'other'), { nil: undefined }),
        (given, source, target) => {
          const copies: CopyFacts[] = given.map(({ problem, ...one }) =>
            problem === undefined ? one : { ...one, problem },
          );
          const request = restoreOf(samplePoint(), {
            source,
            ...(target === undefined ? {} : { target }),
          });
          const usable = copies.filter(
            (one) =>
              one.problem === undefined &&
              (one.state === 'sealed' || one.state === 'unlisted') &&
              (source !== 'primary' || one.copy === 'primary') &&
              (source !== 'replica' || one.copy !== 'primary') &&
              (source === 'primary' || target === undefined || one.copy === target),
          );
          const choice = chooseCopy(request, samplePoint(), copies, 'northeurope');
          expect(choice.ok).toBe(usable.length > 0);
          if (!choice.ok) return;
          expect(usable).toContain(choice.value.chosen);
          // Nothing usable lies nearer.
          if (usable.some((one) => one.region === 'northeurope')) {
            expect(choice.value.chosen.region).toBe('northeurope');
          }
        },
      ),
    );
  });
});
