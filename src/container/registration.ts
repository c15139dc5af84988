import { type Issue, SystemError } from '../core/system-error.js'
import { type AnyTemplate, validateTemplate } from './artifact-template.js'
import { containerError } from './container-errors.js'
import { type ContainerScope, cyclic } from './container-scope.js'
import { findPath } from './dependency-cycle.js'

/** Keys that the runtime provides itself. */
export const RESERVED_KEYS: readonly string[] = ['__pause_service__', '__env__']

/** Adds all templates, or throws and adds none. */
export function addTemplates(
  scope: ContainerScope,
  templates: readonly AnyTemplate[],
): readonly AnyTemplate[] {
  if (scope.isDisposed) {
    throw new SystemError('UNAVAILABLE', `Cannot register services in ${scope.label}: it was disposed of`)
  }
  const issues = templates.flatMap((template, index) =>
    validateTemplate(template, templates.length === 1 ? '' : String(index)),
  )
  assertNoIssues(issues, `Cannot register services in ${scope.label}`)
  const added = new Map<string, AnyTemplate>()
  for (const template of templates) {
    const { key } = template
    if (RESERVED_KEYS.includes(key)) throw duplicate(key, scope, 'the id is reserved')
    if (added.has(key) || scope.templates.has(key)) throw duplicate(key, scope, 'the id is taken')
    added.set(key, template)
  }
  // Only templates of the same container can close a cycle: look-ups go outwards.
  const needsOf = (key: string): readonly string[] =>
    (added.get(key) ?? scope.templates.get(key))?.needs ?? []
  for (const { key, needs = [] } of templates) {
    for (const need of needs) {
      const path = findPath(need, key, needsOf)
      if (path) throw cyclic([key, ...path])
    }
  }
  for (const template of templates) {
    scope.add(template)
    scope.emit('artifact:registered', { key: template.key, container: scope.label })
  }
  return templates
}

/** The first key listed in `needs` that nothing is registered under. */
export function findUnmetNeed(scope: ContainerScope): SystemError | undefined {
  for (const { key, needs = [] } of scope.templates.values()) {
    for (const need of needs) {
      if (RESERVED_KEYS.includes(need) || scope.ownerOf(need)) continue
      const message = `Cannot find service "${need}" (${key} -> ${need}): it is not registered in ${scope.label}`
      return containerError('NOT_FOUND', message, [key, need])
    }
  }
  return undefined
}

/** @throws {SystemError} `VALIDATION` with the issues, when there are some. */
export function assertNoIssues(issues: readonly Issue[], what: string): void {
  const [first] = issues
  if (!first) return
  const fault = first.path === '' ? first.message : `"${first.path}" ${first.message}`
  throw new SystemError('VALIDATION', `${what}: ${fault}`, { context: { issues } })
}

function duplicate(key: string, scope: ContainerScope, reason: string): SystemError {
  return containerError('DUPLICATE_KEY', `Cannot register service "${key}" in ${scope.label}: ${reason}`, [
    key,
  ])
}
