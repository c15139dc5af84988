import { describe, expect, it } from 'vitest'
import {
  type RegistrationOptions,
  type RunHookContext,
  type WorkflowDefinition,
  WorkflowRuntime,
  createEventBus,
  memoryStorage,
} from 'busline'
import {
  type FaultInjectingDriver,
  faultInjecting,
  sequentialIds,
  simulatedClock,
} from '../../../src/testing/index.js'
import { quietLogger } from '../open-runtime.js'
// Loaded on demand by the runtime; here beforehand, because no simulated clock waits for a file.
import '../../../src/runtime/runtime-engine.js'
import '../../../src/runtime/validate-workflow.js'
import '../../../src/runtime/durable/open-durability.js'

/** One process after the other on one store; a hook may kill the one it runs in. */
function processes(
  workflow: WorkflowDefinition,
  optionsOf: (die: () => Promise<never>) => RegistrationOptions,
) {
  const clock = simulatedClock()
  const ids = sequentialIds()
  const store = memoryStorage()
  const faults: string[] = []
  let life: FaultInjectingDriver
  const die = () => {
    void life.kill()
    return new Promise<never>(() => {})
  }
  const options = optionsOf(die)
  return {
    clock,
    store,
    faults,
    async begin() {
      // The one before has been silent for longer than `claimTtl`.
      await clock.advance('15s')
      life = faultInjecting(store, { isDurable: true })
      const bus = createEventBus({ clock, ids, onError: () => {} })
      const process = life
      bus.subscribe('bus:error', ({ payload }) => {
        // A process that is dead tells nobody.
        if (!process.isKilled) faults.push((payload as { error: { message: string } }).error.message)
      })
      const runtime = new WorkflowRuntime({ bus, clock, ids, storage: life, logger: quietLogger })
      const registered = runtime.register(workflow, options)
      await clock.settle()
      await Promise.race([registered, life.killed])
      // What was left is told when no workflow is being registered any more.
      await clock.advance('1s')
      return runtime
    },
    keys: async (prefix: string) => (await store.scan({ prefix })).map(({ key }) => key),
  }
}

const orders = {
  id: 'orders',
  triggers: { placed: { event: 'order' } },
  pipelines: { main: { id: 'main', stages: [{ id: 'work', steps: { work: () => ({ done: true }) } }] } },
} satisfies WorkflowDefinition

describe('a hook that brings its process down', () => {
  it('is called twenty times when it is onComplete, and then given up, and that is told', async () => {
    let calls = 0
    const world = processes(orders, (die) => ({
      onComplete: () => {
        calls++
        return die()
      },
    }))
    const first = await world.begin()
    void first.submit('order', {}, { id: 'order-1' })
    await world.clock.settle()
    for (let life = 1; life < 20; life++) {
      expect(calls).toBe(life)
      await world.begin()
    }
    expect(calls).toBe(20)
    expect(await world.keys('unsettled/')).toHaveLength(1)

    const last = await world.begin()
    expect(calls).toBe(20)
    expect(world.faults).toEqual([expect.stringMatching(/hooks .* were cut off 20 times/) as string])
    expect(await world.keys('unsettled/')).toEqual([])
    expect(await world.keys('claim/')).toEqual([])
    expect(await world.keys('ended/')).toHaveLength(1)
    await last.stop()
  })

  it('is called twenty times when it is onPrepare of an event that waited, and then the run fails', async () => {
    let calls = 0
    let isFirstDone = false
    const work = () => (isFirstDone ? {} : new Promise<never>(() => {}))
    const pipelines = { main: { id: 'main', stages: [{ id: 'work', steps: { work } }] } }
    const world = processes({ ...orders, pipelines }, (die) => ({
      mode: { type: 'serialized' },
      onPrepare: ({ event }: RunHookContext) => {
        if (event.id !== 'order-2') return undefined
        calls++
        return die()
      },
    }))
    const first = await world.begin()
    void first.submit('order', {}, { id: 'order-1' })
    void first.submit('order', {}, { id: 'order-2' })
    await world.clock.settle()
    expect(await world.keys('ticket/')).toHaveLength(1)
    await first.stop()
    isFirstDone = true
    for (let life = 1; life <= 20; life++) {
      await world.begin()
      expect(calls).toBe(life)
    }
    expect(await world.keys('ticket/')).toHaveLength(1)

    const last = await world.begin()
    expect(calls).toBe(20)
    expect(await world.keys('ticket/')).toEqual([])
    expect(await world.keys('ended/')).toHaveLength(2)
    expect(last.listAllRuns()).toMatchObject([
      {
        eventId: 'order-2',
        status: 'failed',
        error: {
          code: 'EXECUTION_FAILED',
          message: expect.stringMatching(/onPrepare .* was cut off 20 times/) as string,
        },
      },
    ])
    await last.stop()
  })
})
