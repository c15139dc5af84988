import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openServer } from '../open-server.js'
import { registerRaw, registration, until } from '../raw-client.js'

const UPGRADE = [
  'GET / HTTP/1.1',
  'Host: 127.0.0.1',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  '\r\n',
].join('\r\n')

/** A text frame as a client sends it, masked with zeros. */
function frame(message: unknown): Buffer {
  const payload = Buffer.from(JSON.stringify(message))
  const head = Buffer.from([0x81, 0x80 | 126, payload.length >> 8, payload.length & 0xff, 0, 0, 0, 0])
  return Buffer.concat([head, payload])
}

/** A peer that speaks bytes. */
async function dial(
  port: number,
): Promise<{ socket: Socket; heard: () => string; closed: Promise<unknown> }> {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  onTestFinished(() => void socket.destroy())
  let heard = ''
  socket.on('data', (bytes: Buffer) => (heard += bytes.toString('latin1')))
  socket.on('error', () => undefined)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  await once(socket, 'connect')
  return { socket, heard: () => heard, closed }
}

/** Sends byte by byte, each on its own, for as long as anybody takes them. @returns how many were sent. */
async function trickle(socket: Socket, bytes: Buffer, everyMs: number): Promise<number> {
  for (let index = 0; index < bytes.length; index++) {
    if (socket.destroyed || !socket.writable) return index
    socket.write(bytes.subarray(index, index + 1))
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
  return bytes.length
}

describe('a peer that sends byte by byte', () => {
  it('is understood when it comes to an end in time, and others wait for nothing meanwhile', async () => {
    const server = await openServer()
    const slow = await dial(server.port!)
    const done = trickle(slow.socket, Buffer.concat([Buffer.from(UPGRADE), frame(registration('slow'))]), 1)
    const honest = await registerRaw(server, 'honest')
    honest.send({ type: 'heartbeat', workerId: 'honest', timestamp: 't' })
    await honest.next('heartbeat_ack')
    await done
    await until(() => slow.heard().includes('"success":true'), 'it has registered')
    expect(server.getWorkerCount()).toBe(2)
  })

  it('is turned away when the time to register is over before its registration is', async () => {
    const server = await openServer({ registrationTimeoutMs: 300 })
    const honest = await registerRaw(server, 'honest')
    const slow = await dial(server.port!)
    slow.socket.write(UPGRADE)
    await until(() => slow.heard().includes('101 Switching Protocols'), 'it is let in')
    const bytes = frame(registration('slow', { padding: 'x'.repeat(20_000) }))
    expect(await trickle(slow.socket, bytes, 5)).toBeLessThan(bytes.length)
    await slow.closed
    expect(server.getWorkerInfo().map(({ id }) => id)).toEqual(['honest'])
    expect(server.status()).toMatchObject({ connections: 1, unregistered: 0 })
    honest.send({ type: 'heartbeat', workerId: 'honest', timestamp: 't' })
    await honest.next('heartbeat_ack')
  })
})

describe('a handshake that never ends', () => {
  it('is closed when the time to register is over, whether it trickles or is silent; others are let in', async () => {
    const server = await openServer({ registrationTimeoutMs: 300 })
    const [half, silent, trickling] = await Promise.all(
      Array.from({ length: 3 }, () => dial(server.port!)) as [
        ReturnType<typeof dial>,
        ReturnType<typeof dial>,
        ReturnType<typeof dial>,
      ],
    )
    half.socket.write(UPGRADE.slice(0, 60))
    const endless = Buffer.from(`GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-More: ${'x'.repeat(20_000)}`)
    const sent = trickle(trickling.socket, endless, 5)
    await registerRaw(server, 'honest')
    await Promise.all([half.closed, silent.closed, trickling.closed])
    expect(await sent).toBeLessThan(endless.length)
    for (const { heard } of [half, trickling]) expect(heard()).not.toContain('101')
    expect(server.getWorkerInfo().map(({ id }) => id)).toEqual(['honest'])
    expect(server.status()).toMatchObject({ connections: 1, unregistered: 0 })
  })

  it('does not hold up a stop', async () => {
    const server = await openServer()
    const peer = await dial(server.port!)
    peer.socket.write(UPGRADE.slice(0, 60))
    await server.stop()
    await peer.closed
    expect(server.state).toBe('stopped')
  })
})
