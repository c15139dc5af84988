import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const INSTALLED = '/usr/lib/postgresql'
const START_TIMEOUT_MS = 30_000
const INSTALL_TIMEOUT_MS = 180_000

/** A PostgreSQL server of its own, in a temporary folder, reached by a socket in it. */
export interface PostgresServer {
  /** @param searchPath The schema to work in. */
  connectionString(searchPath?: string): string
  /** Ends it as a crash would. */
  kill(): Promise<void>
  /** Starts it again after a kill. */
  restart(): Promise<void>
  /** Stops it and removes its folder. */
  remove(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Where `initdb` and `postgres` are; as root on Debian they are installed first. `undefined` when they are not to be had. */
export function findPostgres(): string | undefined {
  if (!existsSync(INSTALLED) && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    const install = ['install', '-y', '--no-install-recommends', 'postgresql']
    const options = {
      timeout: INSTALL_TIMEOUT_MS,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }
    if (spawnSync('apt-get', install, options).status !== 0) {
      spawnSync('apt-get', ['update'], options)
      spawnSync('apt-get', install, options)
    }
  }
  if (!existsSync(INSTALLED)) return undefined
  const newest = readdirSync(INSTALLED)
    .sort((one, other) => Number(one) - Number(other))
    .at(-1)
  const folder = join(INSTALLED, newest ?? '', 'bin')
  return existsSync(join(folder, 'initdb')) ? folder : undefined
}

/** Makes and starts a server with the settings it comes with; rejects when that takes too long. */
export async function startPostgres(binaries: string): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'busline-postgres-'))
  const user = serverUser()
  if (user) chownSync(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  execFileSync(
    join(binaries, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'],
    {
      ...user,
      cwd: folder,
      stdio: 'pipe',
      timeout: START_TIMEOUT_MS,
    },
  )
  let server = await start(binaries, data, folder, user)
  const remove = async () => {
    await stop(server, 'SIGINT')
    rmSync(folder, { recursive: true, force: true })
  }
  return {
    connectionString(searchPath = 'public') {
      const host = encodeURIComponent(folder)
      return `postgresql://postgres@/postgres?host=${host}&options=${encodeURIComponent(`-csearch_path=${searchPath}`)}`
    },
    kill: () => stop(server, 'SIGKILL'),
    async restart() {
      server = await startAgain(binaries, data, folder, user)
    },
    remove,
    [Symbol.asyncDispose]: remove,
  }
}

type User = { readonly uid: number; readonly gid: number }

/** PostgreSQL refuses to run as root. */
function serverUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

function start(
  binaries: string,
  data: string,
  folder: string,
  user: User | undefined,
): Promise<ChildProcess> {
  const options = ['-D', data, '-k', folder, '-c', 'listen_addresses=']
  const server = spawn(join(binaries, 'postgres'), options, { ...user, cwd: folder, stdio: 'pipe' })
  // A test run that is broken off must not leave it behind.
  const end = () => server.kill('SIGKILL')
  process.once('exit', end)
  server.once('exit', () => process.off('exit', end))
  return new Promise((resolve, reject) => {
    let output = ''
    const fail = () => {
      server.kill('SIGKILL')
      reject(new Error(`PostgreSQL did not start: ${output}`))
    }
    const timer = setTimeout(fail, START_TIMEOUT_MS)
    server.once('exit', fail)
    server.stderr?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      if (!output.includes('ready to accept connections')) return
      clearTimeout(timer)
      server.removeListener('exit', fail)
      resolve(server)
    })
  })
}

/** After a kill: its children notice that it is gone when they get to it, and it does not start before they have left. */
async function startAgain(...place: Parameters<typeof start>): Promise<ChildProcess> {
  const giveUpAt = Date.now() + START_TIMEOUT_MS
  for (;;) {
    try {
      return await start(...place)
    } catch (error) {
      if (!String(error).includes('still in use') || Date.now() > giveUpAt) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function stop(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    server.once('exit', () => resolve())
    server.kill(signal)
  })
}
