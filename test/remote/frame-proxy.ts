import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'

export interface FrameProxyOptions {
  /** From 0 to below 1; decides what goes wrong when. */
  readonly random: () => number
  /** The longest delay of a frame, milliseconds; frames of one connection stay in order. */
  readonly maxDelayMs?: number
  /** How likely a frame is to arrive twice. */
  readonly duplicates?: number
  /** How likely the connection is to be cut at a frame, which is lost with all that are under way. */
  readonly cuts?: number
}

export interface FrameProxy {
  readonly url: string
  readonly counts: { frames: number; duplicates: number; cuts: number }
  /** Cuts every connection now. */
  cut(): void
  /** From now on nothing goes wrong. */
  heal(): void
  close(): Promise<void>
}

/** A faulty way between workers and a server, frame by frame: delays, duplicates, cuts; reorders by what cuts lead to. */
export async function openFrameProxy(target: string, options: FrameProxyOptions): Promise<FrameProxy> {
  const { random, maxDelayMs = 0, duplicates = 0, cuts = 0 } = options
  const counts = { frames: 0, duplicates: 0, cuts: 0 }
  const sockets = new Set<WebSocket>()
  let isHealed = false
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  server.on('connection', (near) => {
    const far = new WebSocket(target)
    const early: string[] = []
    const end = () => {
      near.terminate()
      far.terminate()
    }
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
    }
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      const line: string[] = []
      let isMoving = false
      const move = () => {
        const text = line.shift()
        if (text === undefined) {
          isMoving = false
          return
        }
        isMoving = true
        const deliver = () => {
          if (!isHealed && random() < cuts) {
            counts.cuts++
            return end()
          }
          const times = !isHealed && random() < duplicates ? 2 : 1
          if (times === 2) counts.duplicates++
          for (let n = 0; n < times; n++) {
            if (to.readyState === WebSocket.OPEN) to.send(text)
            else if (to === far && to.readyState === WebSocket.CONNECTING) early.push(text)
          }
          move()
        }
        const delayMs = isHealed ? 0 : Math.floor(random() * (maxDelayMs + 1))
        if (delayMs > 0) setTimeout(deliver, delayMs)
        else setImmediate(deliver)
      }
      from.on('message', (data: Buffer) => {
        counts.frames++
        line.push(data.toString('utf8'))
        if (!isMoving) move()
      })
      from.on('close', (code, reason) => {
        sockets.delete(from)
        if (code === 1000 || code === 1001 || code >= 4000) to.close(code, reason.toString('utf8'))
        else to.terminate()
      })
    }
    far.on('open', () => {
      for (const text of early.splice(0)) far.send(text)
    })
  })
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    counts,
    cut: () => {
      counts.cuts++
      for (const socket of [...sockets]) socket.terminate()
    },
    heal: () => void (isHealed = true),
    close: () => {
      for (const socket of [...sockets]) socket.terminate()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** Chance that can be repeated: mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
