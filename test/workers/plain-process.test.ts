import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { WorkerManager } from 'busline/workers'
import { nodeHost } from 'busline/workers/node'
import { expect, it } from 'vitest'
import { bundleScript } from './fixtures/bundle-script.js'
import { silent } from './hosts/host-kit.js'

const run = promisify(execFile)

it('a process whose manager is closed ends by itself: no thread, port or timer is left', async () => {
  const [main, worker] = [await bundleScript('plain-main.ts'), await bundleScript('node-worker.ts')]
  try {
    const { stdout, stderr } = await run(process.execPath, [fileURLToPath(main.url), worker.url.href], {
      timeout: 100_000,
    })
    expect(JSON.parse(stdout)).toEqual(['completed', 'error', 'terminated'])
    expect(stderr).toBe('')
  } finally {
    main.remove()
    worker.remove()
  }
})

it('a script in TypeScript runs on a thread that can read it', async () => {
  const script = new URL('./fixtures/typescript-worker.mjs', import.meta.url)
  const manager = new WorkerManager({
    host: nodeHost(script),
    logger: silent,
  })
  try {
    const runner = await manager.addRunner({ testType: 'count', executionProfile: { iterations: 3 } })
    await runner.start()
    expect((await runner.ended()).telemetrySnapshots.at(-1)).toMatchObject({ iterationCount: 3 })
  } finally {
    await manager.close()
  }
})

it('a thread whose first message is not the handshake ends with an error that names the command', async () => {
  const script = await bundleScript('node-worker.ts')
  const thread = new Worker(script.url)
  try {
    const ended = new Promise<{ error: unknown; exitCode: number }>((resolve) => {
      let error: unknown
      thread.on('error', (thrown) => (error = thrown))
      thread.on('exit', (exitCode) => resolve({ error, exitCode }))
    })
    thread.postMessage({ v: 1, id: 1, command: 'getRunners', payload: {} })
    const { error, exitCode } = await ended
    expect(exitCode).toBe(1)
    expect((error as Error).message).toContain(
      'must be its handshake: "command" must be messagePort: it is getRunners',
    )
  } finally {
    await thread.terminate()
    script.remove()
  }
})
