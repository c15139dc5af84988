import { type ErrorCode, SystemError, describe, isSystemError } from '../core/system-error.js'
import type { Artifact } from './artifact.js'

/**
 * An artifact, who asked for it first, who asked for that one, and so on. A requester that failed while this one goes
 * on may be asked for by it in turn, so the chain can come round: it ends there.
 */
export function requesters(artifact: Artifact): Set<Artifact> {
  const chain = new Set<Artifact>()
  for (let each: Artifact | undefined = artifact; each && !chain.has(each); each = each.requestedBy) {
    chain.add(each)
  }
  return chain
}

/** The services that asked for one another until `artifact` was asked for, in that order, `artifact` included. */
export function requestPath(artifact: Artifact): string[] {
  return [...requesters(artifact)].map(({ label }) => label).reverse()
}

/** An error about one service; with the path that led to it, when it was another service that asked. */
export function serviceError(
  code: ErrorCode,
  artifact: Artifact,
  reason: string,
  options: { cause?: unknown } = {},
): SystemError {
  const path = requestPath(artifact)
  const via = path.length > 1 ? ` (${path.join(' -> ')})` : ''
  return containerError(code, `Cannot build service "${artifact.label}"${via}: ${reason}`, path, options)
}

export function containerError(
  code: ErrorCode,
  message: string,
  path: readonly string[],
  options: { cause?: unknown } = {},
): SystemError {
  const error = new SystemError(code, message, { ...options, context: { service: path.at(-1), path } })
  CONTAINER_ERRORS.add(error)
  return error
}

const CONTAINER_ERRORS = new WeakSet<SystemError>()

/** Whether a container made it: such an error passes through the services that depend on the faulty one as it is. */
export function isContainerError(error: unknown): error is SystemError {
  return isSystemError(error) && CONTAINER_ERRORS.has(error)
}

export function buildFailed(artifact: Artifact, cause: unknown): SystemError {
  return serviceError('EXECUTION_FAILED', artifact, describe(cause), { cause })
}

export function givenUp(artifact: Artifact): SystemError {
  const message = `Cannot go on building service "${artifact.label}": the build was given up`
  return containerError('ABORTED', message, [artifact.label])
}
