import { describe, expect, it, onTestFinished } from 'vitest'
import { remoteExecutor } from 'busline/remote'
import { runCli, startCli } from '../../cli/run-cli.js'
import { openServer } from '../open-server.js'
import { until, urlOf } from '../raw-client.js'
import { stepTask, taskControl } from '../step-task.js'

const TASKS = 'test/remote/fixtures/tasks.mjs'

describe('busline worker serve and join', () => {
  it('meet with a token, and end in order on SIGTERM', async () => {
    const env = { BUSLINE_WORKER_TOKEN: 'secret' }
    const server = startCli(['worker', 'serve', 'test/remote/fixtures/greeter.mjs', '--port', '0'], { env })
    const [url] = await server.prints(/ws:\/\/127\.0\.0\.1:\d+/)
    const stranger = startCli(['worker', 'join', url, TASKS])
    expect(await stranger.ended).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the token is wrong'),
    })
    const worker = startCli(['worker', 'join', url, TASKS, '--id', 'w-1', '--name', 'First'], { env })
    await worker.prints(/connected/)
    await server.prints(/\+ First \(w-1\)/)
    await server.prints(/sent 1/)
    const health = await fetch(`${url.replace('ws', 'http')}/health`)
    expect(await health.json()).toMatchObject({ status: 'ok', workers: { available: 1 } })
    worker.child.kill('SIGTERM')
    expect((await worker.ended).code).toBe(0)
    await server.prints(/- w-1, 0 requests in hand/)
    server.child.kill('SIGTERM')
    expect((await server.ended).code).toBe(0)
  })

  it('a worker that is asked to end finishes what it has', async () => {
    const server = await openServer()
    const executor = remoteExecutor(server)
    onTestFinished(() => executor.close())
    const worker = startCli(['worker', 'join', urlOf(server), TASKS])
    await worker.prints(/connected/)
    expect(await executor.execute(stepTask('greet', 'you'), taskControl())).toBe('Hello, you')
    const slow = executor.execute(stepTask('slow', 300), taskControl())
    await until(() => executor.status().running === 1, 'it is in hand')
    worker.child.kill('SIGTERM')
    expect(await slow).toBe('done')
    expect((await worker.ended).code).toBe(0)
  })

  it('say what is wrong with their arguments', async () => {
    expect(await runCli(['worker', 'join', 'ws://127.0.0.1:1'])).toMatchObject({ code: 2 })
    expect(await runCli(['worker', 'serve', '--port', 'x'])).toMatchObject({ code: 2 })
    expect(await runCli(['worker', 'serve', '--host', '0.0.0.0'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('needs an "authToken"'),
    })
  })
})
