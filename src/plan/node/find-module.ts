import { readFile, stat } from 'node:fs/promises'
import { isAbsolute, join, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { LinkerOptions } from '../linker-options.js'
import { type FindModule, LinkFault, type FoundModule, linkedModule } from '../sandbox/module-linker.js'
import { compareVersions } from './compare-versions.js'

/**
 * Finds what a job imports on disk: by an explicit path, in a repo of `name_version` folders, in the `node_modules` of
 * the application when that is allowed. The allow-list has been asked before.
 *
 * @param base Where relative paths and `node_modules` are looked for. @default the current folder
 */
export async function findOnDisk(
  specifier: string,
  linker: LinkerOptions,
  base = process.cwd(),
): Promise<{ readonly url: string }> {
  const file = await findFile(specifier, linker, base)
  const url = pathToFileURL(file)
  if (linker.cacheKey !== undefined) url.searchParams.set('cache', linker.cacheKey)
  return { url: url.href }
}

/** Finds modules on disk and imports them here, so that what they export can be bridged. */
export const importFromDisk: FindModule = async (specifier, linker): Promise<FoundModule> => {
  const { url } = await findOnDisk(specifier, linker)
  try {
    return { exports: { ...((await import(/* @vite-ignore */ url)) as Record<string, unknown>) } }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new LinkFault(`Cannot import "${specifier}": ${reason}`, { cause })
  }
}

async function findFile(specifier: string, linker: LinkerOptions, base: string): Promise<string> {
  const { repo, allowNodeModules, whitelist } = linker
  const module = linkedModule(specifier, linker)
  if (module?.path !== undefined) return entryOf(resolve(base, module.path), '.', specifier)
  // A path in the text itself is what the text wants, not what the application offers.
  if (isAbsolute(specifier) && specifier.endsWith('.js') && whitelist) return specifier
  const { name, subpath } = split(specifier)
  const looked: string[] = []
  if (repo !== undefined) {
    const folder = resolve(base, repo)
    const installed = await findInRepo(folder, name, module?.version ?? linkedModule(name, linker)?.version)
    if (installed) return entryOf(join(folder, 'node_modules', installed), subpath, specifier)
    const version = module?.version === undefined ? '' : ` in version ${module.version}`
    looked.push(`the repo ${repo} does not have it${version}`)
  }
  if (allowNodeModules) {
    const folder = await findInNodeModules(base, name)
    if (folder) return entryOf(folder, subpath, specifier)
    looked.push('no node_modules has it')
  }
  const reason = looked.length > 0 ? looked.join(', and ') : `name it in linker.modules, or give linker.repo`
  throw new LinkFault(`Cannot import "${specifier}": ${reason}`)
}

/** `@scope/name/sub/path` in its two parts. */
function split(specifier: string): { readonly name: string; readonly subpath: string } {
  const parts = specifier.split('/')
  const length = specifier.startsWith('@') ? 2 : 1
  const name = parts.slice(0, length).join('/')
  // No name leads out of the folder that it is looked for in.
  if (parts.some((part) => part === '..' || part === '.' || part === '')) {
    throw new LinkFault(`Cannot import "${specifier}": only modules by their name, no relative paths`)
  }
  return { name, subpath: ['.', ...parts.slice(length)].join('/') }
}

/** The key of the repo's dependencies that is the module in the version asked for, or in the newest. */
async function findInRepo(repo: string, name: string, version: string | undefined) {
  const { dependencies = {} } = (await readManifest(repo)) ?? {}
  const prefix = `${name}_`
  const versions = Object.keys(dependencies)
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length))
  const wanted =
    version === undefined || version === 'latest' ? versions.sort(compareVersions).at(-1) : version
  return wanted !== undefined && versions.includes(wanted) ? prefix + wanted : undefined
}

async function findInNodeModules(base: string, name: string): Promise<string | undefined> {
  const parts = resolve(base).split(sep)
  for (let length = parts.length; length > 0; length--) {
    const folder = join(parts.slice(0, length).join(sep) || sep, 'node_modules', name)
    if (await isThere(join(folder, 'package.json'))) return folder
  }
  return undefined
}

/** The file that is a module: what its package says, or the path itself. */
async function entryOf(path: string, subpath: string, specifier: string): Promise<string> {
  const info = await stat(path).catch(() => undefined)
  if (!info) throw new LinkFault(`Cannot import "${specifier}": there is nothing at ${path}`)
  if (info.isFile()) return path
  const { exports, main } = (await readManifest(path)) ?? {}
  const exported = exportOf(exports, subpath)
  const candidates =
    exported !== undefined
      ? [exported]
      : subpath === '.'
        ? [main ?? 'index.js', `${main ?? 'index'}.js`, join(main ?? '', 'index.js')]
        : exports === undefined
          ? [subpath, `${subpath}.js`]
          : []
  for (const candidate of candidates) {
    const file = join(path, candidate)
    if ((await stat(file).catch(() => undefined))?.isFile()) return file
  }
  throw new LinkFault(`Cannot import "${specifier}": its package.json names no entry for it`)
}

interface Manifest {
  readonly exports?: unknown
  readonly main?: string
  readonly dependencies?: Readonly<Record<string, string>>
}

async function readManifest(folder: string): Promise<Manifest | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest
  } catch {
    return undefined
  }
}

const CONDITIONS = ['node', 'import', 'module', 'default', 'require']

/** What an `exports` field says of a subpath, by the conditions of Node, without patterns. */
function exportOf(exports: unknown, subpath: string): string | undefined {
  if (typeof exports === 'string') return subpath === '.' ? exports : undefined
  if (Array.isArray(exports)) return exportOf(exports[0], subpath)
  if (typeof exports !== 'object' || exports === null) return undefined
  const map = exports as Readonly<Record<string, unknown>>
  if (Object.keys(map).some((key) => key.startsWith('.'))) {
    return Object.hasOwn(map, subpath) ? exportOf(map[subpath], '.') : undefined
  }
  if (subpath !== '.') return undefined
  const condition = Object.keys(map).find((key) => CONDITIONS.includes(key) && exportOf(map[key], '.'))
  return condition === undefined ? undefined : exportOf(map[condition], '.')
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
