import { afterAll, describe, expect, it } from 'vitest'
import run, { openNodeEngine } from 'busline/plan/node'
import { compareVersions } from '../../../src/plan/node/compare-versions.js'
import { runJob } from '../sandbox/run-job.js'
import { moduleFolder } from './fixtures.js'

const { folder, write, install } = moduleFolder()
const dependencies = Object.fromEntries(
  ['9.0.0', '10.0.0', '10.1.0-rc.1'].map((version) => [install('acme', version), version]),
)
write('package.json', { dependencies })
const file = write('lib.mjs', 'export const hello = () => "hello"\n')

describe.each(['engine', 'thread'] as const)('imports of job text, isolation %s', (isolation) => {
  const opened = openNodeEngine({ isolation, maxWorkers: 1 })
  afterAll(async () => (await opened).close())
  const importing = async (source: string, linker: object) => {
    const text = { linker }
    return runJob(await opened, source, {}, {}, text)
  }
  const versionOf = "import { version } from 'acme'\nexport default [() => ({ version })]"

  it('takes the newest version of the repo, by the order of versions', async () => {
    const outcome = await importing(versionOf, { repo: folder })
    expect(outcome).toEqual({ ok: true, state: { version: '10.1.0-rc.1' } })
  })

  it('takes the version that is asked for, and no other', async () => {
    const wanted = (version: string) => importing(versionOf, { repo: folder, modules: { acme: { version } } })
    expect(await wanted('9.0.0')).toEqual({ ok: true, state: { version: '9.0.0' } })
    expect(await wanted('8.0.0')).toMatchObject({
      fault: { kind: 'import', message: expect.stringContaining('in version 8.0.0') as string },
    })
  })

  it('takes a module by its path', async () => {
    const source = "import { hello } from 'lib'\nexport default [async () => ({ said: await hello() })]"
    expect(await importing(source, { modules: { lib: { path: file } } })).toEqual({
      ok: true,
      state: { said: 'hello' },
    })
  })

  it('looks into node_modules only when that is allowed', async () => {
    const source = "import mitt from 'mitt'\nexport default [() => ({ type: typeof mitt })]"
    expect(await importing(source, {})).toMatchObject({ fault: { kind: 'import' } })
    expect(await importing(source, { allowNodeModules: true })).toEqual({
      ok: true,
      state: { type: 'function' },
    })
  })

  it.each([
    ['node:fs', 'Cannot import "node:fs": node: modules are forbidden'],
    ['../secret.js', 'no relative paths'],
    ['acme/../../secret', 'no relative paths'],
    ['/etc/passwd', 'no relative paths'],
    ['nowhere', 'Cannot import "nowhere"'],
  ])('refuses %s', async (specifier, message) => {
    const source = `import * as it from '${specifier}'\nexport default []`
    const outcome = await importing(source, { repo: folder, allowNodeModules: true })
    expect(outcome).toMatchObject({ fault: { kind: 'import' } })
    expect(outcome.ok || outcome.fault.message).toContain(message)
  })

  it('shares the state of modules between jobs of one cacheKey, and not with another', async () => {
    const source = "import { next } from 'acme'\nexport default [async () => ({ n: await next() })]"
    const count = async (cacheKey: string) => (await importing(source, { repo: folder, cacheKey })).state
    expect(await count(`${isolation}-1`)).toEqual({ n: 1 })
    expect(await count(`${isolation}-1`)).toEqual({ n: 2 })
    expect(await count(`${isolation}-2`)).toEqual({ n: 1 })
  })
})

describe('run() of busline/plan/node', () => {
  it('runs job text without a flag of Node, in both isolations', async () => {
    expect(process.execArgv.join(' ')).not.toContain('vm-modules')
    for (const isolation of ['engine', 'thread'] as const) {
      const result = await run('export default [(s) => ({ ...s, n: 1 })]', { data: {} }, { isolation })
      expect(result).toEqual({ data: {}, n: 1 })
    }
  })

  it('rejects with ImportError for what may not be imported', async () => {
    await expect(run("import 'node:fs'\nexport default []")).rejects.toMatchObject({
      name: 'ImportError',
      message: 'Cannot import "node:fs": node: modules are forbidden',
    })
  })
})

describe('compareVersions()', () => {
  it('orders by numbers, pre-releases before their release', () => {
    const versions = [
      '10.0.0',
      '9.0.0',
      '10.0.0-rc.10',
      '10.0.0-rc.2',
      '10.0.0-alpha',
      'main',
      '2.10.0',
      '2.9.9',
    ]
    expect(versions.sort(compareVersions)).toEqual([
      'main',
      '2.9.9',
      '2.10.0',
      '9.0.0',
      '10.0.0-alpha',
      '10.0.0-rc.2',
      '10.0.0-rc.10',
      '10.0.0',
    ])
  })
})
