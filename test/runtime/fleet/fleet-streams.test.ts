import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import { type RunBundle, type StorageDriver, WorkflowRuntime, createEventBus, memoryStorage } from 'busline'
import { Fleet } from './fleet.js'
import { type Command, play, stream } from './fleet-commands.js'
import { turns } from './fleet-host.js'
import { encrypted, inMemory, onIndexedDb, onSqlite } from './fleet-stores.js'
import type { FleetProcess, Version } from './fleet-process.js'

type Stores = Readonly<Record<string, StorageDriver>>

/** Two processes share a store; a third has another. */
const PLACES = ['here', 'here', 'there'] as const

/** Tens of thousands find what these may not: `FLEET_STREAMS=20000 npx vitest run test/runtime/fleet`. */
const COUNT = Number(process.env['FLEET_STREAMS'] ?? 40)

beforeAll(async () => {
  // Parts that are loaded on demand: no simulated clock waits for a file.
  const runtime = new WorkflowRuntime({ bus: createEventBus(), storage: memoryStorage() })
  const pipelines = { main: { id: 'main', stages: [{ id: 'one' }] } }
  await runtime.register({ id: 'w', triggers: { go: { event: 'go' } }, pipelines })
  const { runId } = (await runtime.invoke('w', 'go', {})).metadata
  await runtime.fork(runId, { stageId: 'one' })
  await runtime.checkMigrations()
  await runtime.stop()
})

/** Each command at its process; in the place of one that has stopped or crashed another is opened. */
async function playAll(
  fleet: Fleet,
  versions: readonly Version[],
  commands: readonly Command[],
): Promise<void> {
  const present: FleetProcess[] = PLACES.map((place, index) => fleet.open(place, versions[index]!))
  await fleet.pass(1)
  for (const each of commands) {
    const at = 'on' in each ? each.on : 0
    const { isOpen, host } = present[at]!
    const isGone = 'on' in each && (!isOpen || host.hasCrashed)
    if (isGone) present[at] = fleet.open(PLACES[at]!, each.do === 'register' ? each.version : '2')
    if (!isGone || each.do !== 'register') await play(fleet, present[at]!, each)
  }
  for (const { host } of fleet.processes) {
    host.isLucky = true
    host.thaw()
  }
  await turns(5)
  for (const each of fleet.processes) if (each.isOpen && !each.host.hasCrashed) fleet.stop(each)
  await fleet.rest()
}

/** What was given away last and taken by nobody is taken, in the place that it was for. */
async function deliver(fleet: Fleet, processes: readonly FleetProcess[], stores: Stores): Promise<void> {
  const newest = new Map<string, { readonly bundle: RunBundle; readonly place: string }>()
  for (const { place, runtime } of processes) {
    for (const { key } of await stores[place]!.scan({ prefix: 'exported/' })) {
      const runId = key.split('/')[1]!
      const exported = await runtime.exportRun(runId)
      if (!exported.ok) throw exported.error
      const bundle = exported.value
      // A store keeps what it gave away, wherever the run has gone from there.
      if (bundle.epoch > (newest.get(runId)?.bundle.epoch ?? 0)) newest.set(runId, { bundle, place })
    }
  }
  for (const [runId, { bundle, place }] of newest) {
    const { lives, ends } = fleet.history.runs.get(runId)!
    if (lives.size + ends.length > 0) continue
    const target = fleet.parcels.get(`${runId}@${bundle.epoch}`)?.target ?? place
    const imported = await processes.find((each) => each.place === target)!.runtime.importRun(bundle)
    if (!imported.ok) fleet.faults.push(`${runId}@${bundle.epoch}: ${imported.error.message}`)
  }
}

/** The next processes bring to its end what is left, and remove what is over. */
async function finish(fleet: Fleet, stores: Stores): Promise<void> {
  const last = Object.keys(stores).map((place) => fleet.open(place, '2'))
  for (const { host } of last) host.isLucky = true
  await fleet.pass(1000)
  await deliver(fleet, last, stores)
  for (let round = 0; round < 4; round++) {
    await fleet.pass(1000)
    for (const { runtime } of last) for (const { runId } of runtime.listAllRuns()) void runtime.abort(runId)
  }
  await fleet.pass(1000)
  for (const { runtime } of last)
    expect(await runtime.prune({ maxRuns: 0, rememberIds: 0 })).toMatchObject({ ok: true })
  for (const each of last) fleet.stop(each)
  await fleet.rest()
  fleet.checkEnds()
}

/** Of a run that was given away the bundle stays, its timeline, and the id of its event. */
async function leftOver(store: StorageDriver): Promise<readonly string[]> {
  const keys = (await store.scan({ prefix: '' })).map(({ key }) => key)
  const given = keys.filter((key) => key.startsWith('exported/')).map((key) => key.slice('exported/'.length))
  const stays = (key: string) =>
    /^(accepted\/|history-totals$)/.test(key) || given.some((id) => key.includes(id))
  return keys.filter((key) => !stays(key))
}

it.each([
  ['in memory', inMemory, false, COUNT],
  ['in memory, where calls fail', inMemory, true, COUNT],
  ['on a SQLite file', onSqlite, false, COUNT / 10],
  ['on a SQLite file, where calls fail', onSqlite, true, COUNT / 10],
  ['on IndexedDB', onIndexedDb, false, COUNT / 10],
  ['encrypted', encrypted, true, COUNT / 10],
])(
  'several processes: calls that do not wait for one another all settle, what they say is true, and no run is lost, done twice or in two places, %s',
  { timeout: 6_000_000 },
  async (_name, open, hasLuck, numRuns) => {
    await fc.assert(
      fc.asyncProperty(stream(hasLuck), async ({ commands, versions, ...setting }) => {
        const [here, there] = await Promise.all([open(), open()])
        const stores = { here: here.store, there: there.store }
        const fleet = new Fleet(setting, stores)
        await playAll(fleet, versions, commands)
        await finish(fleet, stores)
        for (const store of Object.values(stores)) fleet.faults.push(...(await leftOver(store)))
        await Promise.all([here.remove(), there.remove()])
        expect(fleet.faults).toEqual([])
      }),
      { numRuns },
    )
  },
)

it('a run that another process has ended, while its first commit was stored and not answered, is not begun again', async () => {
  const setting = {
    mode: { type: 'transient', concurrency: 1 },
    gates: {},
    hooks: [],
    drain: false,
    compensate: false,
    turns: [0],
  } as const
  const luck = ['good', 'good', 'good', 'good', 'good', 'fails-applied', 'good', 'good', 'good'] as const
  const plan = { work: 'nothing', route: 'advance', last: 'nothing' } as const
  const stores = { here: memoryStorage(), there: memoryStorage() }
  const fleet = new Fleet({ ...setting, luck }, stores)
  const commands: Command[] = [
    { do: 'invoke', on: 0, plan },
    { do: 'pass', ms: 0 },
    { do: 'publish', on: 1, plan },
    { do: 'freeze', on: 0 },
    { do: 'pass', ms: 450 },
    { do: 'resume', on: 0, pick: 0 },
    { do: 'resume', on: 0, pick: 0 },
    { do: 'resume', on: 0, pick: 0 },
    { do: 'deregister', on: 1 },
  ]
  await playAll(fleet, ['1', '1', '1'], commands)
  await finish(fleet, stores)
  expect(fleet.faults).toEqual([])
})
