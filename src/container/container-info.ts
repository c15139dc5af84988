import type { Artifact } from './artifact.js'
import type { ServiceScope } from './artifact-template.js'
import type { ContainerScope } from './container-scope.js'

/** One instance, or the place for one, in `debugInfo()`. */
export interface ArtifactInfo {
  /** The key, with the params if there are some: `user({"id":7})`. */
  readonly key: string
  readonly scope: ServiceScope
  readonly status: 'idle' | 'building' | 'ready'
  readonly dependencies: readonly string[]
  readonly dependents: readonly string[]
  readonly observers: number
}

/** A container in `debugInfo()`. Plain data, and no values. */
export interface ContainerInfo {
  readonly container: string
  readonly isDisposed: boolean
  readonly artifacts: readonly ArtifactInfo[]
  readonly children: readonly ContainerInfo[]
}

export function describeScope(scope: ContainerScope): ContainerInfo {
  const artifacts = [...scope.artifacts()].map(describeArtifact)
  for (const [key, template] of scope.templates) {
    if (scope.places.has(key)) continue
    const nothing = { dependencies: [], dependents: [], observers: 0 }
    artifacts.push({ key, scope: template.scope ?? 'workflow', status: 'idle', ...nothing })
  }
  return {
    container: scope.label,
    isDisposed: scope.isDisposed,
    artifacts: artifacts.sort((left, right) => (left.key < right.key ? -1 : 1)),
    children: [...scope.children].map(describeScope),
  }
}

function describeArtifact(artifact: Artifact): ArtifactInfo {
  const labels = (others: Iterable<Artifact> = []): string[] => [...others].map(({ label }) => label)
  return {
    key: artifact.label,
    scope: artifact.template.scope ?? 'workflow',
    status: artifact.ready ? 'ready' : artifact.pending ? 'building' : 'idle',
    dependencies: labels(artifact.build?.deps),
    dependents: labels(artifact.dependents),
    observers: artifact.observers.size,
  }
}
