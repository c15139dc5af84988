import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))

it('the example with three workers that are killed does every picture', async () => {
  const args = ['--import', 'tsx', 'examples/remote/main.ts', '60']
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: root })
  expect(stdout).toContain('60 pictures done')
  expect(stdout).toContain('kill ada')
  expect(stdout).toMatch(/- \w+, with \d+ requests in hand/)
  expect(stderr).toBe('')
}, 300_000)
