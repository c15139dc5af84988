import type { RunEnvironment, RunOrigin } from './run-environment.js'

/**
 * What the timeline of a run says about where the run comes from. What is absent is left out, since no store tells it from
 * `undefined`; asked of every field, because spreading and sifting them took longer than all else that begins a recording.
 */
export function timelineMetadata(
  { trigger, event, key }: RunEnvironment,
  version: string | undefined,
  parent: RunOrigin['parent'],
): Readonly<Record<string, unknown>> {
  const { causationId, correlationId } = event
  const metadata: Record<string, unknown> = {
    triggerId: trigger.id,
    eventId: event.id,
    eventType: event.type,
  }
  if (causationId !== undefined) metadata['causationId'] = causationId
  if (correlationId !== undefined) metadata['correlationId'] = correlationId
  if (key !== undefined) metadata['key'] = key
  if (version !== undefined) metadata['version'] = version
  if (parent) {
    metadata['parentRunId'] = parent.parentRunId
    metadata['parentSeq'] = parent.parentSeq
  }
  return metadata
}
