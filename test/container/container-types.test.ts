import { expect, expectTypeOf, test } from 'vitest'
import { ArtifactContainer } from '../../src/container/artifact-container.js'
import type { FactoryContext } from '../../src/container/artifact-template.js'
import type { Dependencies } from '../../src/container/dependencies.js'
import { type ServicesOf, serviceTemplates } from '../../src/container/service-templates.js'
import type { Result } from '../../src/core/result.js'

interface Database {
  query(sql: string): string[]
}
const database: Database = { query: (sql) => [sql] }

test('what was registered has the type its factory returns', async () => {
  const container = new ArtifactContainer()
    .register({ key: 'db', factory: async () => database })
    .register({
      key: 'rows',
      factory: async ({ use }) => {
        const db = await use((deps) => deps.require('db'))
        expectTypeOf(db).toEqualTypeOf<Database>()
        return db.query('select')
      },
    })
    .register({
      key: 'user',
      factory: ({ params }: FactoryContext<{ id: number }>) => ({ name: `user ${params.id}` }),
    })
    .register<'price', number>({
      key: 'price',
      factory: ({ emit }: FactoryContext<unknown, number>) => emit(1),
    })
  // Never called: what matters is what compiles.
  const types = () => {
    expectTypeOf(container.require('db')).resolves.toEqualTypeOf<Database>()
    expectTypeOf(container.require('price')).resolves.toEqualTypeOf<number>()
    expectTypeOf(container.resolve('rows')).resolves.toEqualTypeOf<Result<string[]>>()
    expectTypeOf(container.peek('user', { id: 1 })).toEqualTypeOf<{ name: string } | undefined>()
    expectTypeOf(container.require('other')).resolves.toEqualTypeOf<unknown>()
    expectTypeOf(container.require<string>('other')).resolves.toEqualTypeOf<string>()
    container.watch('rows', (rows) => expectTypeOf(rows).toEqualTypeOf<string[]>())
    const deps = container.use((each) => each)
    expectTypeOf(deps.require('db')).resolves.toEqualTypeOf<Database>()
    expectTypeOf(container.scope('run').require('db')).resolves.toEqualTypeOf<Database>()
    expectTypeOf(ArtifactContainer.from(container.export()).require('db')).resolves.toEqualTypeOf<Database>()
  }
  expectTypeOf(types).returns.toBeVoid()
  expect(await container.require('rows')).toEqual(['select'])
  expect(await container.require('user', { id: 1 })).toEqual({ name: 'user 1' })
  expect(await container.resolve('other')).toMatchObject({ ok: false })
})

test('a container whose services are listed knows no other key, and no other type', async () => {
  const container = new ArtifactContainer<{ db: Database }>()
  // @ts-expect-error not in the list
  expect(await container.resolve('dbb')).toMatchObject({ ok: false })
  container.register({ key: 'db', factory: () => database })
  expectTypeOf(container.require('db')).resolves.toEqualTypeOf<Database>()
  // @ts-expect-error not the type in the list
  const wrong = () => container.register({ key: 'db', factory: () => 'not a database' })
  expect(wrong).toThrow('the id is taken')
  // @ts-expect-error not a scope
  expect(() => container.register({ key: 'x', scope: 'singleton', factory: () => 1 })).toThrow('one of')
  const anyContainer: ArtifactContainer = container as unknown as ArtifactContainer
  expect(anyContainer.peek('db')).toBeUndefined()
})

test('Dependencies without a list give what is asked for', () => {
  const check = (deps: Dependencies) => {
    expectTypeOf(deps.require<Database>('db')).resolves.toEqualTypeOf<Database>()
    expectTypeOf(deps.require('db')).resolves.toEqualTypeOf<unknown>()
    expectTypeOf(deps.select((state: { total: number }) => state.total)).toEqualTypeOf<number>()
  }
  expectTypeOf(check).parameter(0).toEqualTypeOf<Dependencies>()
})

test('definitions carry their types', async () => {
  const services = {
    db: () => database,
    mailer: { scope: 'run', factory: async () => ({ send: (to: string) => to.length }) },
  } as const
  type Services = ServicesOf<typeof services>
  expectTypeOf<Services>().toEqualTypeOf<{
    readonly db: Database
    readonly mailer: { send: (to: string) => number }
  }>()
  const container = new ArtifactContainer<Services>().register(serviceTemplates(services))
  expect((await container.require('mailer')).send('ada')).toBe(3)
})
