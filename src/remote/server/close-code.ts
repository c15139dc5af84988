/** Why the server closes a socket: the code, and the reason that goes with it. */
export const CLOSE = {
  stopping: [1001, 'Server stopping'],
  malformed: [1007, 'Too many malformed messages'],
  notRegistered: [1008, 'Not registered in time'],
  idInUse: [1008, 'Worker id is in use'],
  tooLarge: [1009, 'Message too large'],
  tooMany: [1013, 'Too many workers or registrations, try again later'],
  authentication: [4001, 'Authentication failed'],
  revoked: [4001, 'Authentication token revoked'],
  replaced: [4003, 'Replaced by new connection'],
  heartbeat: [4003, 'Heartbeat timeout'],
} as const satisfies Record<string, readonly [code: number, reason: string]>

export type CloseReason = keyof typeof CLOSE
