import type {
  QuickJSContext,
  QuickJSHandle,
  QuickJSRuntime,
  QuickJSWASMModule,
} from 'quickjs-emscripten-core'
import type { EngineLimits } from './engine-protocol.js'
import { BEFORE_MODULE, QUICKJS_SCRIPT } from './quickjs-script.js'
import { REALM_SCRIPT } from './realm-script.js'

/** What a realm says: see `realm-script.ts`. */
export type Send = (kind: string, ...values: (string | number | undefined)[]) => void

/** The functions of the realm that its owner calls. */
const ENTRIES = ['prepare', 'run', 'settle', 'fire', 'holds'] as const
export type Entry = (typeof ENTRIES)[number]

/** The memory of a realm at some instant. */
export interface RealmSnapshot {
  readonly low: Uint8Array
  readonly heap: Uint8Array
}

/** What stands at the end of text that is to wait. It gives nothing to whoever else imports it. */
const AFTER = [BEFORE_MODULE, 'realm:gate']

/** The realm cannot be used any more: its memory is in an unknown state. */
export class BrokenRealm extends Error {}

/** Where the heap of a fresh engine begins, and the word in its memory that says where it ends. */
interface Layout {
  readonly lowEnd: number
  readonly heapStart: number
  /** Without it the end of the memory is taken. */
  readonly heapEndAt: number | undefined
}

let layout: Layout | undefined

/**
 * One QuickJS engine in WebAssembly, with one context.
 *
 * Nothing of a job survives it: before each one the memory of the engine is put back to a snapshot, byte by byte, which
 * takes a fraction of what a new context takes, and cannot leave anything behind.
 *
 * Invariants:
 * - Q1 no handle made after a snapshot is disposed of after the restoration of that snapshot; those of a run are simply
 *   left, as the memory they speak of is overwritten;
 * - Q2 after a {@link BrokenRealm} the realm is thrown away.
 */
export class QuickJsRealm {
  readonly #memory: WebAssembly.Memory
  readonly #runtime: QuickJSRuntime
  readonly #context: QuickJSContext
  readonly #entries: Readonly<Record<Entry, QuickJSHandle>>
  readonly #layout: Layout
  readonly #initialBytes: number
  /** What imports resolve to while a program is compiled. */
  resolveModule: (specifier: string) => string | Error = () => new Error('There are no modules')
  readonly base: RealmSnapshot

  private constructor(
    engine: QuickJSWASMModule,
    place: Layout,
    limits: EngineLimits,
    send: Send,
    isOver: () => boolean,
  ) {
    this.#layout = place
    this.#memory = engine.getWasmMemory()
    this.#initialBytes = this.#memory.buffer.byteLength
    this.#runtime = engine.newRuntime()
    this.#runtime.setMaxStackSize(limits.maxStackBytes)
    this.#runtime.setInterruptHandler(isOver)
    this.#context = this.#runtime.newContext()
    this.#runtime.setModuleLoader(
      (name) => {
        const found = this.resolveModule(name)
        return typeof found === 'string' ? found : { error: found }
      },
      // What job text imports has names of its own: it cannot name what the realm is made of.
      (from, specifier) =>
        from.startsWith('vm:') && !AFTER.includes(specifier) ? `import:${specifier}` : specifier,
    )
    const context = this.#context
    const sendHandle = context.newFunction('send', (...values) => {
      const [kind, ...rest] = values.map((value) => this.#read(value))
      send(String(kind), ...rest)
    })
    const realm = context.unwrapResult(
      context.callFunction(
        context.unwrapResult(context.evalCode(`(${QUICKJS_SCRIPT})`, 'realm')),
        context.undefined,
        context.unwrapResult(context.evalCode(`(${REALM_SCRIPT})`, 'realm')),
        sendHandle,
      ),
    )
    this.#entries = Object.fromEntries(ENTRIES.map((name) => [name, context.getProp(realm, name)])) as Record<
      Entry,
      QuickJSHandle
    >
    this.base = this.snapshot()
  }

  static async open(limits: EngineLimits, send: Send, isOver: () => boolean): Promise<QuickJsRealm> {
    const maxBytes = limits.maxMemoryBytes
    layout ??= findLayout(await newEngine(maxBytes))
    return new QuickJsRealm(await newEngine(maxBytes), layout, limits, send, isOver)
  }

  /** Whether its memory has grown, which it cannot take back. */
  get isWorn(): boolean {
    return this.#memory.buffer.byteLength > this.#initialBytes
  }

