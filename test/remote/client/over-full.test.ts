import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { RemoteWorker } from 'busline/remote/client'
import { quietLogger } from '../quiet-logger.js'
import { until } from '../raw-client.js'

it('a worker that a server gives far more than it takes answers each, in order, also what fails at once', async () => {
  const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => void sockets.close())
  await once(sockets, 'listening')
  const answered: unknown[] = []
  sockets.on('connection', (socket: WebSocket) => {
    const ack = { type: 'worker_registration_ack', success: true, sessionId: 's', protocol: 2 }
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as { type: string; requestId?: string }
      if (message.type === 'worker_registration') socket.send(JSON.stringify(ack))
      if (message.type === 'task_result') answered.push(message.requestId)
    })
  })
  const { port } = sockets.address() as AddressInfo
  let open: () => void = () => {}
  const gate = new Promise<void>((resolve) => (open = resolve))
  const worker = new RemoteWorker({
    url: `ws://127.0.0.1:${port}`,
    maxConcurrentRequests: 1,
    tasks: { wait: () => gate },
    logger: quietLogger(),
  })
  onTestFinished(() => worker.stop())
  await worker.start()
  const [socket] = sockets.clients
  const ids = Array.from({ length: 3000 }, (_, index) => `r-${index}`)
  for (const [index, requestId] of ids.entries()) {
    const task = index === 0 ? 'wait' : 'unknown'
    socket!.send(
      JSON.stringify({ type: 'task_request', requestId, task, idempotencyKey: requestId, attempt: 1 }),
    )
  }
  await until(() => worker.activeRequests === 3000, 'all are there')
  open()
  await until(() => worker.activeRequests === 0 && answered.length >= 3000, 'all are answered')
  expect(answered).toEqual(ids)
})
