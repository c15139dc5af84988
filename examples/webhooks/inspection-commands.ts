import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** What to type to look at the runs in a file: the command `busline` where it was built, its source where it was not. */
export function inspectionCommands(file: string, isBuilt = hasBeenBuilt()): readonly string[] {
  if (isBuilt) return [`npx busline inspect --store ${file}`, `npx busline runs --store ${file}`]
  return [`npx tsx examples/webhooks/inspect.ts ${file}`, `npx tsx src/cli/main.ts runs --store ${file}`]
}

function hasBeenBuilt(): boolean {
  return ['cli/main.js', 'inspector/page.js'].every((name) =>
    existsSync(fileURLToPath(new URL(`../../dist/${name}`, import.meta.url))),
  )
}
