/** Calls `measure` with how to reach a Redis server of its own, which syncs its log before each answer, and reports what that resolves to. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { report } from '../stopwatch.mjs'

export async function withRedis(measure) {
  const folder = mkdtempSync(join(tmpdir(), 'busline-redis-'))
  const port = await freePort()
  const options = ['--bind', '127.0.0.1', '--port', port, '--dir', folder, '--save', '']
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction']
  const server = spawn('redis-server', [...options, ...durable].map(String), {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  server.on('error', () => {
    throw new Error('There is no Redis here: apt-get install redis-server')
  })
  try {
    await new Promise((resolve) => {
      let output = ''
      server.stdout.on('data', (chunk) => {
        if ((output += chunk).includes('Ready to accept connections')) resolve()
      })
    })
    report(await measure({ host: '127.0.0.1', port }))
  } finally {
    server.kill()
    await once(server, 'exit')
    rmSync(folder, { recursive: true, force: true })
  }
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  return port
}
