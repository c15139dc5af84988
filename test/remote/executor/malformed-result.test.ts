import { describe, expect, it, onTestFinished } from 'vitest'
import { remoteExecutor } from 'busline/remote'
import { openServer } from '../open-server.js'
import { registerRaw } from '../raw-client.js'
import { stepTask, taskControl } from '../step-task.js'

/** A worker that was written by somebody else, with one request in hand. */
async function openWithRequest() {
  const server = await openServer()
  const executor = remoteExecutor(server)
  onTestFinished(() => executor.close())
  const worker = await registerRaw(server, 'w-1', { protocol: 2 }, { tasks: ['work'] })
  const given = executor.execute(stepTask('work'), taskControl())
  given.catch(() => undefined)
  const { requestId } = await worker.next('task_request')
  return { server, executor, worker, given, requestId: requestId as string }
}

describe('a result that is malformed', () => {
  it.each([
    ['has no "ok"', 'ok', { value: 1 }],
    ['has an "ok" that is a text', 'ok', { ok: 'true', value: 1 }],
    ['has a text for its error', 'error', { ok: false, error: 'no' }],
    ['has an error without a message', 'error.message', { ok: false, error: { name: 'Error' } }],
    ['counts its chunks in words', 'chunks', { ok: true, chunks: 'two' }],
  ])('as it %s fails its request at once, by the field', async (_what, path, result) => {
    const { server, worker, given, requestId } = await openWithRequest()
    worker.send({ type: 'task_result', requestId, ...result })
    await expect(given).rejects.toMatchObject({
      code: 'VALIDATION',
      message: expect.stringContaining(`"${path}"`) as string,
      context: { workerId: 'w-1', path },
    })
    expect(await worker.next('error')).toMatchObject({ code: 'INVALID_MESSAGE', path })
    expect(server.getWorkerInfo()).toMatchObject([{ activeRequests: 0, completedRequests: 0 }])
    expect(server.status().counters).toMatchObject({ malformedMessages: 1, requestsFailed: 1 })
  })

  it('as it has the reserved key fails its request at once, by its path', async () => {
    const { worker, given, requestId } = await openWithRequest()
    worker.send(`{"type":"task_result","requestId":"${requestId}","ok":true,"value":{"__proto__":{"a":1}}}`)
    await expect(given).rejects.toMatchObject({
      code: 'VALIDATION',
      context: { workerId: 'w-1', path: 'value.__proto__' },
    })
    expect(await worker.next('error')).toMatchObject({ code: 'INVALID_MESSAGE', path: 'value.__proto__' })
  })

  it('leaves a place for the next request, and what is said of the failed one afterwards changes nothing', async () => {
    const { server, executor, worker, requestId } = await openWithRequest()
    worker.send({ type: 'task_result', requestId })
    worker.send({ type: 'task_result', requestId, ok: true, value: 'late' })
    const next = executor.execute(stepTask('work'), taskControl())
    const request = await worker.next('task_request')
    worker.send({ type: 'task_result', requestId: request['requestId'], ok: true, value: 'next' })
    expect(await next).toBe('next')
    expect(server.status().counters.strayMessages).toBe(1)
  })

  it('fails no request of another worker', async () => {
    const { server, worker, given, requestId } = await openWithRequest()
    const other = await registerRaw(server, 'w-2', { protocol: 2 }, { tasks: ['other'] })
    other.send({ type: 'task_result', requestId })
    other.send(`{"type":"task_result","requestId":"${requestId}","ok":true,"value":{"__proto__":1}}`)
    await other.next('error')
    await other.next('error')
    worker.send({ type: 'task_result', requestId, ok: true, value: 'mine' })
    expect(await given).toBe('mine')
  })

  it('of a request that nobody waits for any more gives its slot back', async () => {
    const { server, executor, worker } = await openWithRequest()
    const controller = new AbortController()
    const aborted = executor.execute(stepTask('work'), taskControl({ signal: controller.signal }))
    const { requestId } = await worker.next('task_request')
    controller.abort(new Error('not wanted'))
    await expect(aborted).rejects.toThrow('not wanted')
    await worker.next('task_cancel')
    worker.send({ type: 'task_result', requestId })
    await worker.next('error')
    expect(server.getWorkerInfo()).toMatchObject([{ activeRequests: 1 }])
  })

  it('without the id of a request is told to its worker, and concerns no request', async () => {
    const { worker, given, requestId } = await openWithRequest()
    worker.send({ type: 'task_result', ok: true, value: 1 })
    expect(await worker.next('error')).toMatchObject({ path: 'requestId' })
    worker.send({ type: 'task_result', requestId, ok: true, value: 2 })
    expect(await given).toBe(2)
  })
})
