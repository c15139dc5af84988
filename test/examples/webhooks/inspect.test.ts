import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { inspectionCommands } from '../../../examples/webhooks/inspection-commands.js'
import { startScript } from '../../cli/run-cli.js'
import { runMain } from './run-main.js'

const folder = mkdtempSync(join(tmpdir(), 'busline-inspect-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('what the main job offers to look at its runs', () => {
  it('is the command "busline" where it was built', () => {
    expect(inspectionCommands('a.db', true)).toEqual([
      'npx busline inspect --store a.db',
      'npx busline runs --store a.db',
    ])
  })

  it('serves the inspector from a clone that was not built', async () => {
    const store = join(folder, 'runs.db')
    const { code, stderr } = await runMain(['--seed', '7', '--store', store])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [npx, tsx, script, ...args] = inspectionCommands(store, false)[0]!.split(' ')
    expect([npx, tsx]).toEqual(['npx', 'tsx'])
    const started = startScript(script!, args)
    const [url] = await started.prints(/http:\/\/127\.0\.0\.1:\d+\//)
    expect(await (await fetch(`${url}api/runs`)).json()).toMatchObject({ runs: { length: 50 } })
    expect(await (await fetch(url)).text()).toContain('src="inspector.js"')
    const page = await fetch(`${url}inspector.js`)
    expect({ status: page.status, type: page.headers.get('content-type') }).toEqual({
      status: 200,
      type: 'text/javascript; charset=utf-8',
    })
    expect(await page.text()).toContain('busline-inspector')
    started.child.kill('SIGINT')
    expect(await started.ended).toMatchObject({ code: 0, stderr: '' })
  })

  it('says what is wrong without a file', async () => {
    const { code, stderr } = await startScript('examples/webhooks/inspect.ts', []).ended
    expect({ code, stderr }).toEqual({ code: 2, stderr: '--store must name a file\n' })
  })
})
