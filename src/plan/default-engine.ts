import type { JobEngine } from './job-engine.js'

let shared: Promise<JobEngine> | undefined

/**
 * The engine of plans that were given none: JavaScript of its own, in WebAssembly. Loaded when the first job text or
 * condition text asks for it, then shared by all of them; an engine that could not be opened is asked for again.
 */
export function defaultEngine(): Promise<JobEngine> {
  shared ??= openEngine().catch((error: unknown) => {
    shared = undefined
    throw error
  })
  return shared
}

async function openEngine(): Promise<JobEngine> {
  const { openJobEngine } = await import('./sandbox/open-job-engine.js')
  return openJobEngine({})
}
