import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import * as root from 'busline'
import { entries } from '../../vite.config.js'

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url))
const manifest = JSON.parse(readFileSync(path('package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
}

describe('the exports map of package.json', () => {
  it('has a subpath for each entry that is built, and none besides', () => {
    const built = Object.keys(entries).map((name) => name.replace(/(^|\/)index$/, ''))
    const wanted = built.map((name) => (name === '' ? '.' : `./${name}`))
    const exported = Object.keys(manifest.exports).filter((subpath) => subpath !== './package.json')
    expect(exported.sort()).toEqual(wanted.sort())
  })

  it('gives each subpath its declarations first and its module last', () => {
    for (const [subpath, target] of Object.entries(manifest.exports)) {
      if (subpath === './package.json') continue
      const base = subpath === '.' ? './dist/index' : `./dist/${subpath.slice(2)}/index`
      expect(Object.entries(target)).toEqual([
        ['types', `${base}.d.ts`],
        ['default', `${base}.js`],
      ])
    }
  })

  it('builds each entry from the folder of its name', () => {
    for (const [name, source] of Object.entries(entries)) {
      expect(source).toBe(`src/${name}.ts`)
      expect(existsSync(path(source)), source).toBe(true)
    }
  })
})

describe('the root entry', () => {
  // Whoever adds a name, or takes one away, changes what every application may import: see CHANGELOG.md.
  it('exports exactly these values', () => {
    expect(Object.keys(root).sort()).toEqual([
      'ArtifactContainer',
      'ERROR_CODES',
      'MemoryTimelineStore',
      'StoreRegistry',
      'SystemError',
      'TimelinePlayer',
      'WorkflowRuntime',
      'advance',
      'broadcastChannelBridge',
      'createEventBus',
      'definePipeline',
      'defineWorkflow',
      'formatAddress',
      'fromCloudEvent',
      'isSystemError',
      'jump',
      'jumpTo',
      'localExecutor',
      'memoryStorage',
      'pause',
      'reviveError',
      'serializeError',
      'systemClock',
      'terminate',
      'toCloudEvent',
      'toMs',
      'workflow',
    ])
  })
})
