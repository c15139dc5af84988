/** Reads server-sent events from a response, unlike `EventSource` also one that needed a header. */
export interface ServerSentEvent {
  /** @default 'message' */
  readonly type: string
  readonly data: string
}

/** The events of a stream, until it ends. */
export async function* readServerSentEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<ServerSentEvent> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const blocks = (rest + decoder.decode(value, { stream: true })).split('\n\n')
      rest = blocks.pop()!
      for (const block of blocks) {
        const event = parseBlock(block)
        if (event) yield event
      }
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

/** An event as text; `data` must not contain line ends, as JSON does not. */
export function formatServerSentEvent(type: string, data: string): string {
  return `event: ${type}\ndata: ${data}\n\n`
}

function parseBlock(block: string): ServerSentEvent | undefined {
  let type = 'message'
  const data: string[] = []
  for (const line of block.split('\n')) {
    if (line.startsWith('event:')) type = line.slice(6).trim()
    else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''))
  }
  return data.length > 0 ? { type, data: data.join('\n') } : undefined
}
