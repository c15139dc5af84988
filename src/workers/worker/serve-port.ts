import type { Clock } from '../../core/clock.js'
import type { TaskFunction } from '../../core/step-executor.js'
import { SystemError, describe, isSystemError, serializeError } from '../../core/system-error.js'
import {
  type ManagerCommands,
  PROTOCOL_VERSION,
  type WireMessage,
  type WorkerSettings,
  isWireMessage,
  isWireReply,
} from '../messages/protocol.js'
import { isWireTasks } from '../messages/task-messages.js'
import { workerError } from '../runner/runner-errors.js'
import type { RunnerDefinition } from '../runner/runner.js'
import { createBreather } from './breather.js'
import { preciseClock } from './precise-clock.js'
import { RunnerSet } from './runner-set.js'
import { TaskServer } from './task-server.js'
import { TelemetryBuffer } from './telemetry-buffer.js'
import { WorkerLink } from './worker-link.js'
import type { WorkerPort } from './worker-port.js'

/** What a worker's script offers. */
export interface WorkerScript {
  /** By the name that `testType` says. */
  readonly runners?: Readonly<Record<string, RunnerDefinition>>
  /** By the name that a step's `task` says. */
  readonly tasks?: Readonly<Record<string, TaskFunction<never>>>
  /** @default the host's, with fractions of a millisecond */
  readonly clock?: Clock
}

/** A worker that listens. */
export interface ServedPort {
  /** Tells the manager of something that failed outside any runner or task. */
  reportFault(error: unknown): void
  /** Lets go of everything, and tells nobody: for a worker that shares its thread with others. */
  close(): void
}

/** Answers what comes over the port, once the handshake is over. */
export function servePort(port: WorkerPort, settings: WorkerSettings, script: WorkerScript): ServedPort {
  const { runners = {}, tasks = {}, clock = preciseClock } = script
  const link = new WorkerLink(port, settings, clock)
  const buffer = new TelemetryBuffer({
    clock,
    maxItems: settings.telemetryItems,
    maxDelayMs: settings.telemetryDelayMs,
    send: (batch) => link.sendTelemetry(batch),
  })
  const runnerSet = new RunnerSet(runners, { clock, link, buffer, breather: createBreather(clock) })
  const taskServer = new TaskServer(tasks, link, clock)

  function answer({ command, payload }: WireMessage): unknown {
    switch (command as keyof ManagerCommands) {
      case 'taskCancel':
        return taskServer.cancel(payload as ManagerCommands['taskCancel'])
      case 'addRunner':
        return runnerSet.add(payload as ManagerCommands['addRunner'])
      case 'command':
        return runnerSet.command(payload as ManagerCommands['command'])
      case 'getRunners':
        return runnerSet.reports()
      case 'ping':
        return undefined
      default:
        throw unknownCommand(command)
    }
  }

  async function handle(message: WireMessage): Promise<void> {
    const { id } = message
    try {
      const payload = await answer(message)
      if (id > 0) link.reply({ v: PROTOCOL_VERSION, id, ok: true, payload })
    } catch (error) {
      const failure = isSystemError(error)
        ? error
        : new SystemError('EXECUTION_FAILED', describe(error), { cause: error })
      if (id > 0) link.reply({ v: PROTOCOL_VERSION, id, ok: false, error: serializeError(failure) })
      else reportFault(failure)
    }
  }

  function reportFault(error: unknown): void {
    link.send('fault', { error: serializeError(error) })
  }

  port.onMessage((data) => {
    if (isWireTasks(data)) taskServer.start(data)
    else if (isWireReply(data)) link.settle(data)
    else if (isWireMessage(data)) void handle(data)
    else reportFault(unreadable(data))
  })
  link.send('ready', { runners: Object.keys(runners), tasks: Object.keys(tasks) })
  return {
    reportFault,
    close() {
      runnerSet.close()
      taskServer.close()
      buffer.close()
      port.close()
    },
  }
}

const COMMANDS = ['addRunner', 'command', 'getRunners', 'ping', 'taskCancel']

function unknownCommand(command: string): SystemError {
  return workerError(
    'INVALID_COMMAND',
    'UNKNOWN_COMMAND',
    `A worker does not know the command "${command}": allowed are ${COMMANDS.join(', ')}`,
    { command, allowed: COMMANDS },
  )
}

function unreadable(data: unknown): SystemError {
  return new SystemError(
    'VALIDATION',
    `Cannot read ${describe(data).slice(0, 200)}: it is no message of this version`,
    {
      context: { issues: [{ path: 'v', message: `must be ${PROTOCOL_VERSION}` }] },
    },
  )
}
