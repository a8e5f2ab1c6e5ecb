/** Called around every method call of a fake: a throw is what the caller sees. */
export interface FaultHooks {
  /** The call has no effect. */
  readonly before?: (method: string) => unknown;
  /** The call has had its effect, but its answer is lost. */
  readonly after?: (method: string) => unknown;
}

/** `port` with hooks around each method, also of the objects that its methods answer. */
export const injectFaults = <T extends object>(port: T, hooks: FaultHooks, name: string): T =>
  new Proxy(port, {
    get(target, property, receiver) {
      const member: unknown = Reflect.get(target, property, receiver);
      if (typeof member !== 'function' || typeof property !== 'string') return member;
      return (...args: unknown[]): unknown => {
        const method = `${name}.${property}`;
        const answer = (value: unknown): unknown =>
          hasMethods(value) ? injectFaults(value, hooks, method) : value;
        const isAsync = !SYNCHRONOUS.has(property);
        if (!isAsync) return answer(Reflect.apply(member, target, args));
        return (async () => {
          await hooks.before?.(method);
          const value: unknown = await Reflect.apply(member, target, args);
          await hooks.after?.(method);
          return answer(value);
        })();
      };
    },
  });

/** Methods that ask nobody, so they cannot fail. */
const SYNCHRONOUS: ReadonlySet<string> = new Set([
  'open',
  'openForWriting',
  'find',
  'resourceIdOf',
  'resourceGroupId',
  'contains',
]);

const hasMethods = (value: unknown): value is object =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).some((member) => typeof member === 'function');
