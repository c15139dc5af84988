import { SystemError } from '../../core/system-error.js'
import type {
  ConditionOptions,
  ConditionOutcome,
  ConditionText,
  JobConsole,
  JobEngine,
  JobFault,
  JobOutcome,
  JobRunOptions,
  JobText,
  LoadResult,
  LoadedCondition,
  LoadedJob,
} from '../job-engine.js'
import { type Bridge, answerCall, bridge } from './bridged-values.js'
import type { ConditionProgram, EngineEvent, JobProgram, TaskResult } from './engine-protocol.js'
import { type HelperAsk, askHelper } from './helper-answers.js'
import { CONDITION_MODULE, CONDITION_PREFIX } from './condition-text.js'
import { type FaultyText, locateFault } from './locate-fault.js'
import { type FindModule, LinkFault, linkModule } from './module-linker.js'
import { StateFault } from '../state-data.js'
import { type WorkerPool, closed } from './worker-pool.js'

/** How long a text may take to be compiled, in milliseconds. */
const LOAD_TIMEOUT_MS = 10_000

/** Texts of which a program is kept for the next plan that has the same. */
const MAX_PROGRAMS = 256

/** A condition that asks more often than that has lost count. */
const MAX_ANSWERS = 100

interface Program<P> {
  readonly id: number
  readonly program: P
  /** By module, the empty name being globals. */
  readonly bridges: ReadonlyMap<string, Bridge>
}

type Compiled<P> =
  { readonly ok: true; readonly program: Program<P> } | { readonly ok: false; readonly fault: JobFault }

/** A text that compiles, before it is known what its imports give. */
type Looked =
  | { readonly ok: true; readonly program: Program<JobProgram>; readonly imports: readonly string[] }
  | { readonly ok: false; readonly fault: JobFault }

export interface WorkerJobEngineOptions {
  readonly pool: WorkerPool
  /** Finds what is on disk. */
  readonly findModule?: FindModule
}

/**
 * Job text on workers, whatever they evaluate it with. This side knows linkers, functions and positions; the workers
 * know JavaScript.
 */
export class WorkerJobEngine implements JobEngine {
  readonly #pool: WorkerPool
  readonly #options: WorkerJobEngineOptions
  /** Of texts that refer to nothing but themselves. The latest comes last. */
  readonly #looked = new Map<string, Promise<Looked>>()
  #programCount = 0
  #isClosed = false

  constructor(options: WorkerJobEngineOptions) {
    this.#pool = options.pool
    this.#options = options
  }

  async load(job: JobText): Promise<LoadResult<LoadedJob>> {
    if (this.#isClosed) throw closed()
    const compiled = await this.#programOf(job)
    if (!compiled.ok) return { ok: false, fault: locateFault(compiled.fault, job) }
    const { program } = compiled
    return {
      ok: true,
      loaded: { run: (state, options) => this.#run(program, job, state, options), dispose: () => {} },
    }
  }

  async compileCondition(condition: ConditionText): Promise<LoadResult<LoadedCondition>> {
    if (this.#isClosed) throw closed()
    const { source, globalsSource, helpers = {} } = condition
    const program: ConditionProgram = {
      kind: 'condition',
      source,
      helpers: Object.keys(helpers),
      ...(globalsSource === undefined ? {} : { globalsSource }),
    }
    const compiled: Program<ConditionProgram> = {
      id: ++this.#programCount,
      program,
      bridges: new Map(),
    }
    const result = await this.#compile(compiled)
    const text = { module: CONDITION_MODULE, prefixLength: CONDITION_PREFIX.length }
    if (result.type === 'fault') return { ok: false, fault: locateFault(result.fault, text) }
    const ask: HelperAsk = (name, values) => askHelper(helpers, name, values)
    return {
      ok: true,
      loaded: {
        evaluate: (state, from, options) => this.#evaluate(compiled, ask, text, state, from, options),
        dispose: () => {},
      },
    }
  }

  close(): Promise<void> {
    this.#isClosed = true
    this.#looked.clear()
    this.#pool.close()
    return Promise.resolve()
  }

  // --- loading ---

  async #programOf(job: JobText): Promise<Compiled<JobProgram>> {
    try {
      const looked = await this.#look(job)
      if (!looked.ok) return looked
      const { program, bridges } = looked.program
      const { imports } = looked
      if (imports.length === 0) return looked
      const linked = new Map(bridges)
      const files: Record<string, string> = {}
      for (const specifier of imports) {
        const found = await linkModule(specifier, job.linker ?? {}, this.#options.findModule)
        if ('exports' in found) linked.set(specifier, bridge(found.exports))
        else files[specifier] = found.url
      }
      const modules = Object.fromEntries(
        [...linked].flatMap(([name, { values }]) => (name === '' ? [] : [[name, values]])),
      )
      const whole = { ...program, modules, files }
      return { ok: true, program: { id: ++this.#programCount, program: whole, bridges: linked } }
    } catch (error) {
      if (error instanceof LinkFault) return { ok: false, fault: { kind: 'import', message: error.message } }
      if (!(error instanceof StateFault)) throw error
      throw new SystemError('VALIDATION', `Cannot give a value to job text: ${error.message}`, {
        cause: error,
      })
    }
  }

  /** Has a text compiled, or remembers that it was. What it imports is not decided here. */
  #look(job: JobText): Promise<Looked> {
    const { source, globalsSource = '', globals } = job
    if (globals) return this.#lookNow(job)
    const key = JSON.stringify([source, globalsSource])
    const looked = this.#looked.get(key) ?? this.#lookNow(job)
    this.#looked.delete(key)
    this.#looked.set(key, looked)
    looked.catch(() => this.#looked.delete(key))
    if (this.#looked.size > MAX_PROGRAMS) this.#looked.delete(this.#looked.keys().next().value!)
    return looked
  }

  async #lookNow({ source, globalsSource, globals = {} }: JobText): Promise<Looked> {
    const ofGlobals = bridge(globals)
    const program: JobProgram = {
      kind: 'job',
      source,
      globals: ofGlobals.values,
      modules: {},
      ...(globalsSource === undefined ? {} : { globalsSource }),
    }
    const bridges = new Map([['', ofGlobals]])
    const looked = { id: ++this.#programCount, program, bridges }
    const result = await this.#compile(looked)
    if (result.type === 'fault') return { ok: false, fault: result.fault }
    return { ok: true, program: looked, imports: result.type === 'loaded' ? result.imports : [] }
  }

  #compile({ id, program }: Program<JobProgram | ConditionProgram>): Promise<TaskResult> {
    return this.#pool.run({
      programId: id,
      program,
      toWork: () => ({ type: 'load', programId: id, program }),
      timeoutMs: LOAD_TIMEOUT_MS,
    })
  }

  // --- running ---

  async #run(
    { id, program, bridges }: Program<JobProgram>,
    job: JobText,
    state: unknown,
    options: JobRunOptions,
  ): Promise<JobOutcome> {
    const { signal, timeoutMs, immutableState, maxStateBytes } = options
    const stateText = JSON.stringify(state)
    let operation = 0
    const result = await this.#pool.run({
      programId: id,
      program,
      toWork: (unknown) => ({
        type: 'run',
        programId: id,
        ...(unknown ? { program } : {}),
        state: stateText,
        immutableState,
        maxStateBytes,
      }),
      timeoutMs,
      signal,
      onEvents: (events) => {
        for (const event of events) {
          if (event.type === 'log') print(event, options.console)
          else {
            operation = event.event.index
            options.onOperation(event.event)
          }
        }
      },
      onCall: ({ module, name, values }) => answerCall(bridges.get(module)?.functions.get(name), values),
    })
    if (result.type === 'state') {
      return result.text === undefined
        ? { ok: true }
        : { ok: true, state: JSON.parse(result.text) as unknown }
    }
    return this.#failed(result, { sourceMap: job.sourceMap, operation })
  }

