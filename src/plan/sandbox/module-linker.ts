import { SystemError } from '../../core/system-error.js'
import type { LinkedModule, LinkerOptions } from '../linker-options.js'

/** Where the modules of `path`, `repo` and `node_modules` come from; without one there are only `exports`. */
export type FindModule = (specifier: string, linker: LinkerOptions) => Promise<FoundModule>

export type FoundModule =
  /** The file that is the module, as a URL, under which its like is loaded once. */
  { readonly url: string } | { readonly exports: Readonly<Record<string, unknown>> }

/** A module may not be imported, or cannot be; the message says which and why. */
export class LinkFault extends Error {}

/** Decides what the imports of a job are: by the allow-list, then by `modules`, then by whoever knows the disk. */
export async function linkModule(
  specifier: string,
  linker: LinkerOptions,
  find: FindModule | undefined,
): Promise<FoundModule> {
  if (/^node:/.test(specifier)) {
    throw new LinkFault(`Cannot import "${specifier}": node: modules are forbidden`)
  }
  const { whitelist } = linker
  if (whitelist && !isAllowed(specifier, whitelist)) {
    throw new LinkFault(`Cannot import "${specifier}": the whitelist of the linker does not allow it`)
  }
  const module = linkedModule(specifier, linker)
  if (module?.exports) return { exports: module.exports }
  if (find) return find(specifier, linker)
  const isPath = module?.path !== undefined || linker.repo !== undefined || linker.allowNodeModules === true
  throw new LinkFault(
    isPath
      ? `Cannot import "${specifier}": modules on disk need run() of busline/plan/node`
      : `Cannot import "${specifier}": give its exports as linker.modules["${specifier}"]`,
  )
}

export function linkedModule(specifier: string, { modules }: LinkerOptions): LinkedModule | undefined {
  return modules && Object.hasOwn(modules, specifier) ? modules[specifier] : undefined
}

function isAllowed(specifier: string, whitelist: readonly (RegExp | string)[]): boolean {
  return whitelist.some((entry) => toPattern(entry).test(specifier))
}

/** A pattern without a memory of where it last matched. */
function toPattern(entry: RegExp | string): RegExp {
  if (entry instanceof RegExp) return new RegExp(entry.source, entry.flags.replace(/[gy]/g, ''))
  const [, source, flags] = /^\/(.*)\/([a-z]*)$/s.exec(entry) ?? []
  try {
    return source === undefined ? new RegExp(entry) : new RegExp(source, flags!.replace(/[gy]/g, ''))
  } catch (cause) {
    throw new SystemError(
      'VALIDATION',
      `Cannot read "${entry}" in linker.whitelist as a regular expression`,
      {
        cause,
        context: { path: 'linker.whitelist' },
      },
    )
  }
}
