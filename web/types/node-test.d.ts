/** The few names of node's test runner that src/lib tests use. */
declare module "node:test" {
    export function test(name: string, body: () => void | Promise<void>): void;
}
declare module "node:assert/strict" {
    const assert: {
        equal(actual: unknown, expected: unknown, message?: string): void;
        deepEqual(actual: unknown, expected: unknown, message?: string): void;
        ok(value: unknown, message?: string): asserts value;
        throws(body: () => unknown, expected?: RegExp): void;
        match(text: string, pattern: RegExp): void;
    };
    export default assert;
}
