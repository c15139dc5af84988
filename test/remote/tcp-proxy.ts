import { type Socket, connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

/** A piece of network between a worker and the server, which can go wrong. */
export interface TcpProxy {
  readonly url: string
  /** From now on nothing gets through and nobody is told: a peer that vanished without FIN. */
  freeze(): void
  /** Ends every connection, without a farewell. */
  cut(): void
  close(): Promise<void>
}

export async function openTcpProxy(port: number, { bytesPerWrite = Infinity } = {}): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let isFrozen = false
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (data: Buffer) => {
        if (isFrozen) return
        for (let at = 0; at < data.length; at += Math.min(bytesPerWrite, data.length)) {
          to.write(data.subarray(at, at + Math.min(bytesPerWrite, data.length)))
        }
      })
      from.on('error', () => undefined)
      from.on('close', () => {
        sockets.delete(from)
        if (!isFrozen) to.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    freeze: () => (isFrozen = true),
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
