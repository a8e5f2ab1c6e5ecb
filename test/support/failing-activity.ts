import fc from 'fast-check';

const SOME_REFUSAL = { ok: false, errorCode: 'TargetFull', message: 'no room left' };

interface FailureCase {
  /** The activity that fails. */
  readonly name: string;
  readonly failing: () => unknown;
  /** Which of the waiting tasks ends next. */
  readonly pick: (count: number) => number;
}

/** Calls `check` with each of the activities failing in each of the ways there are, in any order of tasks. */
export const forAnyFailure = (
  names: readonly string[],
  check: (failure: FailureCase) => Promise<void>,
): Promise<void> =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...names),
      fc.constantFrom('dies', 'refuses', 'asksAgain'),
      fc.infiniteStream(fc.nat()),
      (name, how, numbers) =>
        check({
          name,
          failing: () => {
            if (how === 'dies') throw new Error('exited with code 137');
            return how === 'refuses' ? SOME_REFUSAL : { ...SOME_REFUSAL, askAgain: true };
          },
          pick: (count) => (numbers.next().value ?? 0) % count,
        }),
    ),
    { numRuns: 40 },
  );
