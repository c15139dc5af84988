import type { AnyTemplate } from './artifact-template.js'
import type { ContainerScope } from './container-scope.js'
import { rebuildQuietly } from './invalidation.js'

/** Builds services that nobody has asked for, in the next turn: what they need may be registered after them. */
export function buildEager(scope: ContainerScope, templates: readonly AnyTemplate[]): void {
  if (templates.length === 0) return
  queueMicrotask(() => {
    if (scope.isDisposed) return
    for (const { key } of templates) void rebuildQuietly(scope.find(key, undefined))
  })
}

/** All templates whose services a container builds by itself. */
export function eagerTemplates(scope: ContainerScope): AnyTemplate[] {
  return [...scope.templates.values()].filter(isEager).concat(eagerRunTemplates(scope))
}

/** Whether a service is built where it is registered, rather than in each run. */
export function isEager(template: AnyTemplate): boolean {
  return template.lazy === false && (template.scope ?? 'workflow') === 'workflow'
}

/** The eager services of a run; none for a container that is not one. */
export function eagerRunTemplates(scope: ContainerScope): AnyTemplate[] {
  const templates: AnyTemplate[] = []
  if (!scope.isRun) return templates
  for (let each: ContainerScope | undefined = scope; each; each = each.parent) {
    for (const template of each.eagerRunTemplates) {
      if (scope.ownerOf(template.key) === each) templates.push(template)
    }
  }
  return templates
}
