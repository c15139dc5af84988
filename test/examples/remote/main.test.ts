import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))

it('the example with three workers that are killed does every picture', async () => {
  const args = ['--import', 'tsx', 'examples/remote/main.ts', '60']
  // What waits for ever is ended, and fails the test by its code.
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
    cwd: root,
    timeout: 240_000,
  })
  expect(stdout).toContain('60 pictures done')
  expect(stdout).toContain('kill ada')
  expect(stdout).toMatch(/- \w+, with \d+ requests in hand/)
  expect(stderr).toBe('')
}, 300_000)

it('its workers end with it when it is killed', async () => {
  const args = ['--import', 'tsx', 'examples/remote/main.ts', '100000']
  const main = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  let told = ''
  await new Promise<void>((resolve) => {
    main.stdout.on('data', (data: Buffer) => {
      told += data.toString('utf8')
      if (['ada', 'grace', 'edith'].every((id) => told.includes(`+ ${id}`))) resolve()
    })
  })
  // The workers write where it does: that is closed when the last of them has ended.
  const closed = once(main, 'close')
  main.kill('SIGKILL')
  await closed
}, 120_000)

describe('a number of pictures that is none', () => {
  it.each(['x', '0', '-5', '1.5', '', '1e400'])(
    'such as "%s" is refused, and nothing is started',
    async (count) => {
      const args = ['--import', 'tsx', 'examples/remote/main.ts', count]
      const run = promisify(execFile)(process.execPath, args, { cwd: root, timeout: 60_000 })
      await expect(run).rejects.toMatchObject({
        code: 2,
        stdout: '',
        stderr: `PICTURES must be a whole number from 1, such as 60: it is "${count}"\n`,
      })
    },
    120_000,
  )
})
