/**
 * The public interface as text, a page per entry point under `docs/api/`, made from the built declarations: so a change of
 * the interface shows in review. `npm run api` after a build fails when a page no longer fits; `npm run api -- --write`
 * writes them anew.
 */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  ExtractorMessageCategory,
} from '@microsoft/api-extractor'
import { entries } from '../vite.config.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const pages = join(root, 'docs/api')
const isWriting = process.argv.includes('--write')
const scratch = mkdtempSync(join(tmpdir(), 'busline-api-'))

try {
  const wanted = new Map<string, string>()
  for (const entry of Object.keys(entries)) wanted.set(pageOf(entry), report(entry))
  const stale = isWriting ? write(wanted) : compare(wanted)
  if (stale.length > 0) {
    console.error(
      `The public interface has changed: ${stale.join(', ')}. Run \`npm run api -- --write\`, look at what changed, say it in CHANGELOG.md, and commit both`,
    )
    process.exitCode = 1
  } else {
    const outcome = isWriting ? 'is written to docs/api/' : 'is as docs/api/ says'
    console.log(`The public interface of ${wanted.size} entry points ${outcome}.`)
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

/** `storage/sqlite/index` is told of in `storage-sqlite.api.md`, the root in `index.api.md`. */
function pageOf(entry: string): string {
  return `${entry === 'index' ? 'index' : entry.replace(/\/index$/, '').replaceAll('/', '-')}.api.md`
}

function report(entry: string): string {
  const name = pageOf(entry)
  const config = ExtractorConfig.prepare({
    configObjectFullPath: join(root, 'package.json'),
    packageJsonFullPath: join(root, 'package.json'),
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(root, `dist/${entry}.d.ts`),
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'ES2022',
            module: 'esnext',
            moduleResolution: 'bundler',
            lib: ['ES2023', 'DOM', 'DOM.Iterable', 'ESNext.Disposable'],
            types: ['node'],
            strict: true,
            skipLibCheck: true,
          },
          files: [join(root, `dist/${entry}.d.ts`)],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: name,
        reportFolder: scratch,
        reportTempFolder: scratch,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        // Release tags and the finer points of doc comments are not what the report is for.
        extractorMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  })
  const result = Extractor.invoke(config, {
    localBuild: true,
    showVerboseMessages: false,
    messageCallback: (message) => {
      // Its console talk; faults are counted in the result.
      if (message.category !== ExtractorMessageCategory.Compiler) message.handled = true
    },
  })
  if (result.errorCount > 0) throw new Error(`Cannot read the declarations of ${entry}: build first`)
  return readFileSync(join(scratch, name), 'utf8').replaceAll('\r\n', '\n')
}

function write(wanted: ReadonlyMap<string, string>): readonly string[] {
  rmSync(pages, { recursive: true, force: true })
  mkdirSync(pages, { recursive: true })
  for (const [name, text] of wanted) writeFileSync(join(pages, name), text)
  return []
}

function compare(wanted: ReadonlyMap<string, string>): readonly string[] {
  const kept = new Map(
    readdirSync(pages)
      .filter((name) => name.endsWith('.api.md'))
      .map((name) => [name, readFileSync(join(pages, name), 'utf8')]),
  )
  const names = [...new Set([...wanted.keys(), ...kept.keys()])]
  return names.filter((name) => wanted.get(name) !== kept.get(name))
}
