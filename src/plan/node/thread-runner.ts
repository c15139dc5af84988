import { type Context, Script, createContext } from 'node:vm'
import { CONDITION_MODULE, conditionScript } from '../sandbox/condition-text.js'
import type {
  EngineLimits,
  EngineProgram,
  EngineWork,
  FromWorker,
  ToWorker,
} from '../sandbox/engine-protocol.js'
import { faultOfError } from '../sandbox/foreign-fault.js'
import { GLOBALS_MODULE, JOB_MODULE, REALM_SCRIPT } from '../sandbox/realm-script.js'
import { TaskDesk, faultResult } from '../sandbox/task-desk.js'
import { describe, serializeError } from '../../core/system-error.js'
import { LINES_BEFORE, rewriteModule } from './rewrite-module.js'

type Namespace = Readonly<Record<string, unknown>>
type Exports = Record<string, () => unknown>

/** A module or a condition, compiled once and evaluated in a new context for every run. */
interface Compiled {
  readonly script: Script
  readonly imports: readonly string[]
}

interface Program {
  readonly program: EngineProgram
  readonly main: Compiled
  readonly globals: Compiled | undefined
}

/** What `realm-script.ts` gives. */
interface Realm {
  run(load: () => Promise<unknown>, state: string, isImmutable: boolean): Promise<void>
  settle(id: number, isOk: boolean, text?: string): void
  fire(id: number): void
  fail(error: unknown): void
  bridged(module: string, values: readonly object[]): Namespace
  addGlobals(values: object): void
  holds(
    condition: unknown,
    state: string,
    upstreamStepId: string,
    helpers: readonly string[],
    answers: string,
  ): void
}

interface Task {
  readonly desk: TaskDesk
  realm?: Realm
  timer?: ReturnType<typeof setTimeout>
}

const realmScript = new Script(`(${REALM_SCRIPT})`, { filename: 'realm' })

/** What jobs find besides the language: what a context of `node:vm` lacks and no adaptor can do without. */
const GLOBALS = {
  Buffer,
  URL,
  URLSearchParams,
  TextEncoder,
  TextDecoder,
  AbortController,
  AbortSignal,
  queueMicrotask,
  structuredClone,
}

/**
 * The worker's side of the thread engine: takes one task after the other, each in a new context of `node:vm`.
 *
 * Not a wall against strangers: modules are real ones, and whoever holds one holds this thread.
 */
export class ThreadRunner {
  readonly #post: (message: FromWorker) => void
  readonly #limits: EngineLimits
  readonly #programs = new Map<number, Program>()
  #task: Task | undefined

  constructor(limits: EngineLimits, post: (message: FromWorker) => void) {
    this.#limits = limits
    this.#post = post
  }

  receive(message: ToWorker): void {
    switch (message.type) {
      case 'task':
        for (const id of message.forget ?? []) this.#programs.delete(id)
        return this.#begin(message.task, message.work, message.timeoutMs)
      case 'settle': {
        const { desk, realm } = this.#task ?? {}
        if (desk?.task === message.task && desk.settled(message.call)) {
          realm?.settle(message.call, message.isOk, message.text)
        }
        return
      }
      case 'stop':
        if (this.#task?.desk.task === message.task) this.#end(this.#task, () => ({ type: 'stopped' }))
        return
      case 'ping':
        this.#post({ type: 'pong' })
    }
  }

  #begin(id: number, work: EngineWork, timeoutMs: number): void {
    const maxStateBytes = work.type === 'run' ? work.maxStateBytes : Infinity
    const task: Task = {
      desk: new TaskDesk(id, this.#post, this.#limits, maxStateBytes, (timer) => this.#fire(task, timer)),
    }
    this.#task = task
    if (timeoutMs < 2 ** 31) {
      task.timer = setTimeout(() => {
        this.#end(task, () => faultResult('timeout', `Job took longer than ${timeoutMs}ms to complete`))
      }, timeoutMs)
    }
    // Not awaited: what comes meanwhile, such as the answer to a call, has to be heard.
    void this.#execute(task, work).catch((error: unknown) => {
      this.#end(task, () => faultResult('thrown', describe(error)))
    })
  }

  async #execute(task: Task, work: EngineWork): Promise<void> {
    if (work.type === 'load') return this.#load(task, work.programId, work.program)
    const program = this.#programs.get(work.programId) ?? (await compile(work.program!))
    const known = work.program ? { ...program, program: work.program } : program
    this.#programs.set(work.programId, known)
    const modules = await this.#importModules(task, known.program)
    if (!modules) return
    const context = createContext({ ...GLOBALS }, { codeGeneration: { strings: false, wasm: false } })
    const realm = this.#openRealm(task, context)
    const load = () => loadInto(realm, context, known, modules)
    if (work.type === 'run') {
      await realm.run(load, work.state, work.immutableState)
    } else {
      const helpers = known.program.kind === 'condition' ? known.program.helpers : []
      try {
        const condition = await load()
        realm.holds(condition, work.state, work.upstreamStepId, helpers, work.answers)
      } catch (error) {
        realm.fail(error)
      }
    }
    this.#endWithResult(task)
  }

  async #load(task: Task, programId: number, program: EngineProgram): Promise<void> {
    try {
      const compiled = await compile(program)
      this.#programs.set(programId, compiled)
      const imports = [...compiled.main.imports, ...(compiled.globals?.imports ?? [])]
      this.#end(task, () => ({ type: 'loaded', imports: [...new Set(imports)] }))
    } catch (error) {
      const { name, message, stack } = serializeError(error)
      // The place of a syntax error is the first line of its stack.
      const text = JSON.stringify({ name, message, stack: `    at ${String(stack)}` })
      this.#end(task, () => ({ type: 'fault', fault: faultOfError(text, 'syntax') }))
    }
  }

  async #importModules(task: Task, program: EngineProgram): Promise<Map<string, Namespace> | undefined> {
    const modules = new Map<string, Namespace>()
    for (const [specifier, url] of Object.entries((program.kind === 'job' && program.files) || {})) {
      try {
        modules.set(specifier, (await import(/* @vite-ignore */ url)) as Namespace)
      } catch (error) {
        const message = `Cannot import "${specifier}": ${describe(error)}`
        this.#end(task, () => ({ type: 'fault', fault: { kind: 'import', message } }))
        return undefined
      }
    }
    return modules
  }

  #openRealm(task: Task, context: Context): Realm {
    const createRealm = realmScript.runInContext(context) as (send: unknown) => Realm
    const send = (kind: string, ...values: (string | number | undefined)[]) => {
      task.desk.receive(kind, values)
      if (task.desk.result) this.#endWithResult(task)
      else queueMicrotask(() => task.desk.flush())
    }
    task.realm = createRealm(send)
    return task.realm
  }

  #fire(task: Task, timer: number): void {
    try {
      task.realm?.fire(timer)
    } catch (error) {
      task.realm?.fail(error)
    }
  }

  #endWithResult(task: Task): void {
    const { result } = task.desk
    if (result) this.#end(task, () => result)
  }

  #end(task: Task, toResult: () => Parameters<TaskDesk['end']>[0]): void {
    if (this.#task !== task) return
    this.#task = undefined
    clearTimeout(task.timer)
    task.desk.end(toResult())
  }
}

