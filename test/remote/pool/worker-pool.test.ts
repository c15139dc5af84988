import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WorkerPool } from 'busline/remote'
import type { WorkerCapabilities } from 'busline/remote'

const MINUTE = 60_000

function pool(...workers: readonly [id: string, capabilities?: Partial<WorkerCapabilities>][]): WorkerPool {
  const made = new WorkerPool()
  for (const [id, capabilities = {}] of workers) {
    made.register(
      {
        id,
        name: id,
        sessionId: `s-${id}`,
        capabilities: { models: [], maxConcurrentRequests: 2, ...capabilities },
      },
      0,
    )
  }
  return made
}

const model = (modelId: string) => ({
  modelId,
  displayName: modelId,
  maxContextTokens: 1,
  maxOutputTokens: 1,
  supportsStreaming: false,
})

describe('WorkerPool selection', () => {
  it('takes the least loaded, and of equals the lower id', () => {
    const workers = pool(['b'], ['a'], ['c', { maxConcurrentRequests: 10 }])
    expect(workers.select({})).toBe('a')
    workers.trackRequest('a', 'r-1')
    expect(workers.select({})).toBe('b')
    workers.trackRequest('b', 'r-2')
    expect(workers.select({})).toBe('c')
    workers.trackRequest('c', 'r-3')
    expect(workers.select({})).toBe('c')
  })

  it('takes an equal model before one whose name contains it, or is contained in it', () => {
    const workers = pool(
      ['a', { models: [model('llama-3-8b-instruct')] }],
      ['b', { models: [model('llama-3-8b')] }],
    )
    expect(workers.getAvailableWorker('llama-3-8b')?.id).toBe('b')
    workers.trackRequest('b', 'r-1')
    workers.trackRequest('b', 'r-2')
    expect(workers.getAvailableWorker('llama-3-8b')?.id).toBe('a')
    expect(workers.getAvailableWorker('llama-3-8b-instruct-q4')?.id).toBe('a')
    expect(workers.getAvailableWorker('gpt')).toBeUndefined()
    expect(workers.getAvailableWorker('')).toBeUndefined()
  })

  it('keeps within the limits of categories', () => {
    const workers = pool([
      'a',
      { models: [model('m')], maxConcurrentRequests: 5, concurrencyLimits: { chat: 2 } },
    ])
    expect(workers.getAvailableSlotCount('m', 'chat')).toBe(2)
    workers.trackRequest('a', 'r-1', 'chat')
    workers.trackRequest('a', 'r-2', 'chat')
    expect(workers.getAvailableWorker('m', 'chat')).toBeUndefined()
    expect(workers.getAvailableWorker('m', 'other')?.id).toBe('a')
    expect(workers.getAvailableSlotCount('m')).toBe(3)
    workers.releaseRequest('r-1')
    expect(workers.getAvailableSlotCount('m', 'chat')).toBe(1)
  })

  it('takes no inherited name for a category or a fact', () => {
    const workers = pool(['a', { concurrencyLimits: { chat: 1 }, metadata: { gpu: true } }])
    expect(workers.select({ category: 'constructor' })).toBe('a')
    expect(workers.select({ metadata: { toString: 'x' } })).toBeUndefined()
    expect(workers.select({ metadata: { gpu: true } })).toBe('a')
    expect(workers.select({ metadata: { gpu: false } })).toBeUndefined()
  })

  it('prefers the zone, and takes another when nobody there is free', () => {
    const workers = pool(['a', { zone: 'south' }], ['b', { zone: 'north' }], ['c'])
    expect(workers.select({ zone: 'north' })).toBe('b')
    workers.trackRequest('b', 'r-1')
    expect(workers.select({ zone: 'north' })).toBe('b')
    workers.trackRequest('b', 'r-2')
    expect(workers.select({ zone: 'north' })).toBe('a')
  })

  it('gives a worker of twice the weight twice as much', () => {
    const workers = pool(
      ['a', { maxConcurrentRequests: 50, weight: 2 }],
      ['b', { maxConcurrentRequests: 50 }],
    )
    for (let n = 0; n < 30; n++) workers.trackRequest(workers.select({})!, `r-${n}`)
    expect(workers.getWorker('a')!.activeRequests).toBe(20)
    expect(workers.getWorker('b')!.activeRequests).toBe(10)
  })

  it('sends a key to the same worker, moves few keys when one leaves, and spills over when it is full', () => {
    const ids = ['a', 'b', 'c', 'd', 'e']
    const workers = pool(...ids.map((id) => [id, { maxConcurrentRequests: 1 }] as [string, object]))
    const keys = Array.from({ length: 500 }, (_, n) => `user-${n}`)
    const home = new Map(keys.map((key) => [key, workers.select({ affinityKey: key })!]))
    for (const id of ids) expect([...home.values()].filter((each) => each === id).length).toBeGreaterThan(50)
    workers.remove('c')
    for (const key of keys) {
      const now = workers.select({ affinityKey: key })
      if (home.get(key) === 'c') expect(now).not.toBe('c')
      else expect(now).toBe(home.get(key))
    }
    const key = keys.find((each) => home.get(each) === 'a')!
    workers.trackRequest('a', 'r-1')
    expect(workers.select({ affinityKey: key })).not.toBe('a')
    workers.releaseRequest('r-1')
    expect(workers.select({ affinityKey: key })).toBe('a')
  })

  it('finds those that have announced a task', () => {
    const workers = pool(['a'], ['b', { tasks: ['resize'] }])
    expect(workers.select({ task: 'resize' })).toBe('b')
    expect(workers.select({ task: 'resize', exclude: new Set(['b']) })).toBeUndefined()
    expect(workers.select({ task: 'constructor' })).toBeUndefined()
    expect(workers.hasTask('resize')).toBe(true)
    expect(workers.hasTask('paint')).toBe(false)
  })

  it('counts whole slots whatever a worker claims', () => {
    for (const [claimed, slots] of [
      [0, 0],
      [-3, 0],
      [NaN, 0],
      [0.9, 0],
      [2.7, 2],
      [Infinity, 100_000],
      [1e300, 100_000],
    ] as const) {
      const workers = pool(['a', { models: [model('m')], maxConcurrentRequests: claimed }])
      expect(workers.getAvailableSlotCount('m'), `${claimed} slots`).toBe(slots)
      expect(workers.getAvailableWorker('m')?.id).toBe(slots > 0 ? 'a' : undefined)
      expect(workers.getAnyAvailableWorker()?.id).toBe('a')
    }
  })
})

