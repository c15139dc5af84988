import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const program = fileURLToPath(new URL('./fixtures/killed-process.ts', import.meta.url))

/** Runs the program, and kills it with SIGKILL as soon as it has accepted all that it was told to. */
function run(...args: readonly (string | number)[]): Promise<NodeJS.Signals | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', program, ...args.map(String)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    child.on('message', () => child.kill('SIGKILL'))
    child.on('error', reject)
    child.on('exit', (_code, signal) => resolve(signal))
  })
}

describe('what the README promises of kill -9', () => {
  it('loses nothing that was accepted, repeats no committed stage, and keeps the order', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'busline-survival-'))
    try {
      // Three lives that end in the middle of everything, and a last one.
      for (const [first, last] of [
        [1, 3],
        [4, 25],
        [26, 40],
      ] as const) {
        expect(await run('accept', folder, first, last)).toBe('SIGKILL')
      }
      expect(await run('finish', folder)).toBe(null)
      checkLog(readFileSync(join(folder, 'log'), 'utf8'))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

function checkLog(text: string): void {
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' '))
  const of = (deed: string) => lines.filter(([what]) => what === deed)
  const numbers = (deed: string) => [...new Set(of(deed).map(([, n]) => Number(n)))]
  const all = Array.from({ length: 40 }, (_, index) => index + 1)

  expect(numbers('accepted')).toEqual(all)
  expect(numbers('ask')).toEqual(all)
  expect(numbers('ship')).toEqual(all)
  for (const n of all) {
    const deeds = lines.filter(([what, which]) => what !== 'accepted' && which === String(n))
    // Once a later step has begun the earlier stage has committed, and is not executed again.
    const order = deeds.map(([what]) => ['ask', 'work', 'ship'].indexOf(what!))
    expect(order).toEqual([...order].sort())
    // What was cut off is executed again as a later attempt, under the same key. A life may have ended before it began.
    for (const what of ['ask', 'work', 'ship']) {
      const executions = deeds.filter(([each]) => each === what)
      const attempts = executions.map(([, , attempt]) => Number(attempt))
      expect(attempts).toEqual([...new Set(attempts)].sort((left, right) => left - right))
      expect(new Set(executions.map(([, , , key]) => key)).size).toBe(1)
    }
  }
}