/** @throws {SyntaxError} When a text is none. */
async function compile(program: EngineProgram): Promise<Program> {
  const globals =
    program.globalsSource === undefined
      ? undefined
      : await compileModule(program.globalsSource, GLOBALS_MODULE)
  if (program.kind === 'job')
    return { program, globals, main: await compileModule(program.source, JOB_MODULE) }
  const script = new Script(conditionScript(program.source), { filename: CONDITION_MODULE })
  return { program, globals, main: { script, imports: [] } }
}

async function compileModule(source: string, filename: string): Promise<Compiled> {
  const { script, imports } = await rewriteModule(source)
  return { script: new Script(script, { filename, lineOffset: -LINES_BEFORE }), imports }
}

/** Evaluates the globals, then the job or the condition. */
async function loadInto(
  realm: Realm,
  context: Context,
  { program, main, globals }: Program,
  files: ReadonlyMap<string, Namespace>,
): Promise<unknown> {
  if (program.kind === 'job') realm.addGlobals(realm.bridged('', program.globals))
  const modules = toModules(realm, program, files)
  if (globals) realm.addGlobals(await evaluate(globals, context, modules))
  return program.kind === 'job' ? evaluate(main, context, modules) : main.script.runInContext(context)
}

function toModules(realm: Realm, program: EngineProgram, files: ReadonlyMap<string, Namespace>): object {
  const modules = Object.create(null) as Record<string, Namespace>
  if (program.kind === 'job') {
    for (const [name, values] of Object.entries(program.modules)) modules[name] = realm.bridged(name, values)
  }
  for (const [name, namespace] of files) modules[name] = namespace
  const own = {
    $take: (specifier: string, name: string) => take(modules[specifier]!, specifier, name),
    $all: (specifier: string) => all(modules[specifier]!),
  }
  return Object.assign(Object.create(own) as object, modules)
}

async function evaluate({ script }: Compiled, context: Context, modules: object): Promise<Namespace> {
  let getters: Exports = {}
  const begin = script.runInContext(context) as (
    modules: object,
    exports: (given: Exports) => void,
  ) => Promise<void>
  await begin(modules, (given) => void (getters = given))
  return Object.fromEntries(Object.entries(getters).map(([name, get]) => [name, get()]))
}

/** An export; of CommonJS modules everything may stand under `default`. */
function take(module: Namespace, specifier: string, name: string): unknown {
  if (name in module) return module[name]
  const inner = module['default'] as Namespace | null | undefined
  if ((typeof inner === 'object' || typeof inner === 'function') && inner !== null && name in inner) {
    return inner[name]
  }
  if (name === 'default') return module
  throw new SyntaxError(`Could not find export '${name}' in module 'import:${specifier}'`)
}

function all(module: Namespace): Exports {
  const names = Object.keys(module).filter((name) => name !== 'default')
  return Object.fromEntries(names.map((name) => [name, () => module[name]]))
}
