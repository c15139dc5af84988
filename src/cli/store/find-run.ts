import type { RunTimelineMeta, TimelineStore } from '../../timeline/timeline-store.js'
import { Failure } from '../failure.js'

/** How many candidates a message names. */
const MOST_NAMED = 5

/**
 * The one run whose id is, or begins with, `prefix`.
 *
 * @throws {Failure} When there is none, or there are several.
 */
export async function findRun(store: TimelineStore, prefix: string): Promise<RunTimelineMeta> {
  const exact = await store.getRunMeta(prefix)
  if (exact) return exact
  const found: RunTimelineMeta[] = []
  for await (const meta of allRuns(store)) if (meta.runId.startsWith(prefix)) found.push(meta)
  if (found.length === 1) return found[0]!
  if (found.length === 0) throw new Failure(`There is no run "${prefix}" in this store`)
  const named = found.slice(0, MOST_NAMED).map(({ runId }) => `\n  ${runId}`)
  const more = found.length > MOST_NAMED ? `\n  … and ${found.length - MOST_NAMED} more` : ''
  throw new Failure(`"${prefix}" is not one run: ${found.length} begin with it${named.join('')}${more}`)
}

/** All runs, the newest first. */
async function* allRuns(store: TimelineStore): AsyncGenerator<RunTimelineMeta> {
  let cursor: string | undefined
  do {
    const page = await store.listRuns({ limit: 1000, ...(cursor === undefined ? {} : { cursor }) })
    yield* page.runs
    cursor = page.cursor
  } while (cursor !== undefined)
}
