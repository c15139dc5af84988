import fc from 'fast-check'
import type { ModeOptions, RegistrationOptions } from 'busline'
import type { Fleet } from './fleet.js'
import { type Luck, turns } from './fleet-host.js'
import type { Plan } from '../planned-pipeline.js'
import type { FleetProcess, Version } from './fleet-process.js'

const CALLS = ['resume', 'signal', 'abort', 'export', 'export', 'import', 'import', 'fork'] as const
const FATES = ['deregister', 'stop', 'freeze', 'freeze', 'freeze', 'thaw', 'thaw', 'thaw', 'crash'] as const

/** What can happen, `on` one of three processes. Nobody waits for what it comes to. `pick` chooses among what there is. */
export type Command =
  | { readonly do: 'publish' | 'submit' | 'invoke'; readonly on: number; readonly plan: Plan }
  | { readonly do: (typeof CALLS)[number]; readonly on: number; readonly pick: number }
  | { readonly do: 'poke' | 'recover' | 'prune' | 'check' | (typeof FATES)[number]; readonly on: number }
  | { readonly do: 'register'; readonly on: number; readonly version: Version }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'turn'; readonly turns: number }

const work = fc.constantFrom<Plan['work']>('nothing', 'nothing', 'wait', 'fail', 'hang', 'publish')
const route = fc.constantFrom<Plan['route']>('advance', 'pause', 'pause', 'await')
const plan = fc.record({ work, route, last: work })
const on = fc.nat(2)
const version = fc.constantFrom<Version>('1', '2', '2')
const any = <Name extends string>(...names: readonly Name[]) => fc.constantFrom(...names)
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 9, arbitrary: fc.record({ do: any('publish', 'submit', 'invoke'), on, plan }) },
  { weight: 8, arbitrary: fc.record({ do: any(...CALLS), on, pick: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ do: any('poke', 'recover', 'prune', 'check'), on }) },
  { weight: 4, arbitrary: fc.record({ do: any(...FATES), on }) },
  { weight: 2, arbitrary: fc.record({ do: any('register'), on, version }) },
  { weight: 5, arbitrary: fc.record({ do: any('pass'), ms: fc.constantFrom(0, 2, 5, 15, 150, 450) }) },
  { weight: 8, arbitrary: fc.record({ do: any('turn'), turns: fc.nat(40) }) },
)

const mode = fc.constantFrom<ModeOptions>(
  { type: 'transient', concurrency: 1 },
  { type: 'transient', concurrency: 2, capacity: 2 },
  { type: 'serialized' },
  { type: 'singleton_loop', onBusy: 'signal', toPatch: () => ({}) },
  { type: 'singleton_loop', onBusy: 'replace' },
  { type: 'exclusive', onBusy: 'queue_single' },
)
const gates = fc.constantFrom<RegistrationOptions>(
  {},
  {},
  { debounce: { wait: 2 } },
  { throttle: { limit: 1, per: 4 } },
)
// One call in eight fails.
const luck = fc.constantFrom<Luck>(
  ...Array.from({ length: 21 }, (): Luck => 'good'),
  'fails',
  'fails-perhaps',
  'fails-applied',
)

/** @param hasLuck Whether calls to the store may fail. */
export const stream = (hasLuck: boolean) =>
  fc.record({
    mode,
    gates,
    hooks: fc.subarray(['onPrepare', 'onResume', 'onComplete', 'onCleanup'] as const),
    drain: fc.boolean(),
    compensate: fc.boolean(),
    versions: fc.array(version, { minLength: 3, maxLength: 3 }),
    turns: fc.array(fc.nat(9), { minLength: 1, maxLength: 5 }),
    luck: hasLuck ? fc.array(luck, { minLength: 1, maxLength: 40 }) : fc.constant(undefined),
    commands: fc.array(command, { minLength: 4, maxLength: 45, size: 'max' }),
  })

/** Does it, at the process given. */
export function play(fleet: Fleet, process: FleetProcess, each: Command): Promise<void> | void {
  const { runtime, host, bus } = process
  switch (each.do) {
    case 'pass':
      return fleet.pass(each.ms)
    case 'turn':
      return turns(each.turns)
    case 'publish':
      return fleet.publish(process, each.plan)
    case 'submit':
      return fleet.submit(process, each.plan)
    case 'invoke':
      return fleet.run('invoke', process, runtime.invoke('w', 'go', each.plan))
    case 'poke':
      return void bus.publish('poke', {})
    case 'recover':
      return fleet.call('recover', process, runtime.recover())
    case 'prune':
      return fleet.call('prune', process, runtime.prune({ maxRuns: 1, rememberIds: 3 }))
    case 'check':
      return fleet.call('check', process, runtime.checkMigrations({ workflows: [process.workflow('2')] }))
    case 'register':
      return fleet.register(process, each.version)
    case 'deregister':
      return fleet.deregister(process)
    case 'stop':
      return fleet.stop(process)
    case 'freeze':
    case 'thaw':
    case 'crash':
      return host[each.do]()
    case 'import':
      return fleet.importRun(process, [...fleet.parcels.values()][each.pick % (fleet.parcels.size || 1)])
    default:
      return playOnRun(fleet, process, each)
  }
}

function playOnRun(
  fleet: Fleet,
  process: FleetProcess,
  { do: what, pick }: { readonly do: (typeof CALLS)[number]; readonly pick: number },
): void {
  const all = process.runtime.listAllRuns()
  const live = all.filter(({ status }) => /queued|running|paused/.test(status))
  const paused = live.filter(({ status }) => status === 'paused')
  const needsPaused = /export|resume/.test(what) && paused.length > 0
  const runs = pick > 15 ? all : needsPaused ? paused : live
  const runId = runs[pick % (runs.length || 1)]?.runId ?? 'nobody'
  if (what === 'resume') return fleet.run(`resume of ${runId}`, process, process.runtime.resume(runId))
  if (what === 'signal') return fleet.signal(process, runId)
  if (what === 'abort') return fleet.abort(process, runId)
  if (what === 'export') return fleet.exportRun(process, runId)
  return fleet.fork(process, runId, pick % 2 === 0 ? 'work' : 'last')
}
