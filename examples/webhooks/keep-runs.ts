import { existsSync } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { TimelineStore } from 'busline'
import { sqliteStorage } from 'busline/storage/sqlite'
import { StoredTimelineStore } from 'busline/timeline'
import { readRuns } from './timeline/pick-runs.js'

/**
 * Writes the timelines into a file, for `busline` to look at, and returns the commands that do. None where that cannot
 * be done, on a Node without SQLite, say: nobody needs the file to see what the example shows.
 */
export async function keepRuns(timelines: TimelineStore, seed: number): Promise<readonly string[]> {
  const file = `.busline/${seed}.db`
  // Under a name of its own until it is whole: two may be at it.
  const draft = `${file}.${process.pid}`
  try {
    const storage = sqliteStorage({ file: draft, synchronous: 'NORMAL' })
    try {
      await new StoredTimelineStore(storage).append(await readRuns(timelines))
    } finally {
      await storage.close()
    }
    // Whatever had not left the log would be lost with it.
    if (existsSync(`${draft}-wal`) && (await stat(`${draft}-wal`)).size > 0) return []
    await rename(draft, file)
    return commandsFor(file)
  } catch {
    return []
  } finally {
    for (const end of ['', '-wal', '-shm']) await rm(`${draft}${end}`, { force: true })
  }
}

function commandsFor(file: string): readonly string[] {
  const isBuilt = ['cli/main.js', 'inspector/page.js'].every((name) =>
    existsSync(fileURLToPath(new URL(`../../dist/${name}`, import.meta.url))),
  )
  if (isBuilt) return [`npx busline inspect --store ${file}`, `npx busline runs --store ${file}`]
  return [`npx tsx src/cli/main.ts runs --store ${file}`]
}
