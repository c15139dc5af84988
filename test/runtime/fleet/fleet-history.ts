import type { StorageDriver, StorageOperation } from 'busline'

type State = Readonly<Record<string, unknown>>

/** What was committed of one run, in whichever store. */
interface RunHistory {
  /** The stages that were committed, in order, each as that one execution of it. */
  log: readonly string[]
  state: State
  /** The stores in which it lives. */
  readonly lives: Set<string>
  readonly ends: string[]
}

/** What was committed, in all stores, held against what may be. */
export class FleetHistory {
  readonly faults: string[] = []
  readonly runs = new Map<string, RunHistory>()
  readonly #tickets = new Set<string>()
  #executions = 0

  /** Looks at each commit when the store has taken it. */
  watch(name: string, store: StorageDriver): StorageDriver {
    return {
      name: store.name,
      isDurable: store.isDurable,
      get: (key) => store.get(key),
      scan: (options) => store.scan(options),
      commit: async (operations) => {
        await store.commit(operations)
        for (const each of operations) this.#look(name, each)
      },
      close: () => store.close(),
      [Symbol.asyncDispose]: () => store.close(),
    }
  }

  /** Names one execution of a stage. */
  execution(stage: string): string {
    return `${stage}#${this.#executions++}`
  }

  /** The state that was committed last. */
  state(runId: string): State {
    return this.runs.get(runId)?.state ?? {}
  }

  /** Whether what a receipt says is in the store. */
  keeps(outcome: string, runId: string | undefined): boolean {
    if (outcome === 'started' || outcome === 'replaced') return this.runs.has(runId!)
    return !/queued|delayed/.test(outcome) || this.#tickets.has(runId!)
  }

  #look(store: string, operation: StorageOperation): void {
    if (operation.type === 'expect' || operation.type === 'deletePrefix') return
    const [kind, second, third, fourth] = operation.key.split('/')
    if (operation.type === 'delete') {
      if (kind !== 'history' || this.#of(fourth!).ends.length > 0) return
      return void this.faults.push(`${fourth} was pruned before its end`)
    }
    if (kind === 'run') this.#lives(store, third!, operation.value as never)
    if (kind === 'ended') this.#ends(store, third!, operation.value as never)
    if (kind === 'exported') this.#of(second!).lives.delete(store)
    if (kind === 'ticket') this.#tickets.add(third!)
  }

  #lives(
    store: string,
    runId: string,
    record: { readonly checkpoint: { readonly root: { state: State } } },
  ): void {
    const run = this.#of(runId)
    if (run.ends.length > 0) this.faults.push(`${runId} was committed after its end`)
    run.lives.add(store)
    if (run.lives.size > 1) this.faults.push(`${runId} lives in ${[...run.lives].join(' and ')}`)
    this.#moves(runId, run, record.checkpoint.root.state)
  }

  #ends(
    store: string,
    runId: string,
    { status, state }: { readonly status: string; readonly state: State },
  ): void {
    const run = this.#of(runId)
    run.lives.delete(store)
    run.ends.push(status)
    if (run.ends.length > 1) this.faults.push(`${runId} has ended as ${run.ends.join(' and ')}`)
    this.#moves(runId, run, state)
  }

  #moves(runId: string, run: RunHistory, state: State): void {
    const log = (state['log'] ?? []) as readonly string[]
    const stages = new Set(log.map((each) => each.split('#')[0]))
    if (stages.size < log.length) this.faults.push(`${runId} has committed a stage twice: ${log.join(' ')}`)
    if (run.log.some((each, index) => log[index] !== each))
      this.faults.push(`${runId} had committed ${run.log.join(' ')}, and then ${log.join(' ')}`)
    for (const name of Object.keys(run.state))
      if (!(name in state)) this.faults.push(`${runId} has lost "${name}"`)
    run.log = log
    run.state = state
  }

  #of(runId: string): RunHistory {
    let run = this.runs.get(runId)
    if (!run) this.runs.set(runId, (run = { log: [], state: {}, lives: new Set(), ends: [] }))
    return run
  }
}
