/**
 * `npx tsx examples/webhooks/inspect.ts FILE` serves the inspector on the runs in a file, as `busline inspect` does, from
 * a clone that nobody has built: the script of the page is put together in memory. Nothing is written.
 */
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { inspectRuns } from '../../src/cli/commands/inspect.js'
import { BadUsage, Failure } from '../../src/cli/failure.js'
import { isSystemError } from '../../src/core/system-error.js'

async function bundlePage(): Promise<string> {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const results = [
    await build({ root, mode: 'inspector-page', logLevel: 'warn', build: { write: false } }),
  ].flat()
  const scripts = results
    .flatMap((result) => ('output' in result ? result.output : []))
    .flatMap((file) => (file.type === 'chunk' ? [file.code] : []))
  if (scripts.length !== 1) throw new Error(`The inspector page is ${scripts.length} scripts: it must be one`)
  return scripts[0]!
}

try {
  // Begun at once, so that whoever opens the page does not wait for it.
  const page = bundlePage()
  process.exitCode = await inspectRuns(process.argv[2], { script: () => page })
} catch (error) {
  if (!(error instanceof BadUsage || error instanceof Failure || isSystemError(error))) throw error
  console.error(error.message)
  process.exitCode = error instanceof BadUsage ? 2 : 1
}
