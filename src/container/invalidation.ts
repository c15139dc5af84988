import type { Artifact } from './artifact.js'
import type { Build } from './build.js'
import type { InvalidationCause } from './container-events.js'

/**
 * Gives up the instances of `roots` and of everything that was built from them, in whichever container it lives.
 * That happens at once; the promise resolves when they are cleaned up, dependents first, and those that are eager or
 * observed are built again. Never rejects.
 */
export async function invalidate(
  roots: Iterable<Artifact>,
  cause: InvalidationCause,
  { rebuild = true } = {},
): Promise<void> {
  const given = new Set(roots)
  const affected = withDependents(given).filter(
    ({ build, pending }) => build !== undefined || pending !== undefined,
  )
  const builds = affected.flatMap((artifact) => artifact.giveUp() ?? [])
  // Begun after the events are told, and known before: who hears one and asks again waits for the clean-up.
  const hasClosing = builds.some((build) => build.needsClosing)
  if (hasClosing) {
    const closing = Promise.resolve().then(() => closeInOrder(builds))
    for (const artifact of affected) artifact.closeAfter(closing)
  }
  for (const artifact of affected) {
    const why = given.has(artifact) ? cause : 'dependency'
    artifact.home.emit('artifact:invalidated', { cause: why, ...artifact.facts })
  }
  if (!hasClosing) void closeInOrder(builds)
  // The roots too when there was nothing to give up: a clean-up may be under way, and one that failed is tried again.
  await Promise.all(
    [...new Set([...given, ...affected])].map((artifact) =>
      Promise.all([artifact.closing, rebuild && isWanted(artifact) ? rebuildQuietly(artifact) : undefined]),
    ),
  )
}

/**
 * Closes builds that were given up, in the reverse order of their creation, one after the other. Returns nothing when
 * there is nothing to wait for.
 */
export function closeInOrder(builds: readonly Build[], isFinal = false): Promise<void> | undefined {
  const sorted = [...builds].sort((left, right) =>
    left.order === right.order ? 0 : right.order - left.order,
  )
  if (!sorted.some((build) => build.needsClosing)) {
    for (const build of sorted) {
      build.closeAtOnce()
      announce(build, [])
    }
    return undefined
  }
  const together = new Set(sorted)
  return (async () => {
    for (const build of sorted) {
      // A factory that is still at work after its first value, a stream, may have its clean-up in a `finally`.
      announce(build, await build.close(isFinal || build.wasReady, together))
    }
  })()
}

function announce(build: Build, errors: Awaited<ReturnType<Build['close']>>): void {
  const { artifact } = build
  artifact.home.release(artifact)
  if (build.wasReady) artifact.home.emit('artifact:disposed', { errors, ...artifact.facts })
}

/** With everything that was built from them, and the transient services that only these hold. */
function withDependents(roots: ReadonlySet<Artifact>): Artifact[] {
  const found = new Set(roots)
  // A set may grow while it is walked: that makes it the work list too, and no depth is too deep.
  for (const artifact of found) {
    for (const dependent of artifact.dependents) found.add(dependent)
    for (const dep of artifact.build?.deps ?? []) if (dep.isTransient) found.add(dep)
  }
  return [...found]
}

function isWanted(artifact: Artifact): boolean {
  const { template, observers, home, isTransient, isDisplaced } = artifact
  if (home.isDisposed || isTransient) return false
  return observers.size > 0 || (template.lazy === false && !isDisplaced)
}

/** The fault is in the event `build:error`; nobody asked, so nobody is told otherwise. */
export async function rebuildQuietly(artifact: Artifact): Promise<void> {
  try {
    await artifact.obtain()
  } catch (error) {
    const { home, label } = artifact
    if (!home.isDisposed) home.logger.error(`Service "${label}" of the ${home.label} was not built`, error)
  }
}
