/** What a condition is called in stacks. */
export const CONDITION_MODULE = 'vm:condition'

/** What stands before the text of a condition, on its first line. */
export const CONDITION_PREFIX = '(function (state, upstreamStepId) { return '

/**
 * A condition as a script that gives a function. As in its users' other runtime, a semicolon ends the expression, and
 * what comes after it counts for nothing.
 */
export function conditionScript(source: string): string {
  return `${CONDITION_PREFIX}${source.trimStart()}\n})`
}