describe('WorkerPool health', () => {
  it('finds a worker unhealthy after the timeout and dead after three, at the edge of each', () => {
    const workers = pool(['a'])
    expect(workers.check(MINUTE)).toEqual({ unhealthy: [], dead: [] })
    expect(workers.check(MINUTE + 1)).toEqual({ unhealthy: ['a'], dead: [] })
    expect(workers.getWorker('a')!.status).toBe('unhealthy')
    expect(workers.check(3 * MINUTE)).toEqual({ unhealthy: [], dead: [] })
    expect(workers.check(3 * MINUTE + 1)).toEqual({ unhealthy: [], dead: ['a'] })
  })

  it('is healed by a heartbeat, to available or busy by its load', () => {
    const workers = pool(['a', { maxConcurrentRequests: 1 }])
    workers.check(2 * MINUTE)
    workers.trackRequest('a', 'r-1')
    expect(workers.getWorker('a')!.status).toBe('unhealthy')
    expect(workers.getAnyAvailableWorker()).toBeUndefined()
    workers.heartbeat('a', 2 * MINUTE)
    expect(workers.getWorker('a')!.status).toBe('busy')
    workers.releaseRequest('r-1')
    expect(workers.getWorker('a')!.status).toBe('available')
  })

  it('keeps a draining worker draining', () => {
    const workers = pool(['a'])
    workers.drain('a')
    workers.heartbeat('a', 5)
    expect(workers.getWorker('a')!.status).toBe('draining')
    expect(workers.getAnyAvailableWorker()).toBeUndefined()
    expect(workers.select({})).toBeUndefined()
  })

  it('makes nobody silent when the clock is set back', () => {
    const workers = pool(['a'])
    workers.heartbeat('a', 10 * MINUTE)
    expect(workers.check(MINUTE)).toEqual({ unhealthy: [], dead: [] })
    expect(workers.check(2 * MINUTE)).toEqual({ unhealthy: [], dead: [] })
    expect(workers.check(2 * MINUTE + 1)).toEqual({ unhealthy: ['a'], dead: [] })
  })
})

