import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const run = promisify(execFile)
const cwd = fileURLToPath(new URL('../../..', import.meta.url))

async function runExample(client: string): Promise<readonly string[]> {
  const args = ['--import', 'tsx', `examples/workers/clients/${client}.ts`]
  const { stdout } = await run(process.execPath, args, { cwd, timeout: 100_000 })
  return stdout.trim().split('\n')
}

describe('the sample clients of workers', () => {
  it('spreads sixteen runners over four threads, and counts every iteration', async () => {
    expect(await runExample('many-runners')).toEqual([
      '16 runners on 4 threads',
      '16 runners completed',
      '400 iterations, 1200 requests, 24 errors',
      'p99 below ten seconds: true',
      '16 in the archive',
    ])
  })

  it('changes a runner while it runs', async () => {
    expect(await runExample('change-while-running')).toEqual([
      'initializing → running by start',
      'running → paused by pause',
      'paused → paused by execute',
      'paused → running by resume',
      'running → running by update',
      'running → completed by exhausted',
      'completed with options of revision 2 after 200 iterations',
    ])
  })
})