  snapshot(): RealmSnapshot {
    const { lowEnd, heapStart } = this.#layout
    const bytes = new Uint8Array(this.#memory.buffer)
    return { low: bytes.slice(0, lowEnd), heap: bytes.slice(heapStart, this.#heapEnd()) }
  }

  restore({ low, heap }: RealmSnapshot): void {
    const { heapStart } = this.#layout
    const bytes = new Uint8Array(this.#memory.buffer)
    const end = this.#heapEnd()
    bytes.set(low)
    bytes.set(heap, heapStart)
    if (end > heapStart + heap.length) bytes.fill(0, heapStart + heap.length, end)
  }

  /**
   * Evaluates a module, with what it imports through {@link resolveModule}, as far as that goes without waiting.
   *
   * @returns The error as JSON text, if there was one.
   */
  load(text: string): string | undefined {
    return this.#guard(() => {
      const result = this.#context.evalCode(text, 'realm:load', { type: 'module' })
      return result.error ? this.#describe(result.error) : undefined
    })
  }

  /** Evaluates a script and calls `prepare` with its value. Returns errors as {@link compile} does. */
  prepareWith(text: string, name: string): string | undefined {
    const context = this.#context
    return this.#guard(() => {
      const result = context.evalCode(text, name, { type: 'global' })
      if (result.error) return this.#describe(result.error)
      return this.#finish(context.callFunction(this.#entries.prepare, context.undefined, result.value))
    })
  }

  call(entry: Entry, ...values: (string | number | undefined)[]): string | undefined {
    const context = this.#context
    return this.#guard(() => {
      const handles = values.map((value) =>
        value === undefined
          ? context.undefined
          : typeof value === 'string'
            ? context.newString(value)
            : context.newNumber(value),
      )
      return this.#finish(context.callFunction(this.#entries[entry], context.undefined, ...handles))
    })
  }

  /** Runs some of what promises have put off. `hasMore` says whether something is left; an error came of a job that was cut off. */
  pump(): { readonly hasMore: boolean; readonly error?: string } {
    return this.#guard(() => {
      const { error } = this.#runtime.executePendingJobs(256)
      return {
        hasMore: this.#runtime.hasPendingJob(),
        ...(error ? { error: this.#describe(error) } : {}),
      }
    })
  }

  #finish(result: ReturnType<QuickJSContext['callFunction']>): string | undefined {
    return result.error ? this.#describe(result.error) : undefined
  }

  /** Of an error only what cannot run code: getters of a job's own making are not asked. */
  #describe(error: QuickJSHandle): string {
    const context = this.#context
    const field = (name: string) => {
      const value = context.getProp(error, name)
      return context.typeof(value) === 'string' ? context.getString(value) : undefined
    }
    return JSON.stringify({ name: field('name'), message: field('message') ?? '', stack: field('stack') })
  }

  #read(value: QuickJSHandle): string | number | undefined {
    const type = this.#context.typeof(value)
    if (type === 'string') return this.#context.getString(value)
    return type === 'number' ? this.#context.getNumber(value) : undefined
  }

  #heapEnd(): number {
    const { heapEndAt } = this.#layout
    const { byteLength } = this.#memory.buffer
    return heapEndAt === undefined ? byteLength : new Uint32Array(this.#memory.buffer, heapEndAt, 1)[0]!
  }

  #guard<T>(enter: () => T): T {
    try {
      return enter()
    } catch (cause) {
      throw new BrokenRealm('The engine broke down', { cause })
    }
  }
}

const PAGE = 65_536

/** What the engine takes before there is a job: of its memory the greater part is its stack. */
const INITIAL_PAGES = 256

/**
 * The bound on memory is one on the memory of the machine itself: QuickJS in WebAssembly cannot tell how large its blocks
 * are, and its own limit counts only their number.
 */
async function newEngine(maxMemoryBytes: number): Promise<QuickJSWASMModule> {
  const [{ newQuickJSWASMModuleFromVariant, newVariant }, { default: variant }] = await Promise.all([
    import('quickjs-emscripten-core'),
    import('@jitl/quickjs-wasmfile-release-sync'),
  ])
  const maximum = INITIAL_PAGES + Math.ceil(maxMemoryBytes / PAGE)
  const wasmMemory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum })
  return newQuickJSWASMModuleFromVariant(newVariant(variant, { wasmMemory }))
}

/**
 * The memory of the engine is, from below: static data, a stack of some megabytes that grows down, the heap that grows
 * up. Where they meet is not told, so an engine that is not used for anything else is looked at.
 */
function findLayout(engine: QuickJSWASMModule): Layout {
  const { buffer } = engine.getWasmMemory()
  const words = new Uint32Array(buffer)
  const isEmpty = (page: number) => {
    const from = (page * PAGE) / 4
    for (let at = from; at < from + PAGE / 4; at++) if (words[at] !== 0) return false
    return true
  }
  let page = 0
  while (!isEmpty(page)) page++
  // One page more than has anything in it: static data that is zero at first.
  const lowEnd = (page + 1) * PAGE
  while (isEmpty(page)) page++
  const heapStart = page * PAGE
  const before = words.slice(0, lowEnd / 4)
  const context = engine.newContext()
  context.newString('x'.repeat(4 * PAGE))
  let heapEndAt: number | undefined
  for (let at = 0; at < before.length; at++) {
    const value = words[at]!
    const isAddress = value !== before[at] && value > heapStart && value <= buffer.byteLength
    if (isAddress && value > (heapEndAt === undefined ? 0 : words[heapEndAt / 4]!)) heapEndAt = at * 4
  }
  return { lowEnd, heapStart, heapEndAt }
}