describe('WorkerPool tracking', () => {
  it('counts an id once, and refuses it on another worker', () => {
    const workers = pool(['a', { concurrencyLimits: { chat: 2 } }], ['b'])
    expect(workers.trackRequest('a', 'r-1', 'chat')).toBe(true)
    expect(workers.trackRequest('a', 'r-1', 'chat')).toBe(true)
    expect(workers.trackRequest('b', 'r-1')).toBe(false)
    expect(workers.trackRequest('nobody', 'r-2')).toBe(false)
    expect(workers.getWorker('a')).toMatchObject({
      activeRequests: 1,
      categoryActiveRequests: new Map([['chat', 1]]),
    })
    workers.releaseRequest('r-1')
    expect(workers.getWorker('a')).toMatchObject({ activeRequests: 0, categoryActiveRequests: new Map() })
  })

  it('gives out copies that change nothing', () => {
    const workers = pool(['a'])
    workers.trackRequest('a', 'r-1')
    const info = workers.getWorker('a')!
    ;(info.pendingRequestIds as Set<string>).clear()
    expect(() => Object.assign(info, { status: 'busy' })).toThrow()
    expect(workers.getWorker('a')!.pendingRequestIds.size).toBe(1)
  })
})

/** What the pool must agree with, written the obvious way. */
interface ModelWorker {
  slots: number
  limit: number
  heardAt: number
  isHealthy: boolean
  isDraining: boolean
  isReachable: boolean
  completed: number
  readonly requests: Map<string, string | undefined>
}
interface Model {
  now: number
  readonly workers: Map<string, ModelWorker>
}

const TIMEOUT = 100

function statusOf({ isDraining, isHealthy, isReachable, requests, slots }: ModelWorker): string {
  if (isDraining) return 'draining'
  if (!isHealthy || !isReachable) return 'unhealthy'
  return requests.size < slots ? 'available' : 'busy'
}

function freeFor(worker: ModelWorker, category: string | undefined): number {
  const free = Math.max(0, worker.slots - worker.requests.size)
  if (category !== 'chat') return free
  const chats = [...worker.requests.values()].filter((each) => each === 'chat').length
  return Math.max(0, Math.min(free, worker.limit - chats))
}

function agree(model: Model, real: WorkerPool): void {
  expect(real.getWorkerCount()).toBe(model.workers.size)
  let available = 0
  let active = 0
  for (const [id, worker] of model.workers) {
    const info = real.getWorker(id)!
    expect(info.status).toBe(statusOf(worker))
    expect([...info.pendingRequestIds].sort()).toEqual([...worker.requests.keys()].sort())
    expect(info.activeRequests).toBe(worker.requests.size)
    expect(info.completedRequests).toBe(worker.completed)
    const chats = [...worker.requests.values()].filter((each) => each === 'chat').length
    expect(info.categoryActiveRequests.get('chat') ?? 0).toBe(chats)
    if (info.status === 'available') available++
    active += worker.requests.size
  }
  expect(real.getAvailableWorkerCount()).toBe(available)
  expect(real.activeRequests).toBe(active)
  for (const category of [undefined, 'chat']) {
    const free = [...model.workers.values()]
      .filter((worker) => statusOf(worker) === 'available')
      .reduce((sum, worker) => sum + freeFor(worker, category), 0)
    expect(real.getAvailableSlotCount('m', category)).toBe(free)
    const candidates = [...model.workers]
      .filter(([, worker]) => statusOf(worker) === 'available' && freeFor(worker, category) > 0)
      .map(([id, worker]) => [worker.requests.size / worker.slots, id] as const)
      .sort(([one, a], [other, b]) => one - other || (a < b ? -1 : 1))
    expect(real.getAvailableWorker('m', category)?.id).toBe(candidates[0]?.[1])
  }
}

