import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type FixtureHost, readNotes, startNotingFixture } from './fixture-host.ts';

let host: FixtureHost;
let notes: string;

beforeAll(async () => {
  ({ host, notes } = await startNotingFixture());
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await host.dispose();
});

function attemptsOf(key: string): string[] {
  return readNotes(notes).filter((line) => line.startsWith(`flaky ${key} `));
}

describe('a retried activity', () => {
  it('succeeds at the attempt that does', async () => {
    const status = await host.run('retries', { key: 'a', failures: 2, attempts: 5 });
    expect(status.output).toEqual({ first: { key: 'a', attempt: 3 }, second: { after: true } });
    expect(attemptsOf('a')).toHaveLength(3);
  });

  it('fails with the error of its last attempt', async () => {
    const status = await host.run('retries', { key: 'b', failures: 9, attempts: 3 });
    expect(status.runtimeStatus).toBe('Failed');
    expect(status.output).toContain("Activity function 'flaky' failed:  attempt 3 of b");
    expect(attemptsOf('b')).toHaveLength(3);
  });

  it('fails at once when it has one attempt', async () => {
    const status = await host.run('retries', { key: 'c', failures: 9, attempts: 1 });
    expect(status.output).toContain('attempt 1 of c');
    expect(attemptsOf('c')).toHaveLength(1);
  });

  it('waits longer before every attempt', async () => {
    const startedMs = Date.now();
    await host.run('retries', { key: 'd', failures: 2, attempts: 3, delayMs: 40 });
    expect(Date.now() - startedMs).toBeGreaterThanOrEqual(40 + 80);
  });

  it('keeps its numbers apart from those of its siblings', async () => {
    const runs = [0, 1, 2, 3].map((n) => ({ key: `p${n}`, failures: n, attempts: 5 }));
    const { output } = await host.run('retriesInParallel', { runs });
    expect(output).toEqual({
      results: [...runs.map(({ key }, n) => ({ key, attempt: n + 1 })), { plain: true }],
      last: { last: true },
    });
  });
});

interface Node {
  kind: string;
  [member: string]: unknown;
}

const leaf: fc.Arbitrary<Node> = fc.oneof(
  fc.record({ kind: fc.constant('call'), value: fc.nat(9) }),
  fc.record({
    kind: fc.constant('retry'),
    value: fc.uuid(),
    attempts: fc.integer({ min: 1, max: 3 }),
    failures: fc.integer({ min: 0, max: 3 }),
  }),
  fc.record({ kind: fc.constant('timer'), delayMs: fc.integer({ min: 0, max: 5 }) }),
);

const program: fc.Arbitrary<Node[]> = fc.array(
  fc.oneof(
    leaf,
    fc.record({
      kind: fc.constantFrom('all', 'any'),
      nodes: fc.array(
        fc.oneof(
          leaf,
          fc.record({
            kind: fc.constantFrom('all', 'any'),
            nodes: fc.array(leaf, { minLength: 1, maxLength: 3 }),
          }),
          fc.record({
            kind: fc.constant('child'),
            steps: fc.array(leaf, { minLength: 0, maxLength: 2 }),
          }),
        ),
        { minLength: 1, maxLength: 4 },
      ),
    }),
  ),
  { minLength: 1, maxLength: 5 },
);

/** Task.any never throws; Task.all does when one of its tasks does. */
function isThrowing(node: Node): boolean {
  return (
    (node.kind === 'retry' && Number(node['failures']) >= Number(node['attempts'])) ||
    (node.kind === 'all' && (node['nodes'] as Node[]).some(isThrowing))
  );
}

function nodesOf(node: Node): Node[] {
  return [node, ...((node['nodes'] ?? []) as Node[]).flatMap(nodesOf)];
}

/** A Task.all may fail while a task beside the failed one still retries: see task-all.test.ts. */
function isShifting(step: Node): boolean {
  const nodes = nodesOf(step);
  const retrying = nodes.filter((node) => node.kind === 'retry' && Number(node['failures']) > 0);
  return retrying.length > 1 && nodes.some((node) => node.kind === 'all' && isThrowing(node));
}

describe('the sequence numbers of library and host', () => {
  it('agree for any mix of calls, retries, timers, children, Task.all and Task.any', async () => {
    await fc.assert(
      fc.asyncProperty(program, async (steps) => {
        fc.pre(!steps.some(isShifting));
        const status = await host.run('program', { steps });
        // A number that is off leaves the wrong task open: the instance hangs, fails, or answers with another task.
        expect(status).toMatchObject({
          runtimeStatus: 'Completed',
          output: {
            steps: steps.length,
            thrown: steps.filter(isThrowing).length,
            last: { value: 'last' },
          },
        });
      }),
      { numRuns: 60 },
    );
  }, 30_000);
});
