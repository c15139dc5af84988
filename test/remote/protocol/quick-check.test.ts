import fc from 'fast-check'
import * as z from 'zod/mini'
import { describe, expect, it } from 'vitest'
import { SCHEMAS } from '../../../src/remote/protocol/messages.js'
import { isPlainHeartbeat, isPlainRequest, isPlainResult } from '../../../src/remote/protocol/quick-check.js'

const REQUEST = {
  type: 'task_request',
  requestId: 'r-1',
  task: 'resize',
  runId: 'r',
  path: 's/t',
  key: 'k',
  idempotencyKey: 'k',
  attempt: 1,
  input: { width: 4 },
  step: {
    category: 'gpu',
    workflowId: 'w',
    pipelineId: 'p',
    stageId: 's',
    stepId: 't',
    timeoutMs: null,
    requires: {},
  },
}
const HEARTBEAT = { type: 'heartbeat', workerId: 'w-1', timestamp: '2026-01-01T00:00:00.000Z' }
const RESULT = { type: 'task_result', requestId: 'r-1', ok: true, value: { small: 1 } }

/** A message with some of its fields, also those inside of `step`, taken away or something else. */
function spoiled(message: object): fc.Arbitrary<Record<string, unknown>> {
  const paths = [
    ...Object.keys(message).filter((key) => key !== 'type'),
    ...['chunks', 'error', 'deadline', 'ok'],
    ...('step' in message ? Object.keys(REQUEST.step).map((key) => `step.${key}`) : []),
  ]
  const value = fc.oneof(
    fc.constantFrom(undefined, null, '', 'text', 'x'.repeat(257), true, false, -1, 0, 1.5, 7, Infinity),
    fc.constantFrom({}, [], [1], { name: 'Error', message: 'm' }),
  )
  return fc.array(fc.tuple(fc.constantFrom(...paths), value), { maxLength: 3 }).map((changes) => {
    const copy = structuredClone(message) as Record<string, unknown>
    for (const [path, changed] of changes) {
      const [first = '', second] = path.split('.')
      const inner = copy[first]
      if (second === undefined) copy[first] = changed
      else if (typeof inner === 'object' && inner !== null)
        (inner as Record<string, unknown>)[second] = changed
    }
    return copy
  })
}

describe('The quick check of a message', () => {
  it.each([
    ['task_request', REQUEST, isPlainRequest],
    ['task_result', RESULT, isPlainResult],
    ['heartbeat', HEARTBEAT, isPlainHeartbeat],
  ] as const)('says yes to an ordinary %s, and only where its schema does', (type, message, isPlain) => {
    expect(isPlain(message)).toBe(true)
    fc.assert(
      fc.property(spoiled(message), (each) => {
        if (isPlain({ ...each, type })) expect(z.safeParse(SCHEMAS[type], each).success).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})
