import { afterAll, describe, expect, it } from 'vitest'
import { openNodeEngine } from 'busline/plan/node'
import { runJob } from '../sandbox/run-job.js'
import { moduleFolder } from './fixtures.js'

const { folder, write, install } = moduleFolder()
write('package.json', { dependencies: { [install('acme', '1.0.0')]: '1.0.0' } })
const failing = write('failing.mjs', "export const fail = () => { throw new Error('Down') }\n")
const engine = await openNodeEngine({ isolation: 'thread', maxWorkers: 1 })
afterAll(() => engine.close())

describe('job text on a thread', () => {
  it('uses real modules, whose functions take and give functions', async () => {
    const source = "import { fn } from 'acme'\nexport default [fn((state) => ({ n: state.n + 1 }))]"
    expect(await runJob(engine, source, { n: 1 }, {}, { linker: { repo: folder } })).toEqual({
      ok: true,
      state: { n: 2 },
    })
  })

  it('is in a context of its own for each run', async () => {
    const source =
      'globalThis.count = (globalThis.count ?? 0) + 1\nexport default [() => ({ count: globalThis.count })]'
    for (let run = 0; run < 2; run++) {
      expect(await runJob(engine, source)).toEqual({ ok: true, state: { count: 1 } })
    }
  })

  it('is stopped when it is busy, and another thread takes its place', async () => {
    const outcome = await runJob(engine, 'export default [() => { for (;;); }]', {}, { timeoutMs: 200 })
    expect(outcome).toMatchObject({ ok: false, fault: { kind: 'timeout' } })
    expect(await runJob(engine, 'export default [() => ({ ok: 1 })]')).toEqual({ ok: true, state: { ok: 1 } })
  })

  it('is ended when its signal fires', async () => {
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 50)
    const outcome = await runJob(
      engine,
      'export default [() => { for (;;); }]',
      {},
      { signal: controller.signal, timeoutMs: Infinity },
    )
    expect(outcome).toMatchObject({ ok: false, fault: { kind: 'aborted' } })
  })

  it('is ended when it uses up the memory of the thread', async () => {
    const small = await openNodeEngine({ isolation: 'thread', maxWorkers: 1, maxMemoryBytes: 32 * 2 ** 20 })
    const source = 'export default [() => { const a = []; for (;;) a.push(new Array(1000).fill(a.length)) }]'
    expect(await runJob(small, source, {}, { timeoutMs: 60_000 })).toMatchObject({
      ok: false,
      fault: { kind: 'memory' },
    })
    await small.close()
  })

  it('tells where an error was thrown, and whether a module threw it', async () => {
    const own = await runJob(engine, "export default [(state) => {\n  throw new TypeError('No')\n}]")
    expect(own).toMatchObject({ fault: { thrown: { type: 'TypeError' }, position: { line: 2, column: 9 } } })
    const source = "import { fail } from 'failing'\nexport default [() => fail()]"
    const linker = { modules: { failing: { path: failing } } }
    const sourceMap = { version: 3, mappings: '', operations: [{ line: 1, name: 'fail' }] }
    expect(await runJob(engine, source, {}, {}, { linker })).toMatchObject({
      fault: { message: 'Down', thrown: { fromModule: true } },
    })
    const direct = "import { fail } from 'failing'\nexport default [fail]"
    expect(await runJob(engine, direct, {}, {}, { linker, sourceMap })).toMatchObject({
      fault: { operationName: 'fail' },
    })
  })

  it('tells where text is no JavaScript, and refuses code from text', async () => {
    expect(await runJob(engine, 'const a = 1\nconst b = = 2')).toMatchObject({
      fault: { kind: 'syntax', position: { line: 2 } },
    })
    expect(await runJob(engine, "export default [() => eval('1')]")).toMatchObject({
      fault: { kind: 'security' },
    })
  })

  it('knows every form of import and export', async () => {
    const source = `import * as acme from 'acme'
import { version as v, fn as wrap } from 'acme'
export { version } from 'acme'
export const [one, { two }] = [1, { two: 2 }]
export function three() { return 3 }
export class Four {}
const all = { v, namespace: acme.version, one, two, three: three(), four: new Four() instanceof Four }
export default /* the job */
  [wrap(() => all)]`
    expect(await runJob(engine, source, {}, {}, { linker: { repo: folder } })).toEqual({
      ok: true,
      state: { v: '1.0.0', namespace: '1.0.0', one: 1, two: 2, three: 3, four: true },
    })
  })
})
