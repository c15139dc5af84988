import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const run = promisify(execFile)
const fixture = fileURLToPath(new URL('fixtures/stop-and-exit.ts', import.meta.url))

describe('a process whose runtime was stopped', () => {
  it('exits by itself, with nothing left that keeps it alive', async () => {
    const { stdout } = await run(process.execPath, ['--import', 'tsx', fixture], { timeout: 100_000 })
    expect(stdout.trim().split('\n')).toEqual(['3 runs', 'service cleaned up', 'stopped'])
  })
})
