import type { HostExit, HostOpenOptions, WorkerHost, WorkerHostFactory } from 'busline/workers'
import type { WireMessage, WireReply } from '../../../src/workers/messages/protocol.js'

/** A host whose worker is played by the test. */
export interface ScriptedHost extends WorkerHost {
  readonly options: HostOpenOptions
  /** What the manager has sent, but for pings. */
  readonly sent: WireMessage[]
  isTerminated: boolean
  /** What the worker sends. */
  tell(command: string, payload: unknown): void
  reply(id: number, payload: unknown): void
  exit(exit?: HostExit): void
}

/** Opens hosts that answer as `answer` says; `undefined` answers nothing. They are ready at once unless it says otherwise. */
export function scriptedHosts({
  answer = () => undefined,
  isReady = true,
}: {
  answer?: (message: WireMessage, host: ScriptedHost) => unknown
  isReady?: boolean
} = {}): WorkerHostFactory & { readonly opened: ScriptedHost[] } {
  const opened: ScriptedHost[] = []
  return {
    kind: 'scripted',
    opened,
    open(options) {
      const send = (message: WireMessage | WireReply) => queueMicrotask(() => options.onMessage(message))
      const host: ScriptedHost = {
        name: options.name,
        options,
        sent: [],
        isTerminated: false,
        tell: (command, payload) => send({ v: 1, id: 0, command, payload }),
        reply: (id, payload) => send({ v: 1, id, ok: true, payload }),
        exit: (exit = {}) => options.onExit(exit),
        post(message) {
          if (!('command' in message)) return
          if (message.command !== 'ping') host.sent.push(message)
          const payload = answer(message, host)
          if (payload !== undefined && message.id > 0) host.reply(message.id, payload)
        },
        terminate: async () => {
          host.isTerminated = true
          options.onExit({})
        },
      }
      opened.push(host)
      if (isReady) host.tell('ready', { runners: ['any'], tasks: [] })
      return host
    },
  }
}
