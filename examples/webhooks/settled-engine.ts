import type { JobEngine, LoadResult } from 'busline/plan'
import { openNodeEngine } from 'busline/plan/node'

/**
 * An engine for job text that says when it is done. It works on a thread, in real time, of which simulated time must know
 * nothing: time stands still until `settled()`.
 */
export class SettledEngine implements JobEngine {
  #opening: Promise<JobEngine> | undefined
  #pending = new Set<Promise<unknown>>()

  get isBusy(): boolean {
    return this.#pending.size > 0
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#pending)
  }

  load(job: Parameters<JobEngine['load']>[0]): ReturnType<JobEngine['load']> {
    return this.#busy(async (engine) =>
      mapLoaded(await engine.load(job), (loaded) => ({
        run: (state, options) => this.#busy(() => loaded.run(state, options)),
        dispose: () => loaded.dispose(),
      })),
    )
  }

  compileCondition(
    condition: Parameters<JobEngine['compileCondition']>[0],
  ): ReturnType<JobEngine['compileCondition']> {
    return this.#busy(async (engine) =>
      mapLoaded(await engine.compileCondition(condition), (loaded) => ({
        evaluate: (state, from, options) => this.#busy(() => loaded.evaluate(state, from, options)),
        dispose: () => loaded.dispose(),
      })),
    )
  }

  async close(): Promise<void> {
    await (await this.#opening)?.close()
    this.#opening = undefined
  }

  #busy<Value>(work: (engine: JobEngine) => Promise<Value>): Promise<Value> {
    this.#opening ??= openNodeEngine()
    const working = this.#opening.then(work)
    this.#pending.add(working)
    const done = () => this.#pending.delete(working)
    working.then(done, done)
    return working
  }
}

function mapLoaded<Loaded>(result: LoadResult<Loaded>, map: (loaded: Loaded) => Loaded): LoadResult<Loaded> {
  return result.ok ? { ok: true, loaded: map(result.loaded) } : result
}
