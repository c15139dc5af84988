import { isThenable } from '../core/is-thenable.js'
import type { JobOutcome, OperationEvent } from './job-engine.js'
import { toFault } from './job-fault.js'
import type { Operation, OperationContext } from './plan-definition.js'
import type { PlanLogger } from './plan-events.js'
import { StateFault, type StateDataOptions, thaw, toStateData } from './state-data.js'

export interface OperationsOptions extends StateDataOptions {
  readonly immutableState: boolean
  readonly clock: { now(): number }
  readonly logger: PlanLogger | undefined
  /** Whether nobody waits for the job any more: then no further operation begins. */
  readonly isOver: () => boolean
  readonly onOperation: ((event: OperationEvent) => void) | undefined
}

/**
 * Runs the operations of a job in this realm, one after the other. Never rejects: what they throw is an outcome. As an engine
 * for text does it, but that the result is frozen state data already.
 */
export async function runOperations(
  operations: readonly Operation[],
  initial: object,
  context: OperationContext,
  options: OperationsOptions,
): Promise<JobOutcome> {
  const { immutableState } = options
  let state: unknown = initial
  try {
    for (let index = 0; index < operations.length; index++) {
      if (options.isOver())
        return { ok: false, fault: { kind: 'aborted', message: 'The job is no longer wanted' } }
      if (index > 0 && !state) {
        state = {}
        options.logger?.warn?.(
          `WARNING: No state was passed into operation ${index + 1}. Did the previous operation return state?`,
        )
      }
      if (immutableState) state = thaw(toStateData(state))
      const result = runOperation(operations[index]!, state, index, context, options)
      state = isThenable(result) ? await result : result
    }
  } catch (thrown) {
    if (thrown instanceof StateFault) return { ok: false, ...ofStateFault(thrown), ...leftBehind() }
    return { ok: false, fault: toFault(thrown), ...leftBehind() }
  }
  return toOutcome(state)

  function leftBehind(): { state?: unknown } {
    if (immutableState) return {}
    try {
      return { state: toStateData(initial, options) }
    } catch {
      return {}
    }
  }

  function toOutcome(result: unknown): JobOutcome {
    if (!result) return { ok: true }
    if (typeof result === 'function') {
      const message = 'The job returned a function: call it, or return the state'
      return { ok: false, fault: { kind: 'result', message }, ...leftBehind() }
    }
    try {
      const data = toStateData(result, options)
      return data ? { ok: true, state: data } : { ok: true }
    } catch (error) {
      return { ok: false, ...ofStateFault(error as StateFault), ...leftBehind() }
    }
  }
}

function ofStateFault({ kind, message }: StateFault): Pick<JobOutcome & { ok: false }, 'fault'> {
  return { fault: { kind: kind === 'data' ? 'result' : kind, message } }
}

/** Calls one operation, and tells of it where somebody listens. */
function runOperation(
  operation: Operation,
  state: unknown,
  index: number,
  context: OperationContext,
  { onOperation, clock }: OperationsOptions,
): unknown {
  if (!onOperation) return operation(state as never, context)
  const startedAt = clock.now()
  const told = { index, ...(operation.name === '' ? {} : { name: operation.name }) }
  const end = (phase: 'complete' | 'error') =>
    onOperation({ ...told, phase, durationMs: clock.now() - startedAt })
  onOperation({ ...told, phase: 'start' })
  let result: unknown
  try {
    result = operation(state as never, context)
  } catch (error) {
    end('error')
    throw error
  }
  if (!isThenable(result)) {
    end('complete')
    return result
  }
  return Promise.resolve(result).then(
    (value) => {
      end('complete')
      return value
    },
    (error: unknown) => {
      end('error')
      throw error
    },
  )
}
