// The real types of what the tests use of the standard library's assertions; see server/http/std.d.ts.

export function assert(condition: unknown, message?: string): asserts condition;
export function assertEquals<T>(actual: T, expected: T, message?: string): void;
export function assertGreater<T>(actual: T, expected: T, message?: string): void;
export function assertLess<T>(actual: T, expected: T, message?: string): void;
export function assertMatch(actual: string, expected: RegExp, message?: string): void;
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void;
export function assertRejects<E extends Error>(
  act: () => PromiseLike<unknown>,
  kind: new (...args: never[]) => E,
  includes?: string,
): Promise<E>;
export function assertStringIncludes(actual: string, expected: string, message?: string): void;
export function assertThrows<E extends Error>(
  act: () => unknown,
  kind: new (...args: never[]) => E,
  includes?: string,
): E;
