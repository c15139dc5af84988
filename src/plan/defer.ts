import type { Operation } from './plan-definition.js'

type Step = { state: (state: unknown) => unknown }['state']
type Recover = (error: unknown, state: unknown) => unknown

/**
 * An operation of a promise and what follows on it: what `fn().then(complete).catch(recover)` becomes where `fn` is an
 * operation. `complete` gets what the operation returned; `recover` what it, or `complete`, threw, and the state.
 */
export function defer(
  operation: Operation<never>,
  complete: Step = (state) => state,
  recover: Recover = (error) => {
    throw error
  },
): Operation<never> {
  return async (state, context) => {
    try {
      return await complete(await operation(state, context))
    } catch (error) {
      return recover(error, state)
    }
  }
}
