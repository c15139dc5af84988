import { CONDITION_MODULE, conditionScript } from './condition-text.js'
import type {
  ConditionProgram,
  EngineLimits,
  EngineProgram,
  EngineWork,
  FromWorker,
  JobProgram,
  TaskResult,
  ToWorker,
} from './engine-protocol.js'
import { faultOfError } from './foreign-fault.js'
import { BrokenRealm, QuickJsRealm, type RealmSnapshot } from './quickjs-realm.js'
import { BEFORE_MODULE, REALM_MODULES, after, beforeText, moduleText } from './quickjs-script.js'
import { GLOBALS_MODULE, JOB_MODULE } from './realm-script.js'
import { OUT_OF_MEMORY } from './worker-host.js'
import { NEVER_SETTLES, TaskDesk, faultResult } from './task-desk.js'

interface Program {
  readonly program: EngineProgram
  /** Compiled, and nothing of it evaluated. Gone when its realm is. */
  snapshot: RealmSnapshot | undefined
}

interface Task {
  readonly desk: TaskDesk
  readonly deadline: number
  /** Of what it may compute, in milliseconds. */
  computeMs: number
  readonly timeoutMs: number
  timer?: ReturnType<typeof setTimeout>
}

/**
 * The worker's side of an engine: takes one task after the other and lets QuickJS do it.
 *
 * Invariants:
 * - E1 the realm is put back before every task, to its beginning or to where the program was compiled;
 * - E2 whatever the realm does, the task ends: by itself, at its deadline, when it has computed for too long, or when
 *   nothing is left that it could wait for.
 */
export class EngineRunner {
  readonly #post: (message: FromWorker) => void
  readonly #limits: EngineLimits
  readonly #programs = new Map<number, Program>()
  #realm: QuickJsRealm | undefined
  /** The program to which the realm has been put back, as long as nothing has happened since. */
  #clean: Program | undefined
  #last: Program | undefined
  #task: Task | undefined
  #sliceEnd = Infinity
  /** Whether the slice was cut off. What the realm says after that is of no account: a job can catch it in part. */
  #isCutOff = false

  constructor(limits: EngineLimits, post: (message: FromWorker) => void) {
    this.#limits = limits
    this.#post = post
  }

  /** Opens the first realm. Rejects when there is no QuickJS. */
  async open(): Promise<void> {
    this.#sliceEnd = Infinity
    this.#isCutOff = false
    this.#realm = await QuickJsRealm.open(
      this.#limits,
      (kind, ...values) => this.#task?.desk.receive(kind, values),
      () => {
        this.#isCutOff ||= performance.now() >= this.#sliceEnd
        return this.#isCutOff
      },
    )
    this.#clean = this.#last = undefined
    for (const known of this.#programs.values()) known.snapshot = undefined
  }

  async receive(message: ToWorker): Promise<void> {
    switch (message.type) {
      case 'task':
        for (const id of message.forget ?? []) this.#programs.delete(id)
        if (!this.#realm) await this.open()
        return this.#begin(message.task, message.work, message.timeoutMs)
      case 'settle':
        if (this.#task?.desk.task !== message.task || !this.#task.desk.settled(message.call)) return
        return this.#drive((realm) => realm.call('settle', message.call, message.isOk ? 1 : 0, message.text))
      case 'stop':
        if (this.#task?.desk.task === message.task) this.#end({ type: 'stopped' })
        return
      case 'ping':
        this.#post({ type: 'pong' })
    }
  }

  #begin(id: number, work: EngineWork, timeoutMs: number): void {
    const maxStateBytes = work.type === 'run' ? work.maxStateBytes : Infinity
    const fire = (timer: number) => this.#drive((realm) => realm.call('fire', timer))
    const task: Task = {
      desk: new TaskDesk(id, this.#post, this.#limits, maxStateBytes, fire),
      deadline: performance.now() + timeoutMs,
      computeMs: this.#limits.maxComputeMs,
      timeoutMs,
    }
    this.#task = task
    this.#drive((realm) => {
      if (work.type === 'load') {
        this.#load(realm, work.programId, work.program)
        return undefined
      }
      const error = this.#toProgram(realm, work.programId, work.program)
      if (error !== undefined) return error
      const { program } = this.#last!
      const seed = nextSeed()
      if (work.type === 'run') return realm.call('run', work.state, work.immutableState ? 1 : 0, ...seed)
      const helpers = JSON.stringify(program.kind === 'condition' ? program.helpers : [])
      const hasGlobals = program.globalsSource === undefined ? 0 : 1
      return realm.call('holds', work.state, work.upstreamStepId, helpers, work.answers, hasGlobals, ...seed)
    })
  }

  /** Lets the realm go on until it has nothing to do, has said what came of it, or has to stop. */
  #drive(enter: (realm: QuickJsRealm) => string | undefined): void {
    const task = this.#task
    const realm = this.#realm
    if (!task || !realm) return
    const begin = performance.now()
    this.#isCutOff = false
    this.#sliceEnd = Math.min(task.deadline, begin + Math.min(task.computeMs, this.#limits.maxSliceMs))
    try {
      let error = enter(realm)
      while (this.#task === task && error === undefined && !task.desk.result) {
        const { hasMore, error: cutOff } = realm.pump()
        error = cutOff
        this.#isCutOff ||= performance.now() >= this.#sliceEnd
        if (!hasMore || this.#isCutOff) break
      }
      if (this.#task !== task) return
      task.computeMs -= performance.now() - begin
      const result = this.#isCutOff ? this.#timedOut(task) : (task.desk.result ?? this.#stateOf(task, error))
      if (result) this.#end(result)
    } catch (error) {
      if (!(error instanceof BrokenRealm)) throw error
      this.#realm = undefined
      this.#end(faultResult('memory', 'The stack of the job overflowed'))
    }
  }

  /** What has come of a task of which the realm has said nothing yet; nothing when it waits. */
  #stateOf(task: Task, error: string | undefined): TaskResult | undefined {
    if (error !== undefined) return { type: 'fault', fault: faultOfError(error, 'thrown') }
    if (!task.desk.isWaiting) return faultResult('thrown', NEVER_SETTLES)
    task.desk.flush()
    if (task.deadline < Infinity) {
      task.timer ??= setTimeout(
        () => {
          if (this.#task === task) this.#end(this.#timedOut(task))
        },
        Math.min(task.deadline - performance.now(), 2 ** 31 - 1),
      )
    }
    return undefined
  }

  #timedOut(task: Task): TaskResult {
    if (performance.now() >= task.deadline) {
      return faultResult('timeout', `Job took longer than ${task.timeoutMs}ms to complete`)
    }
    const { maxComputeMs, maxSliceMs } = this.#limits
    return faultResult('timeout', `Job computed for longer than ${Math.min(maxComputeMs, maxSliceMs)}ms`)
  }

  #end(result: TaskResult): void {
    const task = this.#task!
    this.#task = undefined
    clearTimeout(task.timer)
    task.desk.end(this.#realm?.isWorn === true && isThrownNull(result) ? OUT_OF_MEMORY_RESULT : result)
    if (this.#realm?.isWorn) this.#realm = undefined
    // The next task most often is of the same program; now nobody waits for it.
    this.#clean = undefined
    if (this.#realm && this.#last?.snapshot) {
      this.#realm.restore(this.#last.snapshot)
      this.#clean = this.#last
    }
  }

  /** Lets go of what is under way. */
  close(): void {
    clearTimeout(this.#task?.timer)
    this.#task = undefined
    this.#realm = undefined
  }

  // --- programs ---

  #load(realm: QuickJsRealm, programId: number, program: EngineProgram): void {
    const imports = new Set<string>()
    const error = this.#compile(realm, program, (specifier) => {
      imports.add(specifier)
      return ''
    })
    // What is imported is empty as yet.
    const isUnlinked = imports.size > 0 && error !== undefined && /Could not find export/.test(error)
    if (error !== undefined && !isUnlinked) {
      this.#end({ type: 'fault', fault: faultOfError(error, 'syntax') })
      return
    }
    // With imports it is compiled again, when it is known what they give.
    if (imports.size === 0) this.#keep(realm, programId, program)
    this.#end({ type: 'loaded', imports: [...imports] })
  }