type Step = (model: Model, real: WorkerPool) => void
const id = fc.constantFrom('a', 'b', 'c')
const requestId = fc.integer({ min: 0, max: 12 }).map((n) => `r-${n}`)
const category = fc.constantFrom(undefined, 'chat', 'other')

const steps: fc.Arbitrary<Step>[] = [
  fc
    .tuple(id, fc.integer({ min: -1, max: 4 }), fc.integer({ min: 0, max: 3 }))
    .map(([workerId, slots, limit]): Step => (model, real) => {
      const before = model.workers.get(workerId)
      const replaced = real.register(
        {
          id: workerId,
          name: workerId,
          sessionId: 's',
          capabilities: {
            models: [model_m],
            maxConcurrentRequests: slots,
            concurrencyLimits: { chat: limit },
          },
        },
        model.now,
      )
      expect(replaced && [...replaced.pendingRequestIds].sort()).toEqual(
        before && [...before.requests.keys()].sort(),
      )
      model.workers.set(workerId, {
        slots: Math.max(0, slots),
        limit,
        heardAt: model.now,
        isHealthy: true,
        isDraining: false,
        isReachable: true,
        completed: 0,
        requests: new Map(),
      })
    }),
  fc.tuple(id, requestId, category).map(([workerId, request, kind]): Step => (model, real) => {
    const holder = [...model.workers].find(([, { requests }]) => requests.has(request))
    const worker = model.workers.get(workerId)
    const counts = worker !== undefined && (holder === undefined || holder[0] === workerId)
    expect(real.trackRequest(workerId, request, kind)).toBe(counts)
    if (counts && !worker.requests.has(request)) worker.requests.set(request, kind)
  }),
  fc.tuple(requestId, fc.boolean()).map(([request, incrementCompleted]): Step => (model, real) => {
    const holder = [...model.workers].find(([, { requests }]) => requests.has(request))
    expect(real.releaseRequest(request, { incrementCompleted })).toBe(holder?.[0])
    holder?.[1].requests.delete(request)
    if (holder && incrementCompleted) holder[1].completed++
  }),
  id.map((workerId): Step => (model, real) => {
    const worker = model.workers.get(workerId)
    expect(real.heartbeat(workerId, model.now)).toBe(worker !== undefined)
    if (worker) Object.assign(worker, { heardAt: model.now, isHealthy: true })
  }),
  fc.integer({ min: 0, max: 150 }).map((ms): Step => (model, real) => {
    model.now += ms
    const unhealthy: string[] = []
    const dead: string[] = []
    for (const [workerId, worker] of model.workers) {
      const silent = model.now - worker.heardAt
      if (silent > TIMEOUT && worker.isHealthy) unhealthy.push(workerId)
      if (silent > TIMEOUT) worker.isHealthy = false
      if (silent > 3 * TIMEOUT) dead.push(workerId)
    }
    const found = real.check(model.now)
    expect([...found.unhealthy].sort()).toEqual(unhealthy.sort())
    expect([...found.dead].sort()).toEqual(dead.sort())
  }),
  fc.tuple(id, fc.boolean()).map(([workerId, isReachable]): Step => (model, real) => {
    real.setReachable(workerId, isReachable)
    Object.assign(model.workers.get(workerId) ?? {}, { isReachable })
  }),
  id.map((workerId): Step => (model, real) => {
    expect(real.drain(workerId)).toBe(model.workers.has(workerId))
    Object.assign(model.workers.get(workerId) ?? {}, { isDraining: true })
  }),
  id.map((workerId): Step => (model, real) => {
    const removed = real.remove(workerId)
    const worker = model.workers.get(workerId)
    expect(removed && [...removed.pendingRequestIds].sort()).toEqual(
      worker && [...worker.requests.keys()].sort(),
    )
    model.workers.delete(workerId)
  }),
]
const model_m = model('m')

describe('WorkerPool, whatever happens to it', () => {
  it('agrees with the model after every step', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...steps), { maxLength: 80 }), (history) => {
        const real = new WorkerPool({ heartbeatTimeoutMs: TIMEOUT })
        const state: Model = { now: 0, workers: new Map() }
        for (const step of history) {
          step(state, real)
          agree(state, real)
        }
      }),
      { numRuns: 1500 },
    )
  })
})
