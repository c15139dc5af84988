import { expect, test } from 'vitest'
import { ArtifactContainer } from '../../src/container/artifact-container.js'
import { readServices, serviceTemplates } from '../../src/container/service-templates.js'

test('a field is a factory, or a factory with options', async () => {
  const container = new ArtifactContainer().register(
    serviceTemplates({
      id: { scope: 'transient', factory: () => Symbol() },
      db: async () => 'up',
    }),
  )
  expect(await container.require('db')).toBe('up')
  expect(await container.require('id')).not.toBe(await container.require('id'))
})

test('an array of templates stands for itself, and nothing for nothing', () => {
  const templates = [{ key: 'db', factory: () => 1 }]
  expect(serviceTemplates(templates)).toEqual(templates)
  expect(serviceTemplates(undefined)).toEqual([])
  expect(serviceTemplates({})).toEqual([])
})

test('every fault is listed with the path at which it stands', () => {
  const services = {
    db: { connection: 'not a factory' },
    cache: 7,
    mailer: null,
    api: { factory: () => 1, scope: 'singleton', timeout: '5 minutes' },
    fine: () => 1,
  }
  expect(readServices(services, 'workflow.services')).toEqual({
    templates: [],
    issues: [
      { path: 'workflow.services.db.factory', message: 'must be a function that builds the service' },
      { path: 'workflow.services.cache', message: 'must be an object with a factory' },
      { path: 'workflow.services.mailer', message: 'must be an object with a factory' },
      { path: 'workflow.services.api.scope', message: 'must be one of workflow, run, transient' },
      { path: 'workflow.services.api.timeout', message: 'must be a duration' },
    ],
  })
  expect(() => serviceTemplates({ cache: 7 } as never)).toThrow(
    'Cannot read services: "services.cache" must be an object with a factory',
  )
  expect(readServices('db').issues).toEqual([
    { path: 'services', message: 'must be an object of factories, or an array of templates' },
  ])
  expect(readServices([{ factory: () => 1 }]).issues).toMatchObject([{ path: 'services.0.key' }])
})

test.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])(
  '%s is a key like any other',
  async (key) => {
    const services: unknown = JSON.parse(`{ ${JSON.stringify(key)}: {} }`)
    Object.defineProperty(services, key, { value: () => 'mine', enumerable: true })
    const container = new ArtifactContainer()
    expect((await container.resolve(key)).ok).toBe(false)
    container.register(serviceTemplates(services as never))
    expect(await container.require(key)).toBe('mine')
  },
)
