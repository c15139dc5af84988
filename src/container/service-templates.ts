import type { Issue } from '../core/system-error.js'
import {
  type AnyTemplate,
  type ServiceFactory,
  type ServiceOptions,
  validateTemplate,
} from './artifact-template.js'
import type { ServiceMap } from './dependencies.js'
import { assertNoIssues } from './registration.js'

/** A service as a field of `services`: its factory with options. */
export interface ServiceDefinition<Value = unknown> extends ServiceOptions {
  readonly factory: ServiceFactory<Value>
}

/** Services by key, as workflows and runtimes take them: a factory, or a factory with options. */
export type ServiceDefinitions<Services extends ServiceMap = Record<string, unknown>> = {
  readonly [Key in keyof Services]: ServiceFactory<Services[Key]> | ServiceDefinition<Services[Key]>
}

/** What `services` of a workflow or a runtime may be. */
export type ServicesInput = ServiceDefinitions | readonly AnyTemplate[]

/** The services that definitions make, by key: `ServicesOf<typeof services>`. */
export type ServicesOf<Definitions> = {
  [Key in keyof Definitions]: FactoryOf<Definitions[Key]> extends (context: never) => infer Made
    ? Awaited<Made>
    : never
}

type FactoryOf<Definition> = Definition extends { readonly factory: infer Factory } ? Factory : Definition

/**
 * The templates of what was given as `services`.
 *
 * @param at Where it stands, for the paths of issues.
 * @throws {SystemError} `VALIDATION` whose `context.issues` lists every fault with its path.
 */
export function serviceTemplates(services: ServicesInput | undefined, at = 'services'): AnyTemplate[] {
  const { templates, issues } = readServices(services, at)
  assertNoIssues(issues, 'Cannot read services')
  return templates
}

/** Like `serviceTemplates`, for those who collect issues. */
export function readServices(
  services: unknown,
  at = 'services',
): { readonly templates: AnyTemplate[]; readonly issues: Issue[] } {
  if (services === undefined) return { templates: [], issues: [] }
  if (typeof services !== 'object' || services === null) {
    return {
      templates: [],
      issues: [{ path: at, message: 'must be an object of factories, or an array of templates' }],
    }
  }
  const entries: [string, unknown][] = Array.isArray(services)
    ? services.map((template: unknown, index) => [`${at}.${index}`, template])
    : Object.entries(services).map(([key, definition]) => [`${at}.${key}`, toTemplate(key, definition)])
  const issues = entries.flatMap(([path, template]) => validateTemplate(template, path))
  return {
    templates: issues.length > 0 ? [] : entries.map(([, template]) => template as AnyTemplate),
    issues,
  }
}

function toTemplate(key: string, definition: unknown): unknown {
  if (typeof definition === 'function') return { key, factory: definition }
  return typeof definition === 'object' && definition !== null ? { ...definition, key } : definition
}
