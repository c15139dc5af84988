/** Why a message was refused; stands as `code` in the `error` message that answers it. */
export type ProtocolFaultCode =
  /** A binary frame, where text is spoken. */
  | 'BINARY'
  /** More bytes than are allowed at this point. */
  | 'TOO_LARGE'
  /** Nested deeper than anything of use is. */
  | 'TOO_DEEP'
  | 'NOT_JSON'
  /** JSON, but not an object with a `type`. */
  | 'NO_TYPE'
  /** A field is missing or wrong; `path` names it. */
  | 'INVALID_MESSAGE'
  /** Well formed, but nobody here handles it. Does not count as malformed. */
  | 'UNKNOWN_TYPE'
  /** Something other than a registration from a socket that has not registered. */
  | 'NOT_REGISTERED'
  /** The socket has registered already, under another id. */
  | 'ALREADY_REGISTERED'
  /** Speaks of another worker than the one that registered on this socket. */
  | 'WRONG_WORKER'

/** What is wrong with one message. Never an exception: to receive nonsense is expected. */
export interface ProtocolFault {
  readonly code: ProtocolFaultCode
  readonly message: string
  /** The field, dotted, such as `capabilities.models.0.modelId`. */
  readonly path?: string
}

/** A message that was understood, or what is wrong with it. */
export type Parsed<Message> =
  { readonly ok: true; readonly message: Message } | { readonly ok: false; readonly fault: ProtocolFault }

export function refuse(
  code: ProtocolFaultCode,
  message: string,
  path?: string,
): Parsed<never> & { ok: false } {
  return { ok: false, fault: { code, message, ...(path === undefined ? {} : { path }) } }
}