  async #evaluate(
    { id, program }: Program<ConditionProgram>,
    ask: HelperAsk,
    text: FaultyText,
    state: unknown,
    upstreamStepId: string,
    { signal, timeoutMs, console }: ConditionOptions,
  ): Promise<ConditionOutcome> {
    const stateText = JSON.stringify(state)
    const answers: string[] = []
    for (;;) {
      const events: EngineEvent[] = []
      const result = await this.#pool.run({
        programId: id,
        program,
        toWork: (unknown) => ({
          type: 'evaluate',
          programId: id,
          ...(unknown ? { program } : {}),
          state: stateText,
          upstreamStepId,
          answers: `[${answers.join(',')}]`,
        }),
        timeoutMs,
        signal,
        onEvents: (told) => void events.push(...told),
      })
      if (result.type === 'helper' && answers.length < MAX_ANSWERS) {
        answers.push(ask(result.name, result.values))
        continue
      }
      for (const event of events) if (event.type === 'log') print(event, console)
      if (result.type === 'held') {
        const { holds, text: changed } = result
        return {
          ok: true,
          holds,
          ...(changed === undefined ? {} : { state: JSON.parse(changed) as unknown }),
        }
      }
      if (result.type === 'helper') {
        const message = `The condition asked its helpers more than ${MAX_ANSWERS} times`
        return { ok: false, fault: { kind: 'thrown', message } }
      }
      const { fault } = this.#failed(result, text)
      return { ok: false, fault }
    }
  }

  #failed(result: TaskResult, text: FaultyText): Extract<JobOutcome, { ok: false }> {
    if (result.type !== 'fault')
      return { ok: false, fault: { kind: 'aborted', message: 'The job was ended' } }
    const state = result.text === undefined ? {} : { state: JSON.parse(result.text) as unknown }
    return { ok: false, fault: toImportFault(locateFault(result.fault, text)), ...state }
  }
}

/** A missing export is found when modules are linked, and told as a fault of the syntax. */
function toImportFault(fault: JobFault): JobFault {
  const [, name, module] = /^Could not find export '(.+)' in module 'import:(.+)'$/.exec(fault.message) ?? []
  if (name === undefined) return fault
  return {
    ...fault,
    kind: 'import',
    message: `Cannot import "${name}" of "${module}": it has no such export`,
  }
}

const LEVELS = ['log', 'info', 'debug', 'warn', 'error'] as const

function print({ level, values }: Extract<EngineEvent, { type: 'log' }>, console: JobConsole): void {
  const known = LEVELS.find((each) => each === level) ?? 'log'
  console[known](...(JSON.parse(values) as unknown[]))
}