  /** Puts the realm to where the program is compiled, and nothing of it evaluated. */
  #toProgram(
    realm: QuickJsRealm,
    programId: number,
    program: JobProgram | ConditionProgram | undefined,
  ): string | undefined {
    const known = this.#programs.get(programId)
    if (known?.snapshot) {
      if (this.#clean !== known) realm.restore(known.snapshot)
      this.#clean = undefined
      this.#last = known
      return undefined
    }
    program ??= known?.program
    if (!program) throw new TypeError(`Program ${programId} was not told`)
    const modules = program.kind === 'job' ? program.modules : {}
    const error = this.#compile(realm, program, (specifier) => {
      const values = Object.hasOwn(modules, specifier) ? modules[specifier] : undefined
      return values ? moduleText(specifier, values) : new TypeError(`Cannot import "${specifier}" here`)
    })
    if (error === undefined) this.#keep(realm, programId, program)
    return error
  }

  #keep(realm: QuickJsRealm, programId: number, program: EngineProgram): void {
    // Whatever else is imported is asked for while the job runs, when nothing can be fetched any more.
    realm.resolveModule = () => new TypeError('Modules can only be imported at the top of a job')
    this.#last = { program, snapshot: realm.snapshot() }
    this.#programs.set(programId, this.#last)
  }

  #compile(
    realm: QuickJsRealm,
    program: EngineProgram,
    importText: (specifier: string) => string | Error,
  ): string | undefined {
    realm.restore(realm.base)
    this.#clean = undefined
    const { globalsSource } = program
    realm.resolveModule = (name) => {
      if (name === JOB_MODULE && program.kind === 'job') return after(BEFORE_MODULE, program.source)
      if (name === GLOBALS_MODULE && globalsSource !== undefined) return after('realm:gate', globalsSource)
      if (name === BEFORE_MODULE) return beforeText(globalsSource !== undefined)
      if (Object.hasOwn(REALM_MODULES, name)) return REALM_MODULES[name]!
      return importText(name.replace(/^import:/, ''))
    }
    const error =
      program.kind === 'job'
        ? realm.call('prepare', JSON.stringify(toFacts(program)))
        : realm.prepareWith(conditionScript(program.source), CONDITION_MODULE)
    if (error !== undefined) return error
    const first = program.kind === 'job' ? JOB_MODULE : BEFORE_MODULE
    return realm.load(`import ${JSON.stringify(first)}`)
  }
}

const OUT_OF_MEMORY_RESULT = faultResult('memory', OUT_OF_MEMORY)

/** What QuickJS throws when there is not even room for an error. */
function isThrownNull(result: TaskResult): boolean {
  return result.type === 'fault' && result.fault.thrown?.type === 'null'
}

function toFacts({ globals }: JobProgram) {
  return { globals }
}

type Seed = readonly [number, number, number]

const pool = new Int32Array(3 * 256)
let left = 0

/** Chance for one run. Asking the platform for it costs the same for one as for many. */
function nextSeed(): Seed {
  if (left === 0) left = crypto.getRandomValues(pool).length
  left -= 3
  return pool.slice(left, left + 3) as unknown as Seed
}
