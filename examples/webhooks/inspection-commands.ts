import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** What to type to look at the runs in a file. */
export function inspectionCommands(file: string): readonly string[] {
  const isBuilt = ['cli/main.js', 'inspector/page.js'].every((name) =>
    existsSync(fileURLToPath(new URL(`../../dist/${name}`, import.meta.url))),
  )
  if (isBuilt) return [`npx busline inspect --store ${file}`, `npx busline runs --store ${file}`]
  return [`npx tsx src/cli/main.ts runs --store ${file}`]
}
